"""Reads a grant's view: decoded records, at least once, in order per key.

A record counts as used when the next one is asked for; only then is its offset committed. Whoever
stops in the middle gets the last record again. With the offset goes when the end was last reached
(`group_places.py`), so that whoever was away too long is told, and misses no delete in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from consumers.group_places import GroupPlaces
from consumers.properties import GrantProperties
from consumers.records import Record, RecordDecoder
from consumers.trouble import Trouble
from infra.clock import system_clock
from infra.kafka.clients import close
from infra.registry.client import RegistryClient
from schemas.clock import Clock
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
        clock: present time.

    A broker that is away is waited for, and warned of once; with `until_end` for a minute.

    Kafka forgets where a group stands when nobody has read in it for a year: it then begins at the
    start as a new one does, and nobody can tell it so.

    Raises (from iteration):
        ResyncRequired: deletes may have been missed. The group last stood at the view's end over
            30 days ago, or the broker no longer has what it would read next. Read from the start
            (`start=START`, or another group), and drop the keys that do not come.
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
        clock: Clock = system_clock,
    ) -> None:
        self._until_end = until_end
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
                # A place that is lost is told; where a new group begins is said when it is taken.
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
                "error_cb": self._trouble.on_error,
            },
            logger=_client_log,
        )
        remedy = (
            "Read from the start, and drop the keys that do not come: in another group, with "
            f"--group NAME, or after: sharebus grants reset {properties.grant} --group {group} "
            "--to start"
        )
        self._places = GroupPlaces(self._consumer, properties.topic, remedy, start, clock)
        self._untaken: list[TopicPartition] = []
        self._consumer.subscribe(
            [properties.topic], on_assign=self._on_assign, on_revoke=self._on_revoke
        )

    def __iter__(self) -> Iterator[Record]:
        while not self._stopped:
            messages = self._consumer.consume(_BATCH, 0.2)
            self._take()
            self._places.check()
            for message in messages:
                if message.error() is not None:
                    self._note(message)
                    continue
                self._ended.discard(message.partition() or 0)
                yield self._decoder.decode(message)
                self._places.used(message.partition() or 0, message.offset() or 0)
                if self._stopped:
                    return
            self._trouble.check_allowed()
            self._places.renew(self._ended)
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

    def _on_assign(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        # Where to begin is asked outside: errors of the connection are not heard in here.
        consumer.assign([])
        self._untaken = assigned

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._untaken = []
        self._ended.clear()
        self._places.let_go()

    def _take(self) -> None:
        if self._untaken:
            try:
                places = self._places.take(self._untaken)
            except KafkaException as error:
                self._trouble.on_error(error.args[0])
                return
            self._consumer.assign(places)
            self._untaken = []

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        partition = message.partition() or 0
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(partition)
            self._places.ended(partition, message.offset() or 0)
            self._trouble.heard()
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise self._places.lost(partition)
        else:
            self._trouble.on_error(error)


__all__ = ["Record", "Subscription", "Unavailable", "check_group"]
