"""Reads a grant's view: decoded records, at least once, in order per key.

A record counts as used when the next one is asked for; only then is its offset committed. Whoever
stops in the middle gets the last record again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from consumers.properties import GrantProperties
from consumers.records import Record, RecordDecoder
from consumers.trouble import Trouble
from infra.kafka.clients import close
from infra.kafka.groups import offsets_at
from infra.registry.client import RegistryClient
from schemas.errors import Unavailable
from schemas.names import check_group
from schemas.starting_point import Start

_client_log = logging.getLogger("consumers.librdkafka")

_BATCH: Final = 1000


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
        self._decoder = RecordDecoder(RegistryClient(properties.registry))
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
                if self.at_end():
                    return
                self._trouble.check_heard()

    def stop(self) -> None:
        """Let the iteration end behind the present record; for signal handlers and threads."""
        self._stopped = True

    def at_end(self) -> bool:
        """Tell whether all there was to read has been read, as far as the broker has answered."""
        assigned = {place.partition for place in self._consumer.assignment()}
        return bool(assigned) and assigned <= self._ended

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

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(message.partition() or 0)
            self._trouble.heard()
        else:
            self._trouble.on_error(error)


__all__ = ["Record", "Subscription", "Unavailable", "check_group"]
