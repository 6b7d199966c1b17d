"""What stands in a file as a value of the schema's type: dates, times, decimals, bytes from text.

Only what another form needs is done here; whether a value fits is the encoder's question
(`producers/encoding.py`), so that every way of publishing refuses the same. Reasons never quote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from producers.encoding import refuse
from schemas.errors import InvalidRecord
from schemas.policy.schema_reading import full_name, namespace_of, resolve

Convert = Callable[[Any], Any]
ARRAY_SEPARATOR: Final = "/"
_LONGEST_NUMBER: Final = 400
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_REAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})", re.ASCII)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.([0-9]{1,6}))?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})",
    re.ASCII,
)


def read_object(text: str | bytes) -> Any:
    """Return the value of a JSON text, its decimals exact.

    Raises:
        InvalidRecord: `no-json`: no JSON (RFC 8259), or a key is there twice.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_float=Decimal, parse_constant=_no_constant
        )
    except (ValueError, RecursionError, ArithmeticError):
        raise InvalidRecord("no-json") from None  # the cause quotes the text


class Converters:
    """Makes the converters of one schema's items.

    Args:
        schema: of the change events.
        from_text: whether values are cells of text, as in CSV, or typed, as in JSON.
    """

    def __init__(self, schema: Mapping[str, Any], *, from_text: bool) -> None:
        self._named: dict[str, Any] = {}
        # Of records that are being made, which may be met again inside themselves.
        self._open: dict[str, list[Convert]] = {}
        namespace = namespace_of(full_name(schema, ""))
        self.by_item: dict[str, Convert] = {}
        for field in schema["fields"]:
            self._learn(field["type"], namespace)
            if field["name"] != "envelope":
                made = self._cell if from_text else self._typed
                self.by_item[field["name"]] = made(field["type"], field["name"], namespace)

    def _learn(self, avro: Any, namespace: str) -> None:
        """Note every named type, so that a reference to it is understood."""
        if isinstance(avro, list):
            for branch in avro:
                self._learn(branch, namespace)
        elif isinstance(avro, dict):
            if avro["type"] in ("record", "enum", "fixed"):
                name = full_name(avro, namespace)
                self._named[name] = avro
                for field in avro.get("fields", ()):
                    self._learn(field["type"], namespace_of(name))
            for inner in ("items", "values"):
                self._learn(avro.get(inner), namespace)

    def _plain(self, avro: Any, namespace: str) -> tuple[Any, str]:
        """Return a type with its reference resolved, and its kind or logical type."""
        if isinstance(avro, str):
            avro = self._named.get(resolve(avro, namespace), {"type": avro})
        if isinstance(avro, list):
            return avro, "union"
        return avro, avro.get("logicalType") or avro["type"]

    def _cell(self, avro: Any, where: str, namespace: str) -> Convert:
        avro, kind = self._plain(avro, namespace)
        if kind == "union":
            others = [branch for branch in avro if branch != "null"]
            inner = (
                self._cell(others[0], where, namespace)
                if len(others) == 1
                else self._json(avro, where, namespace)
            )
            return (lambda text: inner(text) if text else None) if "null" in avro else inner
        if kind == "array":
            return self._joined(avro, where, namespace)
        if kind in ("record", "map"):
            return self._json(avro, where, namespace)
        if kind in ("int", "long"):
            return lambda text: _number(_INTEGER, int, text, "not-an-integer", where)
        if kind in ("float", "double"):
            return lambda text: _number(_REAL, float, text, "not-a-number", where)
        if kind == "boolean":
            words = {"true": True, "false": False}
            return lambda text: words[text] if text in words else refuse("not-a-boolean", where)
        return _texts(kind, where)

    def _joined(self, avro: Mapping[str, Any], where: str, namespace: str) -> Convert:
        whole = self._json(avro, where, namespace)
        _, kind = self._plain(avro["items"], namespace)
        if kind in ("array", "map", "record", "union"):
            return lambda text: whole(text) if text else []
        part = self._cell(avro["items"], where, namespace)

        def convert(text: str) -> Any:
            if text.startswith("["):
                return whole(text)
            return [part(each) for each in text.split(ARRAY_SEPARATOR)] if text else []

        return convert

    def _json(self, avro: Any, where: str, namespace: str) -> Convert:
        typed = self._typed(avro, where, namespace)

        def convert(text: str) -> Any:
            try:
                return typed(read_object(text))
            except InvalidRecord as error:
                raise InvalidRecord(error.reason, where=error.where or where) from None

        return convert

    def _typed(self, avro: Any, where: str, namespace: str) -> Convert:
        avro, kind = self._plain(avro, namespace)
        if kind == "union":
            others = [self._typed(b, where, namespace) for b in avro if b != "null"]
            return lambda value: None if value is None else _first(others, value)
        if kind in ("array", "map"):
            inner = self._typed(avro["items" if kind == "array" else "values"], where, namespace)
            return _several(inner)
        if kind == "record":
            return self._record(avro, where, full_name(avro, namespace))
        if kind in ("float", "double"):
            return lambda value: float(value) if type(value) is Decimal else value
        from_text = _texts(kind, where)
        return lambda value: from_text(value) if isinstance(value, str) else value

    def _record(self, avro: Any, where: str, name: str) -> Convert:
        if name in self._open:
            around = self._open[name]
            return lambda value: around[0](value)
        around = self._open[name] = []
        parts = {
            field["name"]: self._typed(
                field["type"], f"{where}.{field['name']}", namespace_of(name)
            )
            for field in avro["fields"]
        }

        def convert(value: Any) -> Any:
            if not isinstance(value, Mapping):
                return value
            return {k: parts[k](v) if k in parts else v for k, v in value.items()}

        around.append(convert)
        del self._open[name]
        return convert


