"""Requests that no Python client offers, or that each broker has to answer for itself.

librdkafka's admin client asks whichever broker it likes. These connections are aiokafka's, opened
for one conversation: quotas and cuts are rare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct

from infra.kafka.clients import Access
from infra.kafka.tls import tls_context
from schemas.errors import Unavailable

CALL_TIMEOUT_S = 30.0
_TICK_S: Final = 0.01
T = TypeVar("T")


class Wire:
    """The brokers of a cluster, as one conversation reaches them."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client

    async def ask(self, request: Request[RequestStruct]) -> Any:
        """Return the answer of any broker."""
        return await self._client.send(self._client.get_random_node(), request)

    async def ask_each(self, requests: Iterable[Request[RequestStruct]]) -> list[Any]:
        """Return the answers of all brokers to all these requests."""
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        asked = [self._client.send(node, request) for request in requests for node in nodes]
        return list(await asyncio.gather(*asked))

    async def wait_shown(
        self, requests: Collection[Request[RequestStruct]], is_shown: Callable[[Any], bool]
    ) -> None:
        """Ask until every answer is as it should be; the conversation's end bounds it."""
        while not all(map(is_shown, await self.ask_each(requests))):
            await asyncio.sleep(_TICK_S)


def converse(access: Access, conversation: Callable[[Wire], Awaitable[T]], problem: str) -> T:
    """Hold a conversation with the brokers and return its result.

    Args:
        access: who asks.
        conversation: what is asked; it has 30 s.
        problem: what has not been done otherwise, one sentence without a final full stop.

    Raises:
        Unavailable: a broker refused or did not answer; `where` names the error.
    """
    try:
        return asyncio.run(asyncio.wait_for(_with_client(access, conversation), CALL_TIMEOUT_S))
    except KafkaError as error:
        raise _unavailable(problem, type(error).__name__) from error
    except (TimeoutError, OSError) as error:
        raise _unavailable(problem, "_TIMED_OUT") from error


def check(code: int, problem: str) -> None:
    """Raise Unavailable for an answer's error code, unless it is none."""
    if code:
        raise _unavailable(problem, for_code(code).message)


def _unavailable(problem: str, name: str) -> Unavailable:
    return Unavailable(problem, where=name, remedy="Check with: sharebus doctor")


async def _with_client(access: Access, conversation: Callable[[Wire], Awaitable[T]]) -> T:
    client = AIOKafkaClient(
        bootstrap_servers=access.bootstrap.split(","),
        client_id=access.principal,
        security_protocol=access.connection["security.protocol"],
        ssl_context=tls_context(access),
        sasl_mechanism=access.connection["sasl.mechanism"],
        sasl_plain_username=access.principal,
        sasl_plain_password=access.password,
    )
    try:
        await client.bootstrap()
        return await conversation(Wire(client))
    finally:
        await client.close()
