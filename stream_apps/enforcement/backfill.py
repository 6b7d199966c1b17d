"""Fills a new view from `accepted`, one slice a transaction, until it has met the live position.

The loop stands still meanwhile, so `accepted[p]` ends where the partition's live offset stands; the
last step says LIVE, and the view takes part from the next transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, close, end_offsets
from schemas.errors import Unavailable
from schemas.ledger.state import View
from schemas.names import accepted_topic
from stream_apps.enforcement.batches import Input, Output
from stream_apps.enforcement.progress import Progress, progress_key
from stream_apps.enforcement.resource import ResourceEnforcement
from stream_apps.enforcement.tally import Tally

SLICE: Final = 5000
PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class FillStep:
    """One transaction's worth: what to produce, its count, and where the fill stands after it."""

    outputs: list[Output]
    tally: Tally
    key: bytes
    after: Progress


def fill_steps(
    access: Access,
    group: str,
    enforcement: ResourceEnforcement,
    view: View,
    partition: int,
    progress: Progress,
) -> Iterator[FillStep]:
    """Yield the steps that are still missing; none for a partition that is live.

    Each step has to be committed before the next is asked for.

    Raises:
        Unavailable: `accepted` can't be read, or a slice of it doesn't come within a minute.
    """
    if progress.live:
        return
    topic = accepted_topic(enforcement.resource)
    # Also what the loop has committed a moment ago, of which the markers may not be written yet.
    begun = IsolationLevel.READ_UNCOMMITTED
    end = end_offsets(access.admin(), [(topic, partition)], begun)[topic, partition]
    key = progress_key(view.topic, partition)
    consumer = access.consumer(f"{group}.backfill", READ_TO_END)
    consumer.assign([TopicPartition(topic, partition, progress.next_offset)])
    enforced = enforcement.view(view)
    try:
        while not progress.live:
            batch, reached = Input(topic, partition), progress.next_offset
            deadline = time.monotonic() + PATIENCE_S
            while reached < end and len(batch.offsets) < SLICE:
                if time.monotonic() > deadline:
                    raise Unavailable("accepted is too slow", where=f"{topic}/{partition}")
                for message in consumer.consume(SLICE - len(batch.offsets), 0.05):
                    error = message.error()
                    if error is None:
                        batch.extend([message])
                        reached = (message.offset() or 0) + 1
                    elif error.code() == KafkaError._PARTITION_EOF:
                        reached = max(reached, message.offset() or 0)
                    else:
                        raise Unavailable("accepted can't be read", where=error.name())
            tally = Tally(
                enforcement.resource, "", partition, progress.next_offset, "backfill", reached
            )
            outputs = list(enforcement.fill(batch, tally, enforced)) if batch.offsets else []
            progress = Progress(view.opened, reached, live=reached >= end)
            yield FillStep(outputs, tally, key, progress)
    except KafkaException as error:
        raise Unavailable("accepted can't be read", where=error.args[0].name()) from error
    finally:
        close(consumer)
