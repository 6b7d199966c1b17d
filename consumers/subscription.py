"""Reads a grant's view: decoded records, at least once, in order per key.

A record counts as used when the next one is asked for; only then is its offset committed. Whoever
stops in the middle gets the last record again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeAlias

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from consumers.properties import GrantProperties
from consumers.records import Record, RecordDecoder
from consumers.trouble import Trouble
from infra.kafka.clients import close
from infra.registry.client import RegistryClient
from schemas.errors import InvalidInput, Unavailable

_client_log = logging.getLogger("consumers.librdkafka")

_BATCH: Final = 1000
_TIMEOUT_S: Final = 30.0

START: Final = "start"
END: Final = "end"
Start: TypeAlias = datetime | str
"""A time, `START` or `END`."""


class Subscription:
    """Iterates a grant's view.

    Args:
        properties: of the grant.
        group: the part of the consumer group's name behind the grant's prefix; subscribers in one
            group share the work, each group reads everything.
        until_end: stop at the present end instead of waiting for more.
        start: where to begin instead of where the group stands, for a replay.

    A broker that is away is waited for, and warned of once; with `until_end` for a minute.

    Raises (from iteration):
        GrantRevoked: the grant ended; what was read until then stays valid use.
        Unavailable: the registry does not answer, or with `until_end` the broker.
    """

    def __init__(
        self,
        properties: GrantProperties,
        *,
        group: str = "default",
        until_end: bool = False,
        start: Start | None = None,
    ) -> None:
        self._until_end, self._start = until_end, start
        self._begun: set[int] = set()
        self._decoder = RecordDecoder(RegistryClient(properties.registry_url))
        self._trouble = Trouble(properties)
        self._ended: set[int] = set()
        self._stopped = False
        self._consumer = Consumer(
            {
                **properties.config,
                "group.id": f"{properties.group_prefix}{group}",
                "enable.auto.offset.store": False,
                "enable.auto.commit": True,
                "auto.commit.interval.ms": 1000,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
                "error_cb": self._trouble.on_error,
            },
            logger=_client_log,
        )
        self._consumer.subscribe([properties.topic], on_assign=self._assign)

    def __iter__(self) -> Iterator[Record]:
        while not self._stopped:
            messages = self._consumer.consume(_BATCH, 0.2)
            for message in messages:
                if message.error() is not None:
                    self._note(message)
                    continue
                self._ended.discard(message.partition() or 0)
                yield self._decoder.decode(message)
                self._consumer.store_offsets(message)
                if self._stopped:
                    return
            self._trouble.check_allowed()
            if any(message.error() is None for message in messages):
                self._trouble.heard()
            elif self._until_end and not messages:
                if self._at_end():
                    return
                self._trouble.check_heard()

    def stop(self) -> None:
        """Let the iteration end behind the present record; for signal handlers and threads."""
        self._stopped = True

    def close(self) -> None:
        """Commit what was used and leave the group."""
        close(self._consumer)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        # Once a partition: what is assigned again later goes on where the group stands.
        new = [place for place in places if place.partition not in self._begun]
        self._begun.update(place.partition for place in places)
        if self._start is not None and new:
            begun = {p.partition: p.offset for p in offsets_at(consumer, new, self._start)}
            for place in places:
                place.offset = begun.get(place.partition, place.offset)
        consumer.assign(places)

    def _at_end(self) -> bool:
        assigned = {place.partition for place in self._consumer.assignment()}
        return bool(assigned) and assigned <= self._ended

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(message.partition() or 0)
            self._trouble.heard()
        else:
            self._trouble.on_error(error)


def offsets_at(
    consumer: Consumer, places: list[TopicPartition], start: Start
) -> list[TopicPartition]:
    """Return the places with the offset of the first message at or after a time, or of an end."""
    if isinstance(start, datetime):
        asked = [
            TopicPartition(p.topic, p.partition, int(start.timestamp() * 1000)) for p in places
        ]
        return consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    offset = OFFSET_BEGINNING if start == START else OFFSET_END
    return [TopicPartition(p.topic, p.partition, offset) for p in places]


def read_start(text: str) -> Start:
    """Return what `start`, `end` or a time in ISO 8601 says.

    Raises:
        InvalidInput: it says nothing of the kind, or a time without its zone.
    """
    if text in (START, END):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is no time", remedy="Give start, end, or 2026-11-01T00:00:00+08:00"
        ) from error
    if at.tzinfo is None:
        raise InvalidInput(
            f"{text!r} does not say in which time zone", remedy="Add it, such as +08:00"
        )
    return at


def check_group(group: str) -> str:
    """Return a group's name, or raise InvalidInput for one that can't stand behind the prefix."""
    if not group or not group.replace("-", "").replace("_", "").isalnum():
        raise InvalidInput(
            f"{group!r} is no group name", remedy="Use letters, digits, hyphens and underscores"
        )
    return group


__all__ = [
    "Record",
    "Start",
    "Subscription",
    "Unavailable",
    "check_group",
    "offsets_at",
    "read_start",
]
