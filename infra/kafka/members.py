"""Which member of a consumer group has which partitions, as the group's coordinator tells it.

Each broker is asked over aiokafka's wire: librdkafka's admin client aborts the process when the
connection to a coordinator breaks while it is asked (DescribeConsumerGroups, its pull request
5397).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

from infra.kafka.clients import Access
from infra.kafka.wire import Wire, converse
from schemas.errors import Unavailable

Place = tuple[str, int]
_PROBLEM: Final = "the coordinator of a group does not tell its members"
_TEXT = String("utf-8")


def assigned(access: Access, group: str, timeout_s: float) -> dict[str, frozenset[Place]]:
    """Return topics and partitions by static member; others by the id that the broker gave them.

    A static member that ended is there until its session is over.

    Args:
        access: may describe the group.
        group: its name; one that is unknown has no members.
        timeout_s: for the brokers' answers, in seconds.

    Raises:
        Unavailable: no broker says that it is the group's coordinator, or one did not answer.
    """

    async def ask(wire: Wire) -> list[Any]:
        return await asyncio.wait_for(wire.ask_each([_Describe(group)]), timeout_s)

    answers = [answer.groups[0] for answer in converse(access, ask, _PROBLEM)]
    told = [answer for answer in answers if answer[0] == 0]
    if not told:
        raise Unavailable(_PROBLEM, where=group, remedy="Look again: sharebus status")
    return {
        instance or member: _places(assignment)
        for *_, members, _ in told
        for member, instance, *_, assignment in members
    }


def _places(assignment: bytes) -> frozenset[Place]:
    if not assignment:  # while the group is being divided anew
        return frozenset()
    found = ConsumerProtocolMemberAssignment.decode(assignment)
    return frozenset((place.topic, place.partition) for place in found.partitions())


class _Answer(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION = 15, 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", _TEXT),
                ("state", _TEXT),
                ("protocol_type", _TEXT),
                ("protocol", _TEXT),
                (
                    "members",
                    Array(
                        ("member_id", _TEXT),
                        ("group_instance_id", _TEXT),
                        ("client_id", _TEXT),
                        ("client_host", _TEXT),
                        ("metadata", Bytes),
                        ("assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class _Question(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY, API_VERSION, RESPONSE_TYPE = 15, 4, _Answer
    SCHEMA = Schema(("groups", Array(_TEXT)), ("include_authorized_operations", Boolean))


class _Describe(Request[_Question]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _Question.API_KEY

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([self._group], False)
