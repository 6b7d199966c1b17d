"""The format of the topic `_schemas`, as the Confluent schema registry writes and reads it. Pure.

Keys are compact JSON in Confluent's order (`keytype, subject, version, magic`): compaction compares
their bytes, so the order is part of the format. Values may have more than is read here. Kinds of
record that have no meaning here (NOOP, MODE, CONTEXT, CLEAR_SUBJECT) are passed over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from schemas.errors import InvalidRecord

COMPATIBILITY = "FULL_TRANSITIVE"
_AVRO = "AVRO"


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A version of a subject.

    Args:
        subject: its name.
        version: 1 and up.
        id: what stands in the framing of every message; one text has one id.
        text: the schema.
        deleted: softly: the id still resolves, the version is not listed.
    """

    subject: str
    version: int
    id: int
    text: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ForeignSchema:
    """A version in another language than Avro, or with references: its id is taken, no more."""

    id: int


@dataclass(frozen=True, slots=True)
class VersionErased:
    """A tombstone."""

    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class SubjectDeleted:
    """All versions up to and with this one are softly deleted."""

    subject: str
    up_to: int


@dataclass(frozen=True, slots=True)
class GlobalLevel:
    """The compatibility level that holds where a subject has none of its own."""

    level: str


@dataclass(frozen=True, slots=True)
class SubjectLevel:
    """A subject's own compatibility level; None: it has none any more."""

    subject: str
    level: str | None


Record = (
    RegisteredSchema | ForeignSchema | VersionErased | SubjectDeleted | GlobalLevel | SubjectLevel
)
Written = RegisteredSchema | SubjectDeleted | GlobalLevel | SubjectLevel


def encode(record: Written) -> tuple[bytes, bytes | None]:
    """Return a record's key and value."""
    key: dict[str, Any]
    if isinstance(record, GlobalLevel | SubjectLevel):
        subject = record.subject if isinstance(record, SubjectLevel) else None
        key = {"keytype": "CONFIG", "subject": subject, "magic": 0}
        level = None if record.level is None else _compact({"compatibilityLevel": record.level})
        return _compact(key), level
    if isinstance(record, SubjectDeleted):
        key = {"keytype": "DELETE_SUBJECT", "subject": record.subject, "magic": 0}
        return _compact(key), _compact({"subject": record.subject, "version": record.up_to})
    place = {"subject": record.subject, "version": record.version}
    key = {"keytype": "SCHEMA", **place, "magic": 1}
    value = {**place, "id": record.id, "schema": record.text, "deleted": record.deleted}
    return _compact(key), _compact(value)


def decode(key: bytes | None, value: bytes | None) -> Record | None:
    """Return what a message of the log says, or None where it says nothing of interest.

    Raises:
        InvalidRecord: it is not of the format.
    """
    try:
        named = json.loads(key or b"")
        kind = named["keytype"]
        content = None if value is None else json.loads(value)
        if kind == "SCHEMA":
            return _schema(named, content)
        if kind == "DELETE_SUBJECT" and content is not None:
            return SubjectDeleted(_text(content["subject"]), _number(content["version"]))
        if kind == "CONFIG":
            return _level(named.get("subject"), content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidRecord("malformed-registry-record") from error
    return None


def _level(subject: Any, content: Any) -> Record | None:
    # A configuration may be about other things only, and name no level.
    level = None if content is None else content.get("compatibilityLevel")
    if subject is not None:
        return SubjectLevel(_text(subject), None if level is None else _text(level))
    return None if level is None else GlobalLevel(_text(level))


def _schema(named: dict[str, Any], content: Any) -> Record:
    subject, version = _text(named["subject"]), _number(named["version"])
    if content is None:
        return VersionErased(subject, version)
    if not isinstance(content, dict):
        raise TypeError("not an object")
    if content.get("schemaType", _AVRO) != _AVRO or content.get("references"):
        return ForeignSchema(_number(content["id"]))
    deleted = content.get("deleted", False) is True
    return RegisteredSchema(
        subject, version, _number(content["id"]), _text(content["schema"]), deleted
    )


def _compact(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a number")
    return value
