"""Reads all partitions of a grant's view from given offsets, batch by batch.

For targets that keep the position themselves. The consumer group is not joined: where to start is
the target's to say. Offsets are committed to it afterwards and in the background, so that the bus
sees how far the subscriber is; nothing depends on them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from consumers.properties import GrantProperties
from consumers.records import Record, RecordDecoder
from consumers.resumption import ViewNow
from consumers.trouble import Trouble
from infra.kafka.clients import close
from infra.registry.client import RegistryClient
from schemas.errors import ResyncRequired, Unavailable

log = logging.getLogger(__name__)
_client_log = logging.getLogger("consumers.librdkafka")

BATCH: Final = 5000
_TIMEOUT_S: Final = 30.0
_CONSUMER_ONLY: Final = ("group.id", "isolation.level", "auto.offset.reset")


@dataclass(frozen=True, slots=True)
class Batch:
    """What came: records, where each partition goes on, and which of them are at their end."""

    records: list[Record]
    next_offsets: Mapping[int, int]
    at_end: frozenset[int]


class PlacedReader:
    """One reader of a whole view.

    Args:
        properties: of the grant.
        group: the part behind the grant's prefix of the group that offsets are committed to.

    Raises (from every method):
        GrantRevoked: the broker turns the grant away.
        Unavailable: broker or registry do not answer.
    """

    def __init__(self, properties: GrantProperties, *, group: str) -> None:
        self._properties = properties
        self._trouble = Trouble(properties)
        self._decoder = RecordDecoder(RegistryClient(properties.registry))
        self._consumer = Consumer(
            {
                **properties.config,
                "group.id": f"{properties.group_prefix}{group}",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
                "queued.max.messages.kbytes": 32_768,
                "error_cb": self._trouble.on_error,
                "on_commit": self._committed,
            },
            logger=_client_log,
        )
        self._at_end: set[int] = set()

    def view(self) -> ViewNow:
        """Ask the broker how the view is now."""
        topic = self._properties.topic
        config: dict[str, Any] = {
            k: v for k, v in self._properties.config.items() if k not in _CONSUMER_ONLY
        }
        config["error_cb"] = self._trouble.on_error
        admin = AdminClient(config, logger=_client_log)
        futures: Any = admin.describe_topics(TopicCollection([topic]), request_timeout=_TIMEOUT_S)
        deadline = time.monotonic() + _TIMEOUT_S
        while not futures[topic].done() and time.monotonic() < deadline:
            admin.poll(0.1)
            self._trouble.check_allowed()
        try:
            found = futures[topic].result(1)
            places = [TopicPartition(topic, each.id) for each in found.partitions]
            bounds = {p.partition: self._consumer.get_watermark_offsets(p, 15) for p in places}
        except (KafkaException, TimeoutError) as error:
            cause = error.args[0] if error.args else None
            if isinstance(cause, KafkaError):
                self._trouble.on_error(cause)
            self._trouble.check_allowed()
            raise Unavailable(
                "the broker does not say how the view is",
                where=cause.name() if isinstance(cause, KafkaError) else topic,
                remedy="Try again later: reading goes on where it stopped",
            ) from error
        return ViewNow(
            topic,
            f"{found.topic_id.get_most_significant_bits() % 2**64:016x}"
            f"{found.topic_id.get_least_significant_bits() % 2**64:016x}",
            {partition: low for partition, (low, _) in bounds.items()},
            {partition: high for partition, (_, high) in bounds.items()},
        )

    def start(self, offsets: Mapping[int, int]) -> None:
        """Read from these offsets, of all partitions."""
        topic = self._properties.topic
        self._consumer.assign([TopicPartition(topic, p, at) for p, at in offsets.items()])

    def poll(self, timeout_s: float = 0.2) -> Batch:
        """Return what has come, waiting at most so long.

        Raises:
            ResyncRequired: the broker no longer has the offset that is next.
        """
        records: list[Record] = []
        next_offsets: dict[int, int] = {}
        for message in self._consumer.consume(BATCH, timeout_s):
            partition, offset = message.partition() or 0, message.offset() or 0
            error = message.error()
            if error is None:
                records.append(self._decoder.decode(message))
                next_offsets[partition] = offset + 1
                self._at_end.discard(partition)
            elif error.code() == KafkaError._PARTITION_EOF:
                # Behind the last record stand the marks of transactions.
                next_offsets[partition] = max(offset, next_offsets.get(partition, 0))
                self._at_end.add(partition)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise ResyncRequired(
                    "the broker no longer has what comes next",
                    where=f"{self._properties.topic}, partition {partition}",
                    remedy="Run it once more with --resync",
                )
            else:
                self._trouble.on_error(error)
        self._trouble.check_allowed()
        if next_offsets:
            self._trouble.heard()
        return Batch(records, next_offsets, frozenset(self._at_end))

    def check_heard(self) -> None:
        """Raise Unavailable when errors, and nothing else, came for a minute."""
        self._trouble.check_heard()

    def commit(self, offsets: Mapping[int, int], *, wait: bool = False) -> None:
        """Tell the group how far the subscriber is; a failure is only logged."""
        topic = self._properties.topic
        places = [TopicPartition(topic, p, offset) for p, offset in offsets.items()]
        try:
            # With a member of the group at work the broker refuses: two readers, one group.
            if wait:
                self._consumer.commit(offsets=places, asynchronous=False)
            else:
                self._consumer.commit(offsets=places)
        except KafkaException as error:
            log.info("the group was not told: %s", error.args[0].name())

    def close(self) -> None:
        """Let the connections go."""
        close(self._consumer)

    @staticmethod
    def _committed(error: KafkaError | None, _: list[TopicPartition]) -> None:
        if error is not None:
            log.info("the group was not told: %s", error.name())
