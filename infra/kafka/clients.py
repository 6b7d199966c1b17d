"""How the bus's processes and its people reach Kafka: one place for what every client must have.

Every producer partitions by `murmur2_random`, so that Java, Faust and librdkafka put a key on the
same partition; every consumer reads committed records only. Configuration is librdkafka's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Final

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.errors import Unavailable

Config = Mapping[str, str | int | float | bool]

READ_TO_END: Final[Config] = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
"""For consumers that read up to an end. A topic written in transactions ends with a marker, which
only the end-of-partition event passes; by default that comes after half a second of silence."""

ON_LOOPBACK: Final[Mapping[str, str]] = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
}

COORDINATOR_MOVES: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""What a broker answers that is not, or not yet, the coordinator: to be asked again."""
_MOVING_S: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """A principal's way to the broker; its representation shows no secret.

    Attributes:
        bootstrap: hosts and ports, joined by commas.
        principal: the broker user.
        password: of that user; empty where `connection` itself says who it is.
        connection: librdkafka's properties that say how to connect; by default SCRAM without TLS,
            as the bus's own broker wants it on loopback.
    """

    bootstrap: str
    principal: str
    password: str = field(repr=False)
    connection: Mapping[str, str] = field(default_factory=lambda: ON_LOOPBACK, repr=False)

    def config(self, overrides: Config | None = None) -> dict[str, str | int | float | bool]:
        """Return librdkafka's configuration for this principal, with overrides."""
        user = {"sasl.username": self.principal, "sasl.password": self.password}
        return {
            "bootstrap.servers": self.bootstrap,
            **self.connection,
            **(user if self.password else {}),
            "client.id": self.principal,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            # By default librdkafka rebootstraps when its last connection is closed, and against one
            # node an idle client's is, every 10 s: a transaction begun then hung 11 to 20 s.
            "metadata.recovery.strategy": "none",
            "log.connection.close": False,
            **(overrides or {}),
        }

    def admin(self) -> AdminClient:
        """Return an admin client."""
        return AdminClient(self.config(), logger=log)

    def producer(self, overrides: Config | None = None) -> Producer:
        """Return an idempotent producer: acknowledged by all replicas, in order, no duplicates."""
        config: Config = {
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            **(overrides or {}),
        }
        return Producer(self.config(config), logger=log)

    def consumer(self, group: str, overrides: Config | None = None) -> Consumer:
        """Return a consumer of committed records that commits nothing by itself."""
        config: Config = {
            "group.id": group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # A partition whose queue is full is asked again after this; by default after 1 s, in
            # which a fast reader has long emptied it (measured: a fifth of enforcement's time).
            "fetch.queue.backoff.ms": 20,
            **(overrides or {}),
        }
        return Consumer(self.config(config), logger=log)


@contextmanager
def translated(problem: str) -> Iterator[None]:
    """Turn what librdkafka raises, and the end of one's patience, into an error of the bus.

    Args:
        problem: what then has not been done, one sentence without a final full stop.

    Raises:
        Unavailable: instead; `where` is the name of Kafka's error, such as TOPIC_ALREADY_EXISTS,
            or of librdkafka's own, such as _TIMED_OUT.
    """
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        cause = error.args[0] if error.args else None
        if isinstance(error, TimeoutError):
            name = "_TIMED_OUT"  # as librdkafka calls it where it is the one that waits
        else:
            name = cause.name() if isinstance(cause, KafkaError) else str(cause)
        raise Unavailable(problem, where=name, remedy="Check with: sharebus doctor") from error


def close(consumer: Consumer, timeout_s: float = 10) -> None:
    """Commit what was stored and leave the group; after a while, go on without an answer.

    When its broker has just gone, librdkafka's close waits for the session's end (measured: 45 s)
    or for ever (librdkafka issue 4519), and holds off Ctrl-C meanwhile. What is given up is a
    courtesy to the group: it notices after the session's timeout, and what was not committed is
    delivered again.
    """

    def leave() -> None:
        try:
            consumer.close()
        except (KafkaException, RuntimeError) as error:
            log.warning("a consumer did not close cleanly: %s", error)

    leaving = Thread(target=leave, name="close", daemon=True)
    leaving.start()
    leaving.join(timeout_s)
    if leaving.is_alive():
        log.warning("a consumer did not close within %.0f s and is left alone", timeout_s)


def committed_offsets(
    access: Access, group: str, partitions: Collection[tuple[str, int]], timeout_s: float = 30
) -> dict[tuple[str, int], int]:
    """Return what a group has committed, as (topic, partition) to offset; 0 where nothing yet.

    Asked by a consumer that never joins, and asked again while the group's coordinator moves.
    AdminClient.list_consumer_group_offsets ends the process
    with a segmentation fault when the group's coordinator has moved, as it does when a broker is
    lost (librdkafka issue 5040): an admin client has no group to look for it with.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask.
    """
    if not partitions:
        return {}
    places = [TopicPartition(*place) for place in partitions]
    deadline = time.monotonic() + timeout_s
    consumer = access.consumer(group)
    try:
        with translated("committed offsets can't be asked for"):
            while True:
                try:
                    return _committed(consumer, places, timeout_s)
                except KafkaException as error:
                    moving = error.args[0].code() in COORDINATOR_MOVES
                    if not moving or time.monotonic() > deadline:
                        raise
                time.sleep(_MOVING_S)
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

    Args:
        admin: asks.
        partitions: of which topics and partitions.
        isolation: READ_COMMITTED gives the end that readers of committed records can reach at
            once. READ_UNCOMMITTED gives the end of everything begun: whoever reads committed
            records up to there misses nothing that was acknowledged before, and waits meanwhile
            for open transactions to be decided. (A commit is acknowledged before its markers are
            written, so right after one the first end may still stand before its records.)
        timeout_s: at most so long.

    Raises:
        Unavailable: the broker did not answer, or does not let the principal ask.
    """
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for topic, number in partitions}
    if not wanted:
        return {}
    with translated("the end of a topic could not be asked for"):
        futures = admin.list_offsets(wanted, isolation_level=isolation)
        return {
            (found.topic, found.partition): int(future.result(timeout_s).offset)
            for found, future in futures.items()
        }
