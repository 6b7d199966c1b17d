"""The bus's own use of a schema registry: Confluent's client, its errors in the bus's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from schemas.errors import AccessDenied, InvalidInput, Unavailable, UnknownName
from schemas.schema_text import schema_text

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

_TIMEOUT_S = 15


class RegistryClient:
    """Reads schemas, and registers them where the principal may.

    Args:
        url: of the registry.
        user: a principal; empty for reading only.
        password: of the principal.
    """

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self.url = url
        config: dict[str, Any] = {"url": url, "timeout": _TIMEOUT_S, "max.retries": 1}
        if user:
            config["basic.auth.user.info"] = f"{user}:{password}"
        self._client: SchemaRegistryClient = SchemaRegistryClient(config)

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Register a schema and return its id; the same schema again gives the same id.

        Raises:
            AccessDenied: the principal may not register.
            InvalidInput: the schema can't be registered, or the registry refuses it.
            Unavailable: the registry does not answer.
        """
        from confluent_kafka.schema_registry import Schema

        text = schema_text(schema)
        with self._translated(subject):
            return int(self._client.register_schema(subject, Schema(text, "AVRO")))

    def latest(self, subject: str) -> tuple[int, dict[str, Any]]:
        """Return id and schema of a subject's newest version.

        Raises:
            UnknownName: the registry has no such subject.
            Unavailable: the registry does not answer.
        """
        with self._translated(subject):
            version = self._client.get_latest_version(subject)
            return int(version.schema_id or 0), dict(json.loads(version.schema.schema_str or ""))

    def schema(self, schema_id: int) -> dict[str, Any]:
        """Return the schema of an id; raises like `latest`."""
        with self._translated(f"schema id {schema_id}"):
            return dict(json.loads(self._client.get_schema(schema_id).schema_str or ""))

    @contextmanager
    def _translated(self, where: str) -> Iterator[None]:
        # Confluent's client takes httpx or its successor, whichever it finds.
        from confluent_kafka.schema_registry.common._httpx_compat import httpx
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            yield
        except SchemaRegistryError as error:
            status = error.http_status_code
            if status in (401, 403):
                raise AccessDenied("the registry refuses the principal", where=where) from error
            if status == 404:
                raise UnknownName("the registry doesn't know it", where=where) from error
            if status >= 500:
                raise Unavailable("the registry failed", where=where) from error
            raise InvalidInput(error.error_message, where=where) from error
        except httpx.HTTPError as error:
            raise Unavailable(
                "the schema registry doesn't answer",
                where=self.url,
                remedy="Is the bus running? Look at: sharebus status",
            ) from error
