"""Where a consumer group stands in a view, and when its readers last stood at the end.

With each offset Kafka keeps a text of the reader's, its metadata. Here that text is what
`Place.current_at` is to a target that keeps its position itself: whoever takes the partition over,
later and elsewhere, knows by it whether deletes can have been missed. An offset without it, as
other clients and `sharebus grants reset` commit it, says nothing: its time begins when it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from consumers.resumption import check_current
from consumers.targets.port import Place
from infra.kafka.groups import offsets_at
from schemas.clock import Clock
from schemas.errors import ResyncRequired
from schemas.starting_point import START, Start

REFRESH: Final = timedelta(hours=1)
"""How often the group is told that a still view is still current."""

_CURRENT_AT: Final = "sharebus.current_at="
_TIMEOUT_S: Final = 5.0
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


def current_at_metadata(current_at: datetime) -> str:
    """Return the text to commit with an offset."""
    return f"{_CURRENT_AT}{current_at.isoformat(timespec='seconds')}"


def read_current_at(metadata: str | None) -> datetime | None:
    """Return the time that such a text says; None where another client wrote it, or nothing."""
    name, text = (metadata or "")[: len(_CURRENT_AT)], (metadata or "")[len(_CURRENT_AT) :]
    try:
        found = datetime.fromisoformat(text) if name == _CURRENT_AT else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


class GroupPlaces:
    """The places of the partitions that one reader of a group has, as they were last known.

    Args:
        consumer: the reader's; it commits in the background what is stored, with its metadata.
        topic: of the view.
        remedy: what to do where deletes may have been missed.
        start: where to begin instead of where the group stands; once a partition.
        clock: present time.
    """

    def __init__(
        self, consumer: Consumer, topic: str, remedy: str, start: Start | None, clock: Clock
    ) -> None:
        self._consumer, self._topic, self._remedy = consumer, topic, remedy
        self._start, self._clock = start, clock
        self._places: dict[int, Place] = {}
        # Of each place's time: making it for every record would take longer than storing it.
        self._metadata: dict[int, str] = {}
        self._told_at: dict[int, datetime] = {}
        self._begun: set[int] = set()

    def take(self, assigned: list[TopicPartition]) -> list[TopicPartition]:
        """Return where to begin on each partition; where the group is new, at the start.

        Raises:
            KafkaException: the broker does not say where the group stands.
        """
        now = self._clock()
        begun: dict[int, int] = {}
        new = [place for place in assigned if place.partition not in self._begun]
        if self._start is not None and new:
            begun = {p.partition: p.offset for p in offsets_at(self._consumer, new, self._start)}
        self.let_go()
        for found in self._consumer.committed(assigned, timeout=_TIMEOUT_S):
            if found.error is not None:
                raise KafkaException(found.error)
            known = read_current_at(found.metadata)
            if found.partition in begun:
                offset = begun[found.partition]
                if self._start == START:
                    known = None  # whoever reads everything misses nothing
            else:
                offset = found.offset if found.offset >= 0 else OFFSET_BEGINNING
            self._set(found.partition, Place(offset, known or now))
            self._told_at[found.partition] = known or _NEVER
        self._begun.update(self._places)
        return [
            TopicPartition(self._topic, p, place.next_offset) for p, place in self._places.items()
        ]

    def let_go(self) -> None:
        """Forget the places: the partitions may be another reader's now."""
        self._places, self._metadata = {}, {}

    def check(self) -> None:
        """Check that no delete can have been missed.

        Raises:
            ResyncRequired: a partition's end was last reached too long ago.
        """
        now = self._clock()
        for partition, place in self._places.items():
            check_current(place, now, self._where(partition), self._remedy)

    def lost(self, partition: int) -> ResyncRequired:
        """Return the error for a place that the broker no longer has."""
        return ResyncRequired(
            "the broker no longer has what comes next",
            where=self._where(partition),
            remedy=self._remedy,
        )

    def used(self, partition: int, offset: int) -> None:
        """Note that the record at an offset was used."""
        if partition in self._metadata:
            self._store(partition, offset + 1)

    def ended(self, partition: int, offset: int) -> None:
        """Note that everything before an end was used: no delete from before now is missing."""
        if partition in self._places:
            self._set(partition, Place(offset, self._clock()))
            self._store(partition, offset)

    def renew(self, ended: Iterable[int]) -> None:
        """Tell the group now and then that who stands at the end is current.

        Where nothing comes the offset stays, and the background commits nothing.

        Args:
            ended: partitions of which nothing came since their end was reached.
        """
        now = self._clock()
        due = [p for p in ended if p in self._places and now - self._told_at[p] >= REFRESH]
        for partition in due:
            self._told_at[partition] = now
            self.ended(partition, self._places[partition].next_offset)
        if due:
            ends = [self._committable(p, self._places[p].next_offset) for p in due]
            self._consumer.commit(offsets=ends)

    def _set(self, partition: int, place: Place) -> None:
        self._places[partition] = place
        self._metadata[partition] = current_at_metadata(place.current_at)

    def _store(self, partition: int, next_offset: int) -> None:
        self._consumer.store_offsets(offsets=[self._committable(partition, next_offset)])

    def _committable(self, partition: int, next_offset: int) -> TopicPartition:
        return TopicPartition(self._topic, partition, next_offset, self._metadata[partition])

    def _where(self, partition: int) -> str:
        return f"{self._topic}, partition {partition}"
