"""Python values as ClickHouse's text forms, and back. Pure.

Two forms go in: parameters, in the escaped form of TabSeparated, and rows, as JSON; one comes out:
the rows of `FORMAT JSONCompact`, read by the column types that go with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from infra.clickhouse.port import Value
from schemas.clock import EPOCH
from schemas.errors import InvalidInput

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"}
)
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)")
_ARRAY = re.compile(r"Array\((.*)\)")
_INTEGER = re.compile(r"U?Int\d+")
_MOMENT = re.compile(r"DateTime(?:64)?\((?:\d+, *)?'([^']+)'\)")


def escaped(text: str) -> str:
    """Return text in the escaped form of TabSeparated."""
    return text.translate(_ESCAPES)


def parameter(value: Value) -> str:
    r"""Return a parameter's text: escaped, a list in brackets, null as `\N`."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_element, value)) + "]"
    if value is None:
        return "\\N"
    return str(_plain(value))


def quoted(text: str) -> str:
    """Return text as a string literal of ClickHouse's SQL."""
    return "'" + escaped(text).replace("'", "\\'") + "'"


def _element(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_element, value)) + "]"
    return "NULL" if value is None else str(_plain(value))


def rows_as_json(rows: Sequence[Sequence[Value]]) -> bytes:
    """Return rows in the format JSONCompactEachRow."""
    return "\n".join(
        json.dumps(list(row), default=_plain, ensure_ascii=False, separators=(",", ":"))
        for row in rows
    ).encode()


def seconds(moment: datetime) -> int:
    """Return a moment as ClickHouse's DateTime counts it: whole seconds since 1970, rounded down.

    Raises:
        InvalidInput: it has no time zone.
    """
    if moment.tzinfo is None:
        raise InvalidInput("a moment without a time zone can't be stored")
    since = moment - EPOCH
    return since.days * 86_400 + since.seconds


def _plain(value: object) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return seconds(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return value
    raise InvalidInput(f"a value of type {type(value).__name__} can't be stored")


def rows_from_json(answer: bytes) -> list[dict[str, Any]]:
    """Read an answer in the format JSONCompact: integers, aware UTC moments, dates, text, lists."""
    content: Mapping[str, Any] = json.loads(answer)
    columns = [(column["name"], _reader(column["type"])) for column in content["meta"]]
    return [
        {name: read(cell) for (name, read), cell in zip(columns, row, strict=True)}
        for row in content["data"]
    ]


def _reader(kind: str) -> Callable[[Any], Any]:
    while wrapped := _WRAPPED.fullmatch(kind):
        kind = wrapped[1]
    if array := _ARRAY.fullmatch(kind):
        read = _reader(array[1])
        return lambda cells: [read(cell) for cell in cells]
    if _INTEGER.fullmatch(kind):
        return _unless_null(int)
    if kind.startswith("DateTime"):
        zoned = _MOMENT.fullmatch(kind)
        zone = ZoneInfo(zoned[1]) if zoned else UTC
        return _unless_null(
            lambda text: datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
        )
    if kind in {"Date", "Date32"}:
        return _unless_null(date.fromisoformat)
    return lambda cell: cell


def _unless_null(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda cell: None if cell is None else read(cell)
