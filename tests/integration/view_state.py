"""What a view holds now, folded by a test with stock parts: the last message of a key counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.ledger.subjects import Grant
from tests.integration.running_bus import RunningBus


@dataclass(frozen=True)
class Row:
    """A row of a view, and where its last message stands."""

    partition: int
    offset: int
    items: Mapping[str, Any]


def view_state(bus: RunningBus, grant: Grant) -> dict[str, Row]:
    """Read a grant's view as the admin, and return its rows by key."""
    url = bus.properties(grant).registry_url
    deserializer = AvroDeserializer(SchemaRegistryClient({"url": url}))
    context = SerializationContext(grant.view, MessageField.VALUE)
    state: dict[str, Row] = {}
    for message in bus.messages(grant.view):
        key = (message.key() or b"").decode()
        value = message.value()
        if value is None:
            state.pop(key, None)
            continue
        items: Any = deserializer(value, context)
        del items["envelope"]
        state[key] = Row(message.partition() or 0, message.offset() or 0, items)
    return state
