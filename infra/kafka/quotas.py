"""Quotas of principals: how fast each may read and write, and how much of the broker it may use.

No Python client asks for them, so that the two requests (Kafka's keys 48 and 49) are written down
here on aiokafka's wire types. The calls are synchronous and open a connection each: quotas change
when a department or a grant does. Those that take a `Wire` are parts of a longer conversation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Float64, Int8, Int16, Int32, Schema, String

from infra.kafka.clients import Access
from infra.kafka.wire import Wire, check, converse

_PROBLEM: Final = "the broker did not tell or set quotas"
_USER: Final = "user"
_EXACTLY: Final = 0
_ANY_NAME: Final = 2
_TEXT = String("utf-8")


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
CUT_OFF: Final = Quota(1, None, 1e-6)
"""Of a credential that has ended: a fetch that waits at the broker is answered without records,
because the broker asks for the quotas when it answers, and any record is more than the first one.
But Kafka makes the time that a reader then has to wait an int of milliseconds: an answer of 2.1 MB
and more overflows it, and may pass. The second one is bounded to a second, so it never does; any
request exceeds it, too."""


def quotas(access: Access) -> dict[str, Quota]:
    """Return the quota of every principal that has one.

    Args:
        access: needs DESCRIBE_CONFIGS on the cluster.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask; `where` names
            the error.
    """
    return _read(converse(access, lambda wire: wire.ask(_Describe()), _PROBLEM))


def put_quota(access: Access, principal: str, quota: Quota) -> None:
    """Set exactly these limits for a principal, others of it are removed; NO_QUOTA removes all.

    Args:
        access: needs ALTER_CONFIGS on the cluster.
        principal: the broker user, whether there is one or not.
        quota: its limits.

    Raises:
        Unavailable: the broker did not do it, or did not answer; `where` names the error.
    """
    put_quotas(access, [principal], quota)


def put_quotas(access: Access, principals: Collection[str], quota: Quota) -> None:
    """Set exactly these limits for each of several principals, as `put_quota` does for one."""
    if principals:
        converse(access, partial(set_on, principals, quota), _PROBLEM)


async def set_on(principals: Collection[str], quota: Quota, wire: Wire) -> None:
    """Do what `put_quotas` does, as a part of a conversation."""
    limits = {each.name: getattr(quota, each.name) for each in fields(quota)}
    answer = await wire.ask(_Alter(principals, limits))
    for code, _, _ in answer.entries:
        check(code, _PROBLEM)


async def wait_set(principals: Collection[str], quota: Quota, wire: Wire) -> None:
    """Wait until each broker shows that each of these principals has exactly this quota."""
    asked = [_Describe(principal) for principal in principals]
    await wire.wait_shown(asked, lambda answer: list(_read(answer).values()) == [quota])


def _read(answer: Any) -> dict[str, Quota]:
    check(answer.error_code, _PROBLEM)
    known = {each.name for each in fields(Quota)}
    found: dict[str, Quota] = {}
    for entity, values in answer.entries or ():
        name = dict(entity).get(_USER)
        if name is not None:
            found[name] = Quota(**{k: v for k, v in values if k in known})
    return found


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

    def __init__(self, principal: str | None = None) -> None:
        self._principal = principal

    def build(self, request_struct_class: type[_DescribeRequest]) -> _DescribeRequest:
        match = _ANY_NAME if self._principal is None else _EXACTLY
        return request_struct_class([(_USER, match, self._principal)], True)


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

    def __init__(self, principals: Iterable[str], limits: Mapping[str, float | None]) -> None:
        self._principals, self._limits = principals, limits

    def build(self, request_struct_class: type[_AlterRequest]) -> _AlterRequest:
        changes = [(name, value or 0.0, value is None) for name, value in self._limits.items()]
        entries = [([(_USER, principal)], changes) for principal in self._principals]
        return request_struct_class(entries, False)
