"""Publishes change events of one resource, as one of its source departments (R10.2, R13).

Every event is checked against schema and contract, framed for the registry, and sent by an
idempotent producer: once, in order per key, acknowledged by the broker. What is refused raises
before anything is sent; what can't be delivered is reported by `flush`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final

import fastavro
from confluent_kafka import KafkaError, Message

from infra.kafka.clients import Access
from producers.items import ItemChecks
from schemas.catalogue import Contract
from schemas.clock import Clock, NewId, micros
from schemas.codec import frame_prefix, load_event_schema
from schemas.errors import AccessDenied, InvalidRecord, Unavailable
from schemas.names import ENVELOPE_HEADER, raw_topic
from schemas.policy import Limits

Headers = list[tuple[str, str | bytes | None]]
FLUSH_TIMEOUT_S: Final = 120.0
MAX_BYTES: Final = Limits().max_record_bytes
"""Of a record, key and value together; the bus would quarantine a larger one."""


class Publisher:
    """Sends upserts and deletes of one resource.

    Args:
        access: the source department's principal.
        contract: of the resource.
        schema: the Avro schema that `schema_id` names in the registry.
        schema_id: its id.
        source: id of the source department.
        clock, new_id: injected; the clock also numbers events, see `upsert`.
    """

    def __init__(
        self,
        access: Access,
        contract: Contract,
        schema: Mapping[str, Any],
        schema_id: int,
        source: str,
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._contract, self._source = contract, source
        self._clock, self._new_id = clock, new_id
        self._schema = fastavro.parse_schema(dict(schema))
        self._envelope_schema = fastavro.parse_schema(load_event_schema("envelope"))
        self._checks = ItemChecks(contract, schema)
        self._frame = frame_prefix(schema_id)
        self._topic = raw_topic(contract.resource, source)
        self._producer = access.producer(
            {
                "linger.ms": 20,
                "batch.size": 262_144,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 200_000,
            }
        )
        self._sequence = 0
        self._failures: dict[str, int] = {}
        self.delivered = 0

    def upsert(self, items: Mapping[str, Any], occurred_at: datetime | None = None) -> None:
        """Send the present state of one row.

        Events are numbered by the clock's microseconds, strictly increasing, so that a later run
        continues above an earlier one without asking anybody.

        Args:
            items: a value for every item of the contract.
            occurred_at: when the change took effect at the source; now if left out.

        Raises:
            InvalidRecord: naming item and reason; nothing was sent.
        """
        self._checks.check(items)
        buffer = io.BytesIO(self._frame)
        buffer.seek(len(self._frame))
        record = {"envelope": self._envelope(occurred_at), **items}
        try:
            fastavro.schemaless_writer(buffer, self._schema, record, strict=True)
        except (ValueError, TypeError, KeyError, OverflowError):
            # The cause's text quotes the value, so it goes no further.
            raise InvalidRecord("does-not-fit-schema") from None
        self._send(str(items[self._contract.key]), buffer.getvalue(), [])

    def delete(self, key: str, occurred_at: datetime | None = None) -> None:
        """Say that the row of this key is no more; its envelope travels in a header."""
        self._checks.check_key(key)
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, self._envelope_schema, self._envelope(occurred_at))
        self._send(key, None, [(ENVELOPE_HEADER, buffer.getvalue())])

    def flush(self) -> int:
        """Wait until everything is delivered; return how many events were, in all.

        Raises:
            AccessDenied: the broker does not let the department write this resource.
            Unavailable: events were not delivered; sending them again is safe.
        """
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        if left:
            self._failures["_TIMED_OUT"] = self._failures.get("_TIMED_OUT", 0) + left
        if self._failures:
            reasons = ", ".join(f"{count} x {name}" for name, count in self._failures.items())
            if "TOPIC_AUTHORIZATION_FAILED" in self._failures:
                raise AccessDenied(
                    f"{self._source} may not write {self._contract.resource}",
                    where=reasons,
                    remedy="Only the entry's sources may; see: sharebus catalogue list",
                )
            raise Unavailable(
                "some events were not delivered",
                where=reasons,
                remedy="Send them again: the last state of a key wins",
            )
        return self.delivered

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

    def _envelope(self, occurred_at: datetime | None) -> dict[str, Any]:
        now = self._clock()
        self._sequence = max(self._sequence + 1, micros(now))
        return {
            "event_id": self._new_id().bytes,
            "sequence": self._sequence,
            "source": self._source,
            "resource": self._contract.resource,
            "occurred_at": occurred_at or now,
        }

    def _send(self, key: str, value: bytes | None, headers: Headers) -> None:
        key_bytes = key.encode("utf-8")
        if len(key_bytes) + len(value or b"") > MAX_BYTES:
            raise InvalidRecord(f"larger-than-{MAX_BYTES}-bytes")
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    key_bytes,
                    on_delivery=self._on_delivery,
                    headers=headers,
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _on_delivery(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failures[error.name()] = self._failures.get(error.name(), 0) + 1
