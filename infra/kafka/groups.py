"""A grant's consumer groups: which there are, how far they are, and setting them anew.

Asked with the grant's own credential, which sees its own groups only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from infra.kafka import topics
from infra.kafka.clients import Access, close, translated
from infra.kafka.offsets import committed_offsets, end_offsets
from schemas.errors import InvalidInput
from schemas.starting_point import START, Start

_TIMEOUT_S: Final = 30.0
_MEMBERS_LEFT: Final = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
    }
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group as the broker shows it; `lag` counts messages, marks of transactions included."""

    name: str
    state: str
    members: int
    lag: int


def groups_of(access: Access, prefix: str, topic: str) -> list[Group]:
    """Return the groups whose names begin with the prefix, with their lag on a topic.

    Raises:
        Unavailable: the broker does not answer.
    """
    admin: Any = access.admin()
    with translated("the groups could not be asked for"):
        listed = admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid
        names = sorted(each.group_id for each in listed if each.group_id.startswith(prefix))
        if not names:
            return []
        described = admin.describe_consumer_groups(names, request_timeout=_TIMEOUT_S)
        places = [(topic, p) for p in range(topics.partition_count(admin, topic))]
        ends = end_offsets(admin, places)
        found = []
        for name in names:
            about = described[name].result()
            known = committed_offsets(access, name, places, _TIMEOUT_S)
            lag = sum(max(0, ends[place] - known[place]) for place in places)
            found.append(Group(name, about.state.name.lower(), len(about.members), lag))
    return found


def has_members(access: Access, group: str) -> bool:
    """Tell whether somebody reads in the group now.

    Raises:
        Unavailable: the broker does not answer.
    """
    admin: Any = access.admin()
    with translated("the group could not be asked for"):
        future = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)[group]
        return bool(future.result().members)


def offsets_at(
    consumer: Consumer, places: list[TopicPartition], start: Start
) -> list[TopicPartition]:
    """Return the places with the offset of the first message at or after a time, or of an end."""
    if isinstance(start, datetime):
        asked = [
            TopicPartition(p.topic, p.partition, int(start.timestamp() * 1000)) for p in places
        ]
        found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    else:
        found = [TopicPartition(p.topic, p.partition, -1) for p in places]
    for place in found:
        if place.offset < 0:  # behind the last message, or an end was asked for
            low, high = consumer.get_watermark_offsets(place, _TIMEOUT_S)
            place.offset = low if start == START else high
    return found


def reset(access: Access, group: str, topic: str, start: Start) -> tuple[int, ...]:
    """Set where a group stands on all partitions of a topic, and return the offsets; idempotent.

    Raises:
        InvalidInput: the group has members, which would overwrite it.
        Unavailable: the broker does not answer.
    """
    consumer = access.consumer(group)
    try:
        with translated("the group could not be set"):
            count = topics.partition_count(access.admin(), topic)
            places = [TopicPartition(topic, number) for number in range(count)]
            wanted = offsets_at(consumer, places, start)
            try:
                consumer.commit(offsets=wanted, asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() in _MEMBERS_LEFT:
                    raise InvalidInput("the group has members", where=group) from error
                raise
    finally:
        close(consumer)
    return tuple(place.offset for place in sorted(wanted, key=lambda place: place.partition))
