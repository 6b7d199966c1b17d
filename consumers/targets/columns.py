"""The columns of a view's items, typed from the view's Avro schema, and of what comes with them.

Pure. The names that begin with an underscore are the bus's; items of a contract never do.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, Final

import fastavro

from consumers.jsonl import json_text
from consumers.records import Record
from schemas.errors import InvalidInput


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole"
    REAL = "real"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    INSTANT = "instant"
    LOCAL_TIME = "local-time"
    DECIMAL = "decimal"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; precision and scale are those of a decimal."""

    name: str
    kind: Kind
    precision: int = 0
    scale: int = 0


ENVELOPE: Final = (
    Column("_key", Kind.TEXT),
    Column("_event_id", Kind.TEXT),
    Column("_sequence", Kind.WHOLE),
    Column("_source", Kind.TEXT),
    Column("_occurred_at", Kind.INSTANT),
    Column("_partition", Kind.WHOLE),
    Column("_offset", Kind.WHOLE),
    Column("_generation", Kind.WHOLE),
)
"""The record's key and envelope, where it was read, and in which reading from the start."""

OPERATION: Final = Column("_operation", Kind.TEXT)
"""First column of a log: upsert or delete."""

_PLAIN: Final = {
    "string": Kind.TEXT,
    "enum": Kind.TEXT,
    "int": Kind.WHOLE,
    "long": Kind.WHOLE,
    "float": Kind.REAL,
    "double": Kind.REAL,
    "boolean": Kind.BOOLEAN,
    "bytes": Kind.BYTES,
    "fixed": Kind.BYTES,
    "null": Kind.TEXT,
}
_LOGICAL: Final = {
    "date": Kind.DATE,
    "time-millis": Kind.TIME,
    "time-micros": Kind.TIME,
    "timestamp-millis": Kind.INSTANT,
    "timestamp-micros": Kind.INSTANT,
    "local-timestamp-millis": Kind.LOCAL_TIME,
    "local-timestamp-micros": Kind.LOCAL_TIME,
    "decimal": Kind.DECIMAL,
    "uuid": Kind.TEXT,
}


def item_columns(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return a column per delivered item of a view's schema, in its order.

    Raises:
        InvalidInput: two items, or an item and a column of the bus, would have the same name.
    """
    named: dict[str, Any] = {}
    parsed: Any = fastavro.parse_schema(dict(schema), named)
    columns = tuple(
        _column(field["name"], field["type"], named)
        for field in parsed["fields"]
        if field["name"] != "envelope"
    )
    taken = {column.name for column in (OPERATION, *ENVELOPE)}
    for column in columns:
        folded = column.name.lower()  # databases may not tell cases apart
        if folded in taken:
            raise InvalidInput(
                f"the item {column.name} needs a column whose name is taken",
                remedy="Use --to jsonl, which has no columns",
            )
        taken.add(folded)
    return columns


def layout_of(columns: Iterable[Column]) -> str:
    """Return the columns as text, to compare one time's with another's."""
    return json.dumps([[c.name, str(c.kind), c.precision, c.scale] for c in columns])


def envelope_values(record: Record, generation: int) -> tuple[Any, ...]:
    """Return the values of `ENVELOPE`."""
    return (
        record.key,
        str(uuid.UUID(bytes=record.event_id)),
        record.sequence,
        record.source,
        record.occurred_at,
        record.partition,
        record.offset,
        generation,
    )


def item_values(record: Record, columns: tuple[Column, ...]) -> list[Any]:
    """Return the values of the items' columns, nulls for a delete: what Avro's types decode to.

    Whole numbers, reals, booleans, bytes, dates, times and decimals come as such, everything else
    as text.

    Raises:
        InvalidInput: the record has other items, so it was written with another schema.
    """
    if record.items is None:
        return [None] * len(columns)
    if len(record.items) != len(columns):
        raise _another_schema(record)
    try:
        return [_value(record.items[column.name], column.kind) for column in columns]
    except KeyError as error:
        raise _another_schema(record) from error


def _another_schema(record: Record) -> InvalidInput:
    return InvalidInput(
        "the view's schema has changed",
        where=f"{record.topic}, partition {record.partition}, offset {record.offset}",
        remedy="Start again with another target; this one stays as it is",
    )


def _value(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if kind is Kind.JSON:
        return json_text(value)
    if kind is Kind.TEXT and not isinstance(value, str):
        return str(value)
    return value


def _column(name: str, avro: Any, named: Mapping[str, Any]) -> Column:
    if isinstance(avro, str) and avro in named:
        return _column(name, named[avro], named)
    if isinstance(avro, str):
        return Column(name, _PLAIN[avro])
    if isinstance(avro, list):
        branches = [branch for branch in avro if branch != "null"]
        # Several branches: which one it is shows in JSON only.
        return _column(name, branches[0], named) if len(branches) == 1 else Column(name, Kind.JSON)
    kind = _LOGICAL.get(avro.get("logicalType", ""))
    if kind is Kind.TEXT and avro["type"] != "string":
        kind = None  # a UUID of 16 bytes stays bytes
    if kind is Kind.DECIMAL:
        return Column(name, kind, int(avro["precision"]), int(avro.get("scale", 0)))
    if avro["type"] in ("array", "map", "record"):
        return Column(name, Kind.JSON)
    return Column(name, kind) if kind else _column(name, avro["type"], named)


def as_text(value: Any) -> str:
    """Return a value that is not null in the text form of the logs: ISO 8601, base64."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
