"""Reads topics with a plain consumer, from given offsets to their present ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.faults.law import Content

Place = tuple[str, int]
LIMIT_S: Final = 3600
log = logging.getLogger(__name__)
Pairs = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Found:
    """A record as it lies there."""

    partition: int
    offset: int
    content: Content
    key_is_null: bool


def read(connection: Mapping[str, str], starts: Mapping[Place, int]) -> Iterator[Found]:
    """Yield the committed records of one topic's partitions, each partition in its order.

    Args:
        connection: librdkafka's properties that lead to the broker.
        starts: where to begin, for every partition.
    """
    consumer = Consumer(
        {
            **connection,
            "group.id": "faults.checker",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        },
        logger=log,
    )
    consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
    unread, deadline = set(starts), time.monotonic() + LIMIT_S
    try:
        while unread:
            assert time.monotonic() < deadline, f"{unread} can't be read to their ends"
            for message in consumer.consume(10_000, 0.2):
                error = message.error()
                place = (message.topic() or "", message.partition() or 0)
                if error is None:
                    key, headers = message.key(), cast(Pairs, message.headers() or [])
                    told = tuple((name, value or b"") for name, value in headers)
                    content = (key or b"", message.value(), told)
                    yield Found(place[1], message.offset() or 0, content, key is None)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(place)
                else:
                    assert error.retriable() or error.code() == KafkaError._TRANSPORT, error
    finally:
        consumer.close()
