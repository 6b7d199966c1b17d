"""Where partitions end, and how far groups have got."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Final

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.kafka.clients import Access, close, translated
from infra.kafka.moving import until_settled

_PATIENCE_S: Final = 5.0
"""With a partition's leader; then it is looked up anew."""


def committed_offsets(
    access: Access, group: str, partitions: Collection[tuple[str, int]], timeout_s: float = 30
) -> dict[tuple[str, int], int]:
    """Return what a group has committed, as (topic, partition) to offset; 0 where nothing yet.

    Asked by a consumer that never joins, and asked again while the group's coordinator moves.
    AdminClient.list_consumer_group_offsets ends the process with a segmentation fault when the
    group's coordinator has moved, as it does when a broker is lost (librdkafka issue 5040): an
    admin client has no group to look for it with.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask.
    """
    if not partitions:
        return {}
    places = [TopicPartition(*place) for place in partitions]
    consumer = access.consumer(group)
    try:
        with translated("committed offsets can't be asked for"):
            return until_settled(lambda: _committed(consumer, places, timeout_s), timeout_s)
    finally:
        close(consumer)


def _committed(
    consumer: Consumer, places: list[TopicPartition], timeout_s: float
) -> dict[tuple[str, int], int]:
    found = consumer.committed(places, timeout_s)
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return {(place.topic, place.partition): max(place.offset, 0) for place in found}


def end_offsets(
    admin: AdminClient,
    partitions: Collection[tuple[str, int]],
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    timeout_s: float = 30,
) -> dict[tuple[str, int], int]:
    """Return where each partition ends now, as (topic, partition) to offset.

    Asked again while a partition's leader moves, as a new topic's does, and a lost broker's: the
    admin client alone would wait for that one to come back.

    Args:
        admin: asks.
        partitions: of which topics and partitions.
        isolation: READ_COMMITTED gives the end that readers of committed records can reach at
            once. READ_UNCOMMITTED gives the end of everything begun: whoever reads committed
            records up to there misses nothing that was acknowledged before, and waits meanwhile
            for open transactions to be decided. (A commit is acknowledged before its markers are
            written, so right after one the first end may still stand before its records.)
        timeout_s: for so long it is asked again; the last answer is waited for some seconds more.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask.
    """
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for topic, number in partitions}
    if not wanted:
        return {}
    patience_s, attempts = min(timeout_s, _PATIENCE_S), count()

    def ask() -> dict[tuple[str, int], int]:
        if next(attempts):
            for topic in {topic for topic, _ in partitions}:
                admin.list_topics(topic, patience_s)  # which looks up the leaders
        futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=patience_s)
        return {
            (found.topic, found.partition): int(future.result(2 * patience_s).offset)
            for found, future in futures.items()
        }

    with translated("the end of a topic could not be asked for"):
        return until_settled(ask, timeout_s)
