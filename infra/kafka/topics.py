"""Topics and how they are kept, as the design's table says; creating one is idempotent.

Partition counts never change: a key's order holds only within its partition.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from confluent_kafka.admin import AdminClient, TopicMetadata
from confluent_kafka.cimpl import NewTopic

from infra.kafka.clients import translated
from schemas import names
from schemas.errors import InvalidInput, Unavailable

CALL_TIMEOUT_S = 30.0
_DAY_MS = 86_400_000
_AT_ONCE = 200
"""Topics asked for in one request: the controller takes at most 10,000 changes in one, and each
partition and setting of a topic is one."""
_COMPACTED = {
    "cleanup.policy": "compact",
    "delete.retention.ms": str(35 * _DAY_MS),
    "max.compaction.lag.ms": str(7 * _DAY_MS),
    "segment.ms": str(_DAY_MS),
}
_INDEXED = {
    "index.interval.bytes": str(64 * 1024),
    "segment.index.bytes": str(256 * 1024),
}
"""Kafka maps two index files of 10 MB for each partition and notes a place in them every 4 KB; the
first note costs milliseconds where the machine reads far ahead, and a thousand partitions stood
still for seconds. One so small, noted in so seldom, still has room for a whole segment, 1 GiB."""
LARGEST_BATCH_BYTES = 1_048_588
_SIZED = {"max.message.bytes": str(LARGEST_BATCH_BYTES)}
"""Kafka's default, said for each topic: a cluster with less would refuse what enforcement lets out
(`Limits.max_output_bytes`) for ever."""
UNCOMPACTED_MS = _DAY_MS
"""Whatever is younger in `accepted` was not superseded by compaction: inspection counts on it."""
RAW_KEPT_DAYS = 30
OFFSETS_KEPT_DAYS = RAW_KEPT_DAYS + 7
"""How long a cluster has to keep committed offsets of a group without members: as long as records
of raw topics may be there, of which a segment is closed after a week (Kafka's `log.roll.hours`)."""
_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it has to be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)


def _kept(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * _DAY_MS)}


BUS_TOPICS = (
    # One node: a tail that a power cut takes would break the chain, so every entry is flushed.
    Topic(names.LEDGER, 1, {**_FOR_EVER, "flush.messages": "1"}),
    Topic(names.METERING, 4, _kept(430)),
    Topic(names.FINDINGS, 4, _kept(430)),
    Topic(names.PROGRESS, 1, {**_COMPACTED, "segment.ms": str(_DAY_MS)}),
    Topic(names.SCHEMAS, 1, {"cleanup.policy": "compact"}),
)


def commands(department: str) -> Topic:
    """Where one department's people send commands."""
    return Topic(names.commands_topic(department), 1, _kept(30))


def of_resource(resource: str, sources: Iterable[str], partitions: int) -> tuple[Topic, ...]:
    """Topics of a resource: one that each source writes, and two of enforcement's.

    All have as many partitions: a record keeps its number, and one worker has a number of all.
    """
    raw = {**_kept(RAW_KEPT_DAYS), "message.timestamp.type": "LogAppendTime"}
    accepted = {**_COMPACTED, "min.compaction.lag.ms": str(UNCOMPACTED_MS)}
    return (
        *(Topic(names.raw_topic(resource, source), partitions, raw) for source in sources),
        Topic(names.accepted_topic(resource), partitions, accepted),
        Topic(names.quarantine_topic(resource), partitions, _kept(30)),
    )


def of_view(topic: str, partitions: int) -> Topic:
    """A view's topic."""
    return Topic(topic, partitions, _COMPACTED)


def replication_of(brokers: int) -> int:
    """Return how many replicas a partition has in a cluster of so many brokers: three at most."""
    return min(3, brokers)


def in_sync_of(brokers: int) -> int:
    """Return how many replicas must have a record before it is acknowledged.

    With three, one may be lost without losing a record or the ability to write.
    """
    return max(1, replication_of(brokers) - 1)


def configuration(topic: Topic, brokers: int) -> dict[str, str]:
    """Return a topic's whole configuration in a cluster of so many brokers."""
    return {**_INDEXED, **_SIZED, **topic.config, "min.insync.replicas": str(in_sync_of(brokers))}


def create(admin: AdminClient, topics: Collection[Topic], *, brokers: int = 1) -> None:
    """Create the topics that are missing, and wait until the broker serves them.

    Args:
        admin: may create them.
        topics: as they have to be.
        brokers: of the cluster; says how often each record is kept.

    Raises:
        InvalidInput: one exists with another partition count.
        Unavailable: the broker refused or did not answer.
    """
    replication = replication_of(brokers)
    wanted = [
        NewTopic(t.name, t.partitions, replication, config=configuration(t, brokers))
        for t in topics
    ]
    for first in range(0, len(wanted), _AT_ONCE):
        for future in admin.create_topics(wanted[first : first + _AT_ONCE]).values():
            _finish(future, "a topic could not be created", unless="TOPIC_ALREADY_EXISTS")
    _await_served(admin, topics)


def delete(admin: AdminClient, topic: str) -> None:
    """Delete a topic, if there is one, and wait until it is gone.

    Raises:
        Unavailable: the broker refused or did not answer.
    """
    for future in admin.delete_topics([topic]).values():
        _finish(future, "a topic could not be deleted", unless="UNKNOWN_TOPIC_OR_PART")
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while exists(admin, topic):
        if time.monotonic() > deadline:
            raise Unavailable("the topic is still there", where=topic)
        time.sleep(0.05)


def exists(admin: AdminClient, topic: str) -> bool:
    """Tell whether the broker has the topic."""
    return partition_count(admin, topic) > 0


def partition_count(admin: AdminClient, topic: str) -> int:
    """Return how many partitions a topic has; 0 when there is no such topic."""
    found = _served(admin).get(topic)
    return len(found.partitions) if found else 0


def _served(admin: AdminClient) -> Mapping[str, TopicMetadata]:
    with translated("the broker did not say which topics it has"):
        return admin.list_topics(timeout=CALL_TIMEOUT_S).topics


def _finish(future: Future[None], problem: str, *, unless: str) -> None:
    try:
        with translated(problem):
            future.result(CALL_TIMEOUT_S)
    except Unavailable as error:
        if error.where != unless:
            raise


def _await_served(admin: AdminClient, topics: Collection[Topic]) -> None:
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        served = _served(admin)
        missing = [t.name for t in topics if t.name not in served or served[t.name].error]
        for topic in topics:
            found = len(served[topic.name].partitions) if topic.name not in missing else 0
            if found and found != topic.partitions:
                raise InvalidInput(
                    f"{topic.name} has {found} partitions, not {topic.partitions}",
                    remedy="Partition counts never change; keep the contract's first number",
                )
        if not missing:
            return
        if time.monotonic() > deadline:
            raise Unavailable("topics are not served", where=", ".join(missing))
        time.sleep(0.05)
