"""Fills new views from `accepted`, one slice a transaction, between the live ones.

A fill reads one partition for all views that begin there at the same offset. Once it has come to
what readers can see of `accepted`, the loop stands still for its last slice: nobody writes there
meanwhile, so the fill ends exactly where the live position is. Its last step says LIVE, and the
views take part from the next transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, Config, close
from infra.kafka.offsets import end_offsets
from infra.kafka.progress import Progress
from schemas.errors import Unavailable
from schemas.names import accepted_topic
from stream_apps.enforcement.batches import Input, Output
from stream_apps.enforcement.resource import ResourceEnforcement
from stream_apps.enforcement.tally import Tally
from stream_apps.enforcement.views import EnforcedView

SLICE: Final = 5000
SLICE_BYTES: Final = 16 * 2**20
"""Also a slice, though of fewer records; one consumed list may pass it."""
PATIENCE_S: Final = 60.0
_READING: Final[Config] = {**READ_TO_END, "queued.max.messages.kbytes": 16_384}


@dataclass(frozen=True, slots=True)
class FillStep:
    """One transaction's worth: what to produce, its count, and where the views stand after it."""

    outputs: list[Output]
    tally: Tally
    after: list[Progress]
    """Of each of the fill's views."""

    @property
    def live(self) -> bool:
        """Whether it was the last one."""
        return self.after[0].live


class Fill:
    """What is still to be filled of one partition, for views that stand at the same offset.

    Args:
        access: the principal that may read `accepted`.
        group: names the reader.
        enforcement: of the resource.
        views: they.
        partition: of the source.
        next_offset: where they stand.
    """

    def __init__(
        self,
        access: Access,
        group: str,
        enforcement: ResourceEnforcement,
        views: Sequence[EnforcedView],
        partition: int,
        next_offset: int,
    ) -> None:
        self.views, self.partition = views, partition
        self._access, self._enforcement = access, enforcement
        self._topic = accepted_topic(enforcement.resource)
        self.reached = next_offset
        self._at_end = False
        self._bytes = 0
        self._cut = enforcement.group(views)
        self._consumer = access.consumer(f"{group}.backfill", _READING)
        self._consumer.assign([TopicPartition(self._topic, partition, next_offset)])

    def step(self, patience_s: float) -> FillStep | None:
        """Return the next slice, to be committed before the next one is asked for.

        To be called between transactions. None: nothing has come yet.

        Args:
            patience_s: how long to wait for a whole slice, or for what can be seen now.

        Raises:
            Unavailable: `accepted` can't be read, or the last slice doesn't come within a minute.
        """
        batch, first = Input(self._topic, self.partition), self.reached
        self._bytes = 0
        try:
            self._read(batch, patience_s)
            live = self._at_end and not self._is_full(batch) and self._read_rest(batch)
        except KafkaException as error:
            raise Unavailable("accepted can't be read", where=error.args[0].name()) from error
        if self.reached == first and not live:
            return None
        tally = Tally(
            self._enforcement.resource, "", self.partition, first, "backfill", self.reached
        )
        outputs = self._enforcement.fill(batch, tally, self._cut) if batch.offsets else []
        after = [Progress(each.view.opened, self.reached, live) for each in self.views]
        return FillStep(outputs, tally, after)

    def close(self) -> None:
        """Read no more."""
        close(self._consumer)

    def _end(self) -> int:
        """Return the end of all that was begun.

        So also of what the loop has committed a moment ago, of which the markers may not be written
        yet.
        """
        place = (self._topic, self.partition)
        begun = IsolationLevel.READ_UNCOMMITTED
        return end_offsets(self._access.admin(), [place], begun)[place]

    def _is_full(self, batch: Input) -> bool:
        return len(batch.offsets) >= SLICE or self._bytes >= SLICE_BYTES

    def _read(self, batch: Input, patience_s: float) -> None:
        """Read a slice, or to what can be seen now, or what comes in time."""
        deadline = time.monotonic() + patience_s
        while True:
            # The reader is told of an end once: it stays one until a record comes.
            self._take(batch, SLICE - len(batch.offsets))
            if self._is_full(batch) or self._at_end or time.monotonic() >= deadline:
                return

    def _read_rest(self, batch: Input) -> bool:
        """Read to the end, unless more than a slice is left; tell whether it was reached.

        It may be far away: what was the end when the broker said so was perhaps passed long ago.
        """
        end = self._end()
        if end - self.reached > SLICE:
            return False
        deadline = time.monotonic() + PATIENCE_S
        while self.reached < end and self._bytes < SLICE_BYTES:
            if time.monotonic() > deadline:
                where = f"{self._topic}/{self.partition}"
                raise Unavailable("accepted is too slow", where=where)
            self._take(batch, SLICE)
        return self.reached >= end

    def _take(self, batch: Input, count: int) -> None:
        came = []
        for message in self._consumer.consume(count, 0.05):
            error = message.error()
            if error is None:
                came.append(message)
                self._at_end = False
                self.reached = (message.offset() or 0) + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._at_end = True
                self.reached = max(self.reached, message.offset() or 0)
            else:
                raise Unavailable("accepted can't be read", where=error.name())
        batch.extend(came)
        self._bytes += sum(len(message.value() or b"") for message in came)
