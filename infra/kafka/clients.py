"""How the bus's processes and its people reach Kafka: one place for what every client must have.

Every producer partitions by `murmur2_random`, so that Java, Faust and librdkafka put a key on the
same partition; every consumer reads committed records only. Configuration is librdkafka's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from schemas.errors import Unavailable

Config = Mapping[str, str | int | float | bool]

READ_TO_END: Final[Config] = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
"""For consumers that read up to an end. A topic written in transactions ends with a marker, which
only the end-of-partition event passes; by default that comes after half a second of silence."""

ON_LOOPBACK: Final[Mapping[str, str]] = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
}

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
            # Whoever came while a partition had no leader may miss that it has one again (a
            # producer opened as its broker came back sent nothing for 30 s). By default it asks
            # after five minutes.
            "topic.metadata.refresh.interval.ms": 10_000,
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
            # Without it a consumer never asks again once every broker was taken for lost, as the
            # only one is when its machine stood still for ten seconds (measured; others do).
            "metadata.recovery.strategy": "rebootstrap",
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
