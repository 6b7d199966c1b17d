"""What the enforcement loop counts: a few calls a commit, and none for a record."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.observability.recorder import Recorder
from schemas.clock import Clock, micros
from stream_apps.enforcement.pace import LONGEST_TRANSACTION_S
from stream_apps.enforcement.tally import Tally

log = logging.getLogger(__name__)
_PREFIX: Final = "sharebus_enforcement_"


class LoopMetrics:
    """Counts what is certain: after a commit, not before.

    Args:
        recorder: of the worker.
        clock: tells when it committed.
    """

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder, self._clock = recorder, clock

    def committed(self, tallies: Iterable[Tally], commit_s: float, whole_s: float) -> None:
        """Count what a commit made certain, and how long it and the whole transaction took."""
        count = self._recorder.count
        for tally in tallies:
            count(f"{_PREFIX}records_in", tally.records, resource=tally.resource)
            for reason, number in tally.quarantined.items():
                count(f"{_PREFIX}quarantined", number, resource=tally.resource, reason=reason)
            for view, let in tally.views.items():
                count(f"{_PREFIX}records_out", let.out, resource=tally.resource, view=view)
        self._recorder.set(f"{_PREFIX}committed_at", micros(self._clock()) / 1e6)
        self._recorder.observe(f"{_PREFIX}commit_seconds", commit_s)
        self._recorder.observe(f"{_PREFIX}transaction_seconds", whole_s)
        if whole_s > LONGEST_TRANSACTION_S:
            log.warning("a transaction took %.1f s, %.1f of them its commit", whole_s, commit_s)

    def behind(self, consumer: Consumer, offsets: Mapping[tuple[str, int], int]) -> None:
        """Note how far partitions are behind the ends that the consumer saw last; asks nobody."""
        for (topic, partition), offset in offsets.items():
            place = TopicPartition(topic, partition)
            try:
                high = consumer.get_watermark_offsets(place, cached=True)[1]
            except KafkaException:  # not this consumer's any more
                continue
            self._recorder.set(
                f"{_PREFIX}lag", max(0, high - offset), topic=topic, partition=partition
            )

    def owns_anew(self) -> None:
        """Forget how far partitions were behind that may be another worker's now."""
        self._recorder.clear(f"{_PREFIX}lag")

    def gave_up(self) -> None:
        """Count a transaction whose fate is unknown."""
        self._recorder.count(f"{_PREFIX}aborts")

    def reopened(self) -> None:
        """Count a producer."""
        self._recorder.count(f"{_PREFIX}reopens")
