"""How far each view is filled, per source partition: read on assignment, written in transactions.

The record of a view's partition says which opening of the view it is about; a view that was ended
and opened again is filled anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import IsolationLevel, KafkaError, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, close
from infra.kafka.offsets import end_offsets
from schemas.codec import event_codec
from schemas.errors import Unavailable
from schemas.ledger.subjects import View
from schemas.names import PROGRESS

Place = tuple[str, int]
"""View topic and source partition."""
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """Next offset of `accepted` to read for a view's partition, or live."""

    opened: int
    next_offset: int = 0
    live: bool = False

    def encode(self) -> bytes:
        """Return the record for the topic `progress`."""
        return event_codec("progress").encode(
            {"opened": self.opened, "next_offset": self.next_offset, "live": self.live}
        )


def progress_key(view_topic: str, partition: int) -> bytes:
    """Return the record key of a view's partition."""
    return f"{view_topic}/{partition}".encode()


def progress_of(known: dict[Place, Progress], view: View, partition: int) -> Progress:
    """Return the progress of this opening of the view; none yet means: from the start."""
    progress = known.get((view.topic, partition))
    if progress is None or progress.opened != view.opened:
        return Progress(view.opened)
    return progress


def read_progress(access: Access, group: str) -> dict[Place, Progress]:
    """Return all that is committed in the topic `progress`, transactions under way awaited.

    Raises:
        Unavailable: its end was not reached in time.
    """
    begun = IsolationLevel.READ_UNCOMMITTED
    end = end_offsets(access.admin(), [(PROGRESS, 0)], begun)[PROGRESS, 0]
    consumer = access.consumer(group, READ_TO_END)
    consumer.assign([TopicPartition(PROGRESS, 0, 0)])
    known: dict[Place, Progress] = {}
    reached, deadline = 0, time.monotonic() + _TIMEOUT_S
    try:
        while reached < end:
            for message in consumer.consume(1000, 0.1):
                error = message.error()
                if error is None:
                    topic, _, partition = (message.key() or b"").decode().rpartition("/")
                    record = event_codec("progress").decode(message.value() or b"")
                    known[topic, int(partition)] = Progress(**record)
                    reached = (message.offset() or 0) + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached = max(reached, message.offset() or 0)
            if time.monotonic() > deadline:
                raise Unavailable("the topic progress could not be read to its end")
    finally:
        close(consumer)
    return known
