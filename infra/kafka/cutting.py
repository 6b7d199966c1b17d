"""Ends what principals may read, at every broker, also for a fetch that a broker holds already.

A fetch is authorised when it arrives and may then be held as long as its client likes. What is
asked when it is answered are the quotas: with those of a cut the answer holds no record. So they
come first, and stay until no such fetch can be left (`longest_idle_s`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Any, Final

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String
from confluent_kafka.admin import AdminClient

from infra.kafka import access_control, quotas
from infra.kafka.broker_settings import set_at
from infra.kafka.clients import Access
from infra.kafka.observed import ends_of
from infra.kafka.wire import Wire, check, converse

_PROBLEM: Final = "a cut is not complete"
_ANY: Final = 1
_TEXT = String("utf-8")
_IDLE: Final = "connections.max.idle.ms"


def cut_off(
    access: Access, principals: Collection[str], topics: Collection[str] = ()
) -> dict[str, tuple[int, ...]]:
    """Let principals read nothing any more: quota, then ACLs, then credential; idempotent.

    Each step is shown by every broker before the next (the last one by one of them: nobody without
    ACLs gets anything by logging in). When this returns, none of them is sent a record any more
    that is appended later, whatever it asked for before. Its quota stays.

    Args:
        access: needs ALTER, DESCRIBE, ALTER_CONFIGS and DESCRIBE_CONFIGS on the cluster.
        principals: whose access ends.
        topics: what they could read.

    Returns:
        By topic, where each partition ended when nobody of them could read it any more.

    Raises:
        Unavailable: a broker refused or did not answer; the steps that were done stay done.
    """
    return converse(access, partial(_cut_off, access.admin(), principals, topics), _PROBLEM)


async def _cut_off(
    admin: AdminClient, principals: Collection[str], topics: Collection[str], wire: Wire
) -> dict[str, tuple[int, ...]]:
    await quotas.set_on(principals, quotas.CUT_OFF, wire)
    # Brokers apply changes in their order: where the ACLs are seen to go, the quota is in force.
    await quotas.wait_set(principals, quotas.CUT_OFF, wire)
    await asyncio.to_thread(access_control.delete_all, admin, *principals)
    await wire.wait_shown([_Acls(principal) for principal in principals], _shows_none)
    dropping = asyncio.to_thread(access_control.drop_user, admin, *principals)
    _, ends = await asyncio.gather(dropping, asyncio.to_thread(ends_of, admin, topics))
    return ends


def longest_idle_s(access: Access) -> float | None:
    """Return after how long without a word each broker closes a connection; None: never, or untold.

    A client whose fetch is held says nothing: the broker reads the next request only when it has
    answered. So none is held longer.

    Args:
        access: needs DESCRIBE_CONFIGS on the cluster.

    Raises:
        Unavailable: a broker did not answer, or does not let the principal ask.
    """
    limits = [int(told) for told in set_at(access, _IDLE).values()]
    return max(limits) / 1000 if limits and min(limits) >= 0 else None


def _shows_none(answer: Any) -> bool:
    check(answer.error_code, _PROBLEM)
    return not answer.resources


class _AclsAnswer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 29, 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", _TEXT),
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                ("pattern_type", Int8),
                (
                    "acls",
                    Array(
                        ("principal", _TEXT),
                        ("host", _TEXT),
                        ("operation", Int8),
                        ("permission_type", Int8),
                    ),
                ),
            ),
        ),
    )


class _AclsRequest(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 29, 1, _AclsAnswer
    SCHEMA = Schema(
        ("resource_type", Int8),
        ("resource_name", _TEXT),
        ("pattern_type", Int8),
        ("principal", _TEXT),
        ("host", _TEXT),
        ("operation", Int8),
        ("permission_type", Int8),
    )


class _Acls(Request[_AclsRequest]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _AclsRequest.API_KEY

    def __init__(self, principal: str) -> None:
        self._principal = principal

    def build(self, request_struct_class: type[_AclsRequest]) -> _AclsRequest:
        who = f"User:{self._principal}"
        return request_struct_class(_ANY, None, _ANY, who, None, _ANY, _ANY)
