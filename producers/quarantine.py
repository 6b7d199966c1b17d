"""What was not accepted of a source, as `quarantine` tells it: where and why, never what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from confluent_kafka import IsolationLevel, KafkaError, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, close, translated
from infra.kafka.offsets import end_offsets
from infra.kafka.topics import partition_count
from infra.ledger.profiles import Profile
from schemas.codec import event_codec
from schemas.errors import AccessDenied, InvalidInput, Unavailable
from schemas.names import quarantine_topic
from schemas.policy import Reason

_PATIENCE_S: Final = 60.0
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_DENIED: Final = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One record that was not accepted; its coordinates are those on its raw topic."""

    at: datetime
    topic: str
    partition: int
    offset: int
    reason: str

    @property
    def meaning(self) -> str:
        """What the reason means; empty for one that this version doesn't know."""
        try:
            return Reason.from_text(self.reason).meaning
        except KeyError:
            return ""


def since_of(text: str, now: datetime) -> datetime:
    """Return the moment that `30m`, `12h`, `7d`, a date or a time with zone says.

    Raises:
        InvalidInput: it says none.
    """
    try:
        if text[-1:] in _UNITS and text[:-1].isascii() and text[:-1].isdecimal():
            return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
        if len(text) <= len("2026-01-01"):
            return found.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        "--since says no moment",
        remedy="Say 30m, 12h, 7d, a date such as 2026-01-31, or a time with its zone, such as "
        "2026-01-31T08:00+08:00",
    )


_OF_FILLS: Final = ""


def read_quarantine(
    access: Access, profile: Profile, resource: str, since: datetime | None = None
) -> Iterator[Quarantined]:
    """Yield what was not accepted of the profile's department, in each partition in order.

    What fills of views found in `accepted` and could not let out is told to every source.

    Args:
        access: the department's.
        profile: whose department.
        resource: of which resource.
        since: when it was refused at the earliest; everything kept if left out.

    Raises:
        AccessDenied: the department is no source of the resource.
        Unavailable: it can't be read to its present end.
    """
    topic = quarantine_topic(resource)
    codec = event_codec("quarantine")
    admin = access.admin()
    places = [(topic, p) for p in range(partition_count(admin, topic))]
    denied = AccessDenied(
        f"{profile.department} is no source of {resource}",
        remedy="Only the entry's sources see what was not accepted; see: sharebus catalogue list",
    )
    if not places:
        raise denied  # who may not see a topic is told that there is none
    ends = end_offsets(admin, places, IsolationLevel.READ_UNCOMMITTED)
    consumer = access.consumer(f"{profile.group_prefix}quarantine", READ_TO_END)
    try:
        starts = [TopicPartition(*place, 0) for place, end in ends.items() if end]
        if since is not None and starts:
            millis = int(since.timestamp() * 1000)
            with translated("quarantine could not be searched by time"):
                asked = [TopicPartition(place.topic, place.partition, millis) for place in starts]
                starts = consumer.offsets_for_times(asked, 30)
            starts = [place for place in starts if place.offset >= 0]
        consumer.assign(starts)
        left, heard = {(each.topic, each.partition) for each in starts}, time.monotonic()
        while left:
            for message in consumer.consume(1000, 0.2):
                error, offset = message.error(), message.offset() or 0
                place = (message.topic() or "", message.partition() or 0)
                if error is None:
                    heard = time.monotonic()
                    told = codec.decode(message.value() or b"")
                    offset += 1
                    if told["source"] in (profile.department, _OF_FILLS):
                        at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
                        yield Quarantined(
                            at, told["topic"], told["partition"], told["offset"], told["reason"]
                        )
                elif error.code() in _DENIED:
                    raise denied
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise Unavailable("quarantine can't be read", where=error.name())
                if offset >= ends[place]:
                    left.discard(place)
            if time.monotonic() - heard > _PATIENCE_S:
                raise Unavailable("quarantine does not come to its end", where=topic)
    finally:
        close(consumer)
