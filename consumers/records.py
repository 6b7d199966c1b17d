"""One message of a view as a subscriber gets it, and how it is decoded.

Nothing is decoded with a reader schema: what the view holds is what comes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fastavro
from confluent_kafka import Message
from fastavro.types import Schema

from infra.registry.client import RegistryClient
from schemas.codec import load_event_schema, read_frame
from schemas.names import ENVELOPE_HEADER


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a view; `items` is None for a delete.

    `event_id` is 16 bytes (UUIDv7), `occurred_at` aware and in UTC.
    """

    topic: str
    partition: int
    offset: int
    key: str
    event_id: bytes
    sequence: int
    source: str
    occurred_at: datetime
    items: Mapping[str, Any] | None


class RecordDecoder:
    """Decodes messages of views; asks the registry once for each schema."""

    def __init__(self, registry: RegistryClient) -> None:
        self._registry = registry
        self._schemas: dict[int, Schema] = {}
        self._envelope = fastavro.parse_schema(load_event_schema("envelope"))

    def decode(self, message: Message) -> Record:
        """Return the record of a message without an error.

        Raises:
            Unavailable: the registry does not answer.
        """
        value = message.value()
        if value is None:
            header: Any = dict(message.headers() or [])[ENVELOPE_HEADER]
            envelope: Any = fastavro.schemaless_reader(io.BytesIO(header), self._envelope, None)
            items = None
        else:
            schema_id, payload = read_frame(value)
            items = dict(self._read(schema_id, payload))
            envelope = items.pop("envelope")
        return Record(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            key=(message.key() or b"").decode("utf-8"),
            event_id=envelope["event_id"],
            sequence=envelope["sequence"],
            source=envelope["source"],
            occurred_at=envelope["occurred_at"],
            items=items,
        )

    def _read(self, schema_id: int, payload: memoryview) -> Any:
        if schema_id not in self._schemas:
            self._schemas[schema_id] = fastavro.parse_schema(self._registry.schema(schema_id))
        return fastavro.schemaless_reader(io.BytesIO(payload), self._schemas[schema_id], None)