def _first(converters: list[Convert], value: Any) -> Any:
    for convert in converters[:-1]:
        try:
            return convert(value)
        except InvalidRecord:
            continue
    return converters[-1](value) if converters else value


def _several(inner: Convert) -> Convert:
    def convert(value: Any) -> Any:
        if isinstance(value, list):
            return [inner(part) for part in value]
        if isinstance(value, dict):
            return {key: inner(part) for key, part in value.items()}
        return value

    return convert


def _texts(kind: str, where: str) -> Convert:
    """Return what makes a scalar value out of a text; texts and enums stay as they are."""
    if kind == "date":
        return lambda text: _day(text, where)
    if kind in ("timestamp-millis", "timestamp-micros"):
        digits = 3 if kind == "timestamp-millis" else 6
        return lambda text: _moment(text, digits, where)
    if kind == "decimal":
        return lambda text: _number(_DECIMAL, Decimal, text, "not-a-decimal", where)
    if kind in ("bytes", "fixed"):
        return lambda text: _octets(text, where)
    return lambda text: text


def _number(form: re.Pattern[str], kind: Convert, text: str, reason: str, where: str) -> Any:
    if form.fullmatch(text) is None:
        refuse(reason, where)
    return kind(text) if len(text) <= _LONGEST_NUMBER else refuse("out-of-range", where)


def _day(text: str, where: str) -> date:
    found = _DATE.fullmatch(text)
    try:
        if found is not None:
            return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        pass
    return refuse("not-a-date", where)


def _moment(text: str, digits: int, where: str) -> datetime:
    found = _TIME.fullmatch(text)
    try:
        if found is not None and len((found[3] or "").rstrip("0")) <= digits:
            return datetime.fromisoformat(text)
    except ValueError:
        found = None
    # A time without zone means another moment wherever it is read.
    return refuse("not-a-time-with-zone" if found is None else f"finer-than-{digits}-digits", where)


def _octets(text: str, where: str) -> bytes:
    try:
        if (text.isascii() and text.isalnum()) or not text:
            return bytes.fromhex(text)
    except ValueError:
        pass
    return refuse("not-hex", where)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(_: str) -> Any:
    raise ValueError("a number is not finite")
