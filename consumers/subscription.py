"""Reads a grant's view: decoded records, at least once, in order per key.

A record counts as used when the next one is asked for; only then is its offset committed. Whoever
stops in the middle gets the last record again. Nothing is decoded with a reader schema: what the
view holds is what comes.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import fastavro
from confluent_kafka import Consumer, KafkaError, Message
from fastavro.types import Schema

from consumers.properties import GrantProperties
from infra.kafka.clients import close
from infra.registry.address import parse_address
from infra.registry.client import RegistryClient
from schemas.codec import load_event_schema, read_frame
from schemas.errors import GrantRevoked, InvalidInput, Unavailable
from schemas.names import ENVELOPE_HEADER

log = logging.getLogger(__name__)
_client_log = logging.getLogger("consumers.librdkafka")

_DENIED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)
_BATCH: Final = 1000
_PATIENCE_S: Final = 60.0


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


class Subscription:
    """Iterates a grant's view.

    Args:
        properties: of the grant.
        group: the part of the consumer group's name behind the grant's prefix; subscribers in one
            group share the work, each group reads everything.
        until_end: stop at the present end instead of waiting for more.

    A broker that is away is waited for, and warned of once; with `until_end` for a minute.

    Raises (from iteration):
        GrantRevoked: the grant ended; what was read until then stays valid use.
        Unavailable: the registry does not answer, or with `until_end` the broker.
    """

    def __init__(
        self, properties: GrantProperties, *, group: str = "default", until_end: bool = False
    ) -> None:
        self._properties, self._until_end = properties, until_end
        self._registry = RegistryClient(
            parse_address(properties.registry_url, "schema.registry.url")
        )
        self._schemas: dict[int, Schema] = {}
        self._envelope = fastavro.parse_schema(load_event_schema("envelope"))
        self._denied: KafkaError | None = None
        self._ended: set[int] = set()
        self._told: set[int] = set()
        self._heard_at = time.monotonic()
        self._stopped = False
        self._consumer = Consumer(
            {
                **properties.config,
                "group.id": f"{properties.group_prefix}{group}",
                "enable.auto.offset.store": False,
                "enable.auto.commit": True,
                "auto.commit.interval.ms": 1000,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 200,
                "error_cb": self._on_error,
            },
            logger=_client_log,
        )
        self._consumer.subscribe([properties.topic])

    def __iter__(self) -> Iterator[Record]:
        while not self._stopped:
            messages = self._consumer.consume(_BATCH, 0.2)
            for message in messages:
                if message.error() is not None:
                    self._note(message)
                    continue
                self._ended.discard(message.partition() or 0)
                yield self._decode(message)
                self._consumer.store_offsets(message)
                if self._stopped:
                    return
            if self._denied is not None:
                raise GrantRevoked(
                    f"the broker no longer lets grant {self._properties.grant} read its view",
                    where=self._denied.name(),
                    remedy="See how it ended with: sharebus grants",
                )
            if any(message.error() is None for message in messages):
                self._heard()
            elif self._until_end and not messages:
                if self._at_end():
                    return
                self._check_heard()

    def stop(self) -> None:
        """Let the iteration end behind the present record; for signal handlers and threads."""
        self._stopped = True

    def close(self) -> None:
        """Commit what was used and leave the group."""
        close(self._consumer)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _heard(self) -> None:
        self._heard_at = time.monotonic()
        self._told.clear()

    def _check_heard(self) -> None:
        if self._told and time.monotonic() - self._heard_at > _PATIENCE_S:
            raise Unavailable(
                "the broker does not answer",
                where=str(self._properties.config["bootstrap.servers"]),
                remedy="Try again later: reading goes on where it stopped",
            )

    def _at_end(self) -> bool:
        assigned = {place.partition for place in self._consumer.assignment()}
        return bool(assigned) and assigned <= self._ended

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended.add(message.partition() or 0)
            self._heard()
        else:
            self._on_error(error)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in _DENIED:
            self._denied = error
        elif error.code() not in self._told:
            self._told.add(error.code())
            log.warning("the view can't be read just now, and is tried again: %s", error.name())

    def _decode(self, message: Message) -> Record:
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


def check_group(group: str) -> str:
    """Return a group's name, or raise InvalidInput for one that can't stand behind the prefix."""
    if not group or not group.replace("-", "").replace("_", "").isalnum():
        raise InvalidInput(
            f"{group!r} is no group name", remedy="Use letters, digits, hyphens and underscores"
        )
    return group


__all__ = ["Record", "Subscription", "Unavailable", "check_group"]
