"""The bus's own use of a schema registry: Confluent's client, its errors in the bus's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from infra.registry.address import RegistryAddress
from infra.registry.records import COMPATIBILITY
from schemas.errors import AccessDenied, InvalidInput, Unavailable, UnknownName
from schemas.evolution import judge, rules_of
from schemas.schema_text import schema_text

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError

_TIMEOUT_S = 15
_NOT_FOUND = 404


class RegistryClient:
    """Reads schemas, and registers them where the principal may, in the bus's own registry or any.

    Args:
        address: of the registry, and as whom; without a user for reading only.
    """

    def __init__(self, address: RegistryAddress) -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self.url = address.url
        config: dict[str, Any] = {"url": self.url, "timeout": _TIMEOUT_S, "max.retries": 1}
        if address.user:
            config["basic.auth.user.info"] = f"{address.user}:{address.password}"
        self._client: SchemaRegistryClient = SchemaRegistryClient(config)

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Register a schema and return its id; the same schema again gives the same id.

        The bus's rules are applied here, because a registry of somebody's own knows only Avro's;
        there the subject is made FULL_TRANSITIVE before it gets its first schema from here.

        Raises:
            AccessDenied: the principal may not register.
            InvalidInput: the schema can't be registered or may not follow, or the registry
                refuses it.
            Unavailable: the registry does not answer.
        """
        from confluent_kafka.schema_registry import Schema

        text = schema_text(schema)
        with self._translated(subject):
            versions = self._versions(subject)
            if all(json.loads(text) != each for each in versions.values()):
                self._judge(subject, json.loads(text), versions)
            if self._level(subject) != COMPATIBILITY:
                self._client.set_compatibility(subject, COMPATIBILITY)
            return int(self._client.register_schema(subject, Schema(text, "AVRO")))

    def _judge(self, subject: str, schema: object, versions: Mapping[int, object]) -> None:
        first = next(iter(versions.values()), schema)
        verdict = judge(rules_of(subject, first), schema, versions)
        if not verdict.is_compatible:
            raise InvalidInput(
                f"the schema may not follow: {'; '.join(verdict.told())}",
                where=subject,
                remedy="Keep every item as it is; add items at the end, nullable with default null",
            )

    def _versions(self, subject: str) -> dict[int, object]:
        try:
            numbers = self._client.get_versions(subject, deleted=True)
        except _registry_error() as error:
            if error.http_status_code == _NOT_FOUND:
                return {}
            raise
        # Deleted ones too: records that were written with them remain.
        found = {
            number: self._client.get_version(subject, number, deleted=True).schema
            for number in sorted(numbers)
        }
        return {number: json.loads(schema.schema_str or "null") for number, schema in found.items()}

    def _level(self, subject: str) -> str | None:
        try:
            return str(self._client.get_compatibility(subject))
        except _registry_error() as error:
            if error.http_status_code == _NOT_FOUND:
                return None
            raise

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
                raise AccessDenied(
                    "the registry refuses the principal",
                    where=where,
                    remedy="Check the user and password that stand beside the registry's URL",
                ) from error
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


def _registry_error() -> type[SchemaRegistryError]:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    return SchemaRegistryError
