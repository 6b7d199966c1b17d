"""Publishes change events of one resource, as one of its source departments (R10.2, R13).

Every event is checked against schema and contract, framed for the registry, and sent by an
idempotent producer: once, in order per key, acknowledged by all in-sync replicas. What is refused
raises before anything is sent; what can't be delivered is reported by `flush`, and one by one to
whoever asks for outcomes. librdkafka retries what may be retried for ten minutes; nothing is sent
again behind that, because it could overtake a later state of its key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from infra.kafka.clients import Access
from producers.change_events import MAX_BYTES, ChangeEvents
from producers.envelopes import EventIds
from producers.outcomes import Outcome, Outcomes
from schemas.catalogue import Contract
from schemas.clock import MicrosClock
from schemas.errors import AccessDenied, SharebusError, Unavailable
from schemas.names import ENVELOPE_HEADER, HEARTBEAT_HEADER, raw_topic
from schemas.policy import RowFilter

Headers = list[tuple[str, str | bytes | None]]
FLUSH_TIMEOUT_S: Final = 120.0
INTERRUPTED_FLUSH_S: Final = 3.0
PARTITION_UA: Final = -1
"""Kafka's word for: where the key belongs."""
_POLL_EVERY: Final = 256


class Publisher:
    """Sends upserts and deletes of one resource. For one thread.

    As a context manager it flushes at the end of the block, also where the block raised: what
    `upsert` and `delete` took is sent all the same, and what of it was not delivered stands in a
    note on the exception.

    Args:
        access: the source department's principal.
        contract: of the resource.
        schema: the Avro schema that `schema_id` names in the registry.
        schema_id: its id.
        source: id of the source department.
        scope: the rows that the source answers for; None for all.
        clock, event_ids: injected.
        on_outcome: is told of every event, from inside `upsert`, `delete` and `flush`; costs about
            a third of the speed.
    """

    def __init__(
        self,
        access: Access,
        contract: Contract,
        schema: Mapping[str, Any],
        schema_id: int,
        source: str,
        *,
        scope: RowFilter | None = None,
        clock: MicrosClock,
        event_ids: EventIds,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._resource, self._source = contract.resource, source
        self._events = ChangeEvents(
            contract, schema, schema_id, source, scope=scope, clock=clock, event_ids=event_ids
        )
        self._partitions = contract.partitions
        self._topic = raw_topic(contract.resource, source)
        self._outcomes = Outcomes(on_outcome)
        self._producer = access.producer(
            {
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 200_000,
                "delivery.timeout.ms": 600_000,
                "delivery.report.only.error": on_outcome is None,
            }
        )
        self._produce = self._producer.produce
        self.sent = 0

    @property
    def delivered(self) -> int:
        """Events that the broker has acknowledged up to now."""
        return self.sent - self._outcomes.failed - len(self._producer)

    def upsert(self, items: Mapping[str, Any], occurred_at: datetime | None = None) -> None:
        """Send the present state of one row; waits where the queue is full.

        Args:
            items: a value for every item of the contract.
            occurred_at: when the change took effect at the source; now if left out.

        Raises:
            InvalidRecord: naming item and reason; nothing was sent.
        """
        key, value = self._events.upsert(items, occurred_at)
        self._send(key, value)

    def delete(self, key: str, occurred_at: datetime | None = None) -> None:
        """Say that the row of this key is no more; its envelope travels in a header.

        Raises:
            InvalidRecord: the key is none, too long, or another source's; nothing was sent.
        """
        encoded, envelope = self._events.delete(key, occurred_at)
        self._send(encoded, None, [(ENVELOPE_HEADER, envelope)])

    def heartbeat(self) -> None:
        """Say that the source is alive and has nothing to say; an event to each partition.

        Enforcement counts it and passes it on nowhere. Without it nobody could tell a source that
        stands still from one that is silent.
        """
        for partition in range(self._partitions):
            key, envelope = self._events.heartbeat()
            self._send(key, None, [(HEARTBEAT_HEADER, envelope)], partition)

    def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> int:
        """Wait until everything is delivered; return how many events were, in all.

        Raises:
            AccessDenied: the broker does not let the department write this resource.
            Unavailable: events were not delivered; sending them again is safe.
        """
        deadline = time.monotonic() + timeout_s
        failures = self._outcomes.failures
        while left := len(self._producer):
            self._producer.poll(0.1)
            # What is refused is told at once, and not behind what waits for the broker.
            if failures or time.monotonic() > deadline:
                break
        if left and not failures:
            failures["_TIMED_OUT"] = left
        if failures:
            self._raise()
        return self.delivered

    def _raise(self) -> None:
        reasons = ", ".join(f"{count} x {name}" for name, count in self._outcomes.failures.items())
        if "TOPIC_AUTHORIZATION_FAILED" in self._outcomes.failures:
            raise AccessDenied(
                f"{self._source} may not write {self._resource}",
                where=reasons,
                remedy="Only the entry's sources may; see: sharebus catalogue list",
            )
        raise Unavailable(
            "some events were not delivered",
            where=reasons,
            remedy="Send them again: the last state of a key wins",
        )

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.flush()
            return
        # Who interrupts wants it to end; what is on its way arrives within a moment, or is told.
        patience_s = FLUSH_TIMEOUT_S if isinstance(error, Exception) else INTERRUPTED_FLUSH_S
        try:
            self.flush(patience_s)
        except SharebusError as undelivered:
            left = self.sent - self.delivered
            error.add_note(f"{left:,} of {self.sent:,} events were not delivered: {undelivered}")

    def _send(
        self,
        key: bytes,
        value: bytes | None,
        headers: Headers | None = None,
        partition: int = PARTITION_UA,
    ) -> None:
        number = self.sent
        report = self._outcomes.report(number)
        while True:
            try:
                # Arguments by their place: naming them costs a quarter of the call.
                if headers is None:
                    self._produce(self._topic, value, key, partition, report)
                else:
                    self._produce(self._topic, value, key, partition, report, headers=headers)
                break
            except BufferError:
                self._producer.poll(0.1)
        self.sent = number + 1
        if number % _POLL_EVERY == 0:
            self._producer.poll(0)


__all__ = ["MAX_BYTES", "Outcome", "Publisher"]
