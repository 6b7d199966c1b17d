"""Quotas of principals: how fast each may read and write, and how much of the broker it may use.

No Python client asks for them, so that the two requests (Kafka's keys 48 and 49) are written down
here on aiokafka's wire types. The calls are synchronous and open a connection each: quotas change
when a department or a grant does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int8, Int16, Int32, Schema, String

from infra.kafka.clients import Access
from infra.kafka.tls import tls_context
from schemas.errors import Unavailable

CALL_TIMEOUT_S = 30.0
_USER: Final = "user"
_ANY_NAME: Final = 2
_TEXT = String("utf-8")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quota:
    """What a principal may take; None: without a limit.

    The fields are named as Kafka names them.

    Attributes:
        consumer_byte_rate: bytes a second read, on each broker.
        producer_byte_rate: bytes a second written, on each broker.
        request_percentage: of the time of one of the broker's request threads.
    """

    consumer_byte_rate: float | None = None
    producer_byte_rate: float | None = None
    request_percentage: float | None = None

    @property
    def limits(self) -> dict[str, float]:
        """The limits there are, by Kafka's names."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


NO_QUOTA: Final = Quota()
_MIB = 1024 * 1024.0
OF_DEPARTMENT: Final = Quota(50 * _MIB, 100 * _MIB, 100)
"""A publishing department writes 100,000 persons a second at a quarter of this."""
OF_GRANT: Final = Quota(100 * _MIB, None, 100)
CUT_OFF: Final = Quota(1, None, None)
"""Of a grant that is being revoked: a fetch that waits at the broker gets nothing more."""


def quotas(access: Access) -> dict[str, Quota]:
    """Return the quota of every principal that has one.

    Args:
        access: needs DESCRIBE_CONFIGS on the cluster.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask; `where` names
            the error.
    """
    answer = _ask(access, _Describe())
    _check(answer.error_code)
    known = {each.name for each in fields(Quota)}
    found: dict[str, Quota] = {}
    for entity, values in answer.entries or ():
        name = dict(entity).get(_USER)
        if name is not None:
            found[name] = Quota(**{k: v for k, v in values if k in known})
    return found


def put_quota(access: Access, principal: str, quota: Quota) -> None:
    """Set exactly these limits for a principal, others of it are removed; NO_QUOTA removes all.

    Args:
        access: needs ALTER_CONFIGS on the cluster.
        principal: the broker user, whether there is one or not.
        quota: its limits.

    Raises:
        Unavailable: the broker did not do it, or did not answer; `where` names the error.
    """
    limits = {each.name: getattr(quota, each.name) for each in fields(quota)}
    answer = _ask(access, _Alter(principal, limits))
    for code, _, _ in answer.entries:
        _check(code)


def _check(code: int) -> None:
    if code:
        raise _unavailable(for_code(code).message)


def _unavailable(name: str) -> Unavailable:
    return Unavailable(
        "the broker did not tell or set quotas", where=name, remedy="Check with: sharebus doctor"
    )


def _ask(access: Access, request: Request[RequestStruct]) -> Any:
    async def ask(client: AIOKafkaClient) -> Response:
        answer: Response = await client.send(client.get_random_node(), request)
        return answer

    try:
        return asyncio.run(asyncio.wait_for(_with_client(access, ask), CALL_TIMEOUT_S))
    except KafkaError as error:
        raise _unavailable(type(error).__name__) from error
    except (TimeoutError, OSError) as error:
        raise _unavailable("_TIMED_OUT") from error


async def _with_client(access: Access, do: Callable[[AIOKafkaClient], Awaitable[T]]) -> T:
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
        return await do(client)
    finally:
        await client.close()


_ENTITY = Array(("entity_type", _TEXT), ("entity_name", _TEXT))


class _DescribeAnswer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 48, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", _TEXT),
        (
            "entries",
            Array(("entity", _ENTITY), ("values", Array(("key", _TEXT), ("value", Float64)))),
        ),
    )


class _DescribeRequest(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 48, 0, _DescribeAnswer
    SCHEMA = Schema(
        ("components", Array(("entity_type", _TEXT), ("match_type", Int8), ("match", _TEXT))),
        ("strict", Boolean),
    )


class _Describe(Request[_DescribeRequest]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _DescribeRequest.API_KEY

    def build(self, request_struct_class: type[_DescribeRequest]) -> _DescribeRequest:
        return request_struct_class([(_USER, _ANY_NAME, None)], True)


class _AlterAnswer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 49, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("entries", Array(("error_code", Int16), ("error_message", _TEXT), ("entity", _ENTITY))),
    )


class _AlterRequest(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 49, 0, _AlterAnswer
    SCHEMA = Schema(
        (
            "entries",
            Array(
                ("entity", _ENTITY),
                ("ops", Array(("key", _TEXT), ("value", Float64), ("remove", Boolean))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _Alter(Request[_AlterRequest]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _AlterRequest.API_KEY

    def __init__(self, principal: str, limits: Mapping[str, float | None]) -> None:
        self._principal, self._limits = principal, limits

    def build(self, request_struct_class: type[_AlterRequest]) -> _AlterRequest:
        changes = [(name, value or 0.0, value is None) for name, value in self._limits.items()]
        return request_struct_class([([(_USER, self._principal)], changes)], False)
