"""A broker and a registry on it for a file of tests, and Confluent's client to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient

from infra.kafka.topics import Topic
from tests.integration.infra.running_broker import running_broker
from tests.integration.infra.running_registry import (
    WRITER,
    RunningRegistry,
    admitted,
    running_registry,
)


@contextmanager
def registry_on_a_broker(folder: Path) -> Iterator[RunningRegistry]:
    """Run both, and end both."""
    topic = Topic("_schemas", 1, {"cleanup.policy": "compact"})
    with running_broker(folder) as node, running_registry(admitted(node, topic)) as registry:
        yield registry


def client(url: str, user: tuple[str, str] | None = WRITER) -> SchemaRegistryClient:
    """Return Confluent's client, as a user or as nobody."""
    credential = {} if user is None else {"basic.auth.user.info": ":".join(user)}
    return SchemaRegistryClient({"url": url, "max.retries": 0, **credential})
