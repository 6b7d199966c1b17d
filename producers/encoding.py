"""Python values as Avro bytes, strictly: nothing is cut, guessed or filled in (Avro 1.12, binary).

One small function a type, made once from the schema and put together for nested ones. What doesn't
fit raises with item and reason, never with the value (R5.4). `row_writer` writes the frequent flat
types itself and asks here for the others.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import Any, Final, NoReturn

from schemas.clock import micros
from schemas.errors import InvalidRecord
from schemas.policy.decoding import varint
from schemas.policy.schema_reading import full_name, namespace_of, resolve

Encode = Callable[[Any], bytes]

LENGTHS: Final = tuple(varint(length) for length in range(8192))
"""The lengths of nearly all texts, encoded."""
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_INT: Final = range(-(2**31), 2**31)
_LONG: Final = range(-(2**63), 2**63)


@cache
def lengths_behind(head: bytes) -> tuple[bytes, ...]:
    """Return `LENGTHS`, each behind a head, such as a union's index."""
    return tuple(head + length for length in LENGTHS)


def refuse(reason: str, where: str) -> NoReturn:
    """Refuse a row: raise InvalidRecord with an item and a reason."""
    raise InvalidRecord(reason, where=where)


def encode_date(day: date) -> bytes:
    """Return a date's days since 1970, encoded."""
    return varint(day.toordinal() - EPOCH_DAY)


def utf8(value: Any, where: str) -> bytes:
    """Return a text's UTF-8, or refuse."""
    if type(value) is not str:
        refuse("not-a-text", where)
    try:
        return value.encode()
    except UnicodeEncodeError:
        refuse("not-unicode", where)


def text_bytes(value: Any, where: str) -> bytes:
    """Return a text's length and UTF-8, or refuse."""
    encoded = utf8(value, where)
    return varint(len(encoded)) + encoded


class Encoders:
    """Makes encoders for the types of one schema; named types are known once they were defined."""

    def __init__(self) -> None:
        self._named: dict[str, Encode] = {}

    def of(self, avro: Any, where: str, namespace: str = "") -> Encode:
        """Return the encoder of a type; `where` is what its errors name."""
        if isinstance(avro, list):
            return self._union(avro, where, namespace)
        if isinstance(avro, str):
            plain = _PLAIN.get(avro)
            return plain(where) if plain else self._refer(resolve(avro, namespace))
        kind, logical = avro["type"], avro.get("logicalType", "")
        if (kind, logical) == ("bytes", "decimal"):
            return _decimal(avro["precision"], avro.get("scale", 0), where)
        if (kind, logical) in _LOGICAL:
            return _LOGICAL[kind, logical](where)
        if kind == "array":
            return _array(self.of(avro["items"], where, namespace), where)
        if kind == "map":
            return _map(self.of(avro["values"], where, namespace), where)
        if kind not in ("record", "enum", "fixed"):
            return self.of(kind, where, namespace)
        name = full_name(avro, namespace)
        made = self._define(avro, kind, where, namespace_of(name))
        self._named[name] = made
        return made

    def _refer(self, name: str) -> Encode:
        # A record inside itself is made only when all of it is.
        return self._named.get(name) or (lambda value: self._named[name](value))

    def _define(self, avro: Mapping[str, Any], kind: str, where: str, namespace: str) -> Encode:
        if kind == "enum":
            return _enum(avro["symbols"], where)
        if kind == "fixed":
            return _fixed(avro["size"], where)
        parts = [
            (field["name"], self.of(field["type"], f"{where}.{field['name']}", namespace))
            for field in avro["fields"]
        ]
        return _record(parts, where)

    def _union(self, branches: list[Any], where: str, namespace: str) -> Encode:
        made = [self.of(branch, where, namespace) for branch in branches]
        encoders = [(varint(place), encode) for place, encode in enumerate(made)]
        null = varint(branches.index("null")) if "null" in branches else None
        others = [pair for pair, branch in zip(encoders, branches, strict=True) if branch != "null"]

        def encode(value: Any) -> bytes:
            if value is None:
                return null if null is not None else refuse("must-not-be-null", where)
            for index, inner in others[:-1]:
                try:
                    return index + inner(value)
                except InvalidRecord:
                    continue
            index, inner = others[-1]
            return index + inner(value)

        return encode


def _null(where: str) -> Encode:
    return lambda value: b"" if value is None else refuse("not-null", where)


def _boolean(where: str) -> Encode:
    def encode(value: Any) -> bytes:
        return bytes([value]) if type(value) is bool else refuse("not-a-boolean", where)

    return encode


def _whole(bounds: range) -> Callable[[str], Encode]:
    def of(where: str) -> Encode:
        def encode(value: Any) -> bytes:
            # An encoder that takes what it can get cuts 1.5 down to 1, and takes True for 1.
            if type(value) is not int:
                refuse("not-an-integer", where)
            return varint(value) if value in bounds else refuse("out-of-range", where)

        return encode

    return of


def _real(form: str) -> Callable[[str], Encode]:
    pack = struct.Struct(form).pack

    def of(where: str) -> Encode:
        def encode(value: Any) -> bytes:
            if type(value) not in (float, int):
                refuse("not-a-number", where)
            try:
                return pack(value) if isfinite(value) else refuse("not-a-finite-number", where)
            except OverflowError:
                refuse("out-of-range", where)

        return encode

    return of


def _bytes(where: str) -> Encode:
    def encode(value: Any) -> bytes:
        return varint(len(value)) + value if type(value) is bytes else refuse("not-bytes", where)

    return encode


def _date(where: str) -> Encode:
    return lambda value: encode_date(value) if type(value) is date else refuse("not-a-date", where)


def _timestamp(divisor: int) -> Callable[[str], Encode]:
    def of(where: str) -> Encode:
        def encode(value: Any) -> bytes:
            if not isinstance(value, datetime) or value.tzinfo is None:
                refuse("not-a-time-with-zone", where)
            return varint(micros(value) // divisor)

        return encode

    return of


def _decimal(precision: int, scale: int, where: str) -> Encode:
    most = 10**precision

    def encode(value: Any) -> bytes:
        if type(value) is int:
            value = Decimal(value)
        if not isinstance(value, Decimal) or not value.is_finite():
            refuse("not-a-decimal", where)
        sign, digits, exponent = value.as_tuple()
        shift = int(exponent) + scale
        if shift < 0 and any(digits[shift:]):
            refuse(f"more-than-{scale}-decimal-places", where)
        if len(digits) + shift > precision and any(digits):
            refuse(f"more-than-{precision}-digits", where)
        number = int("".join(map(str, digits)) or "0")
        unit: int = 10 ** abs(shift)
        number = number * unit if shift >= 0 else number // unit
        if number >= most:
            refuse(f"more-than-{precision}-digits", where)
        number = -number if sign else number
        size = (number.bit_length() + 8) // 8
        return varint(size) + number.to_bytes(size, "big", signed=True)

    return encode


def _enum(symbols: list[str], where: str) -> Encode:
    known = {symbol: varint(place) for place, symbol in enumerate(symbols)}
    reason = f"not-one-of {'|'.join(symbols)}"

    def encode(value: Any) -> bytes:
        found = known.get(value) if type(value) is str else None
        return found if found is not None else refuse(reason, where)

    return encode


def _fixed(size: int, where: str) -> Encode:
    def encode(value: Any) -> bytes:
        if type(value) is bytes and len(value) == size:
            return value
        refuse(f"not-{size}-bytes", where)

    return encode


def _array(inner: Encode, where: str) -> Encode:
    def encode(value: Any) -> bytes:
        if type(value) not in (list, tuple):
            refuse("not-a-list", where)
        if not value:
            return b"\0"
        return b"".join((varint(len(value)), *map(inner, value), b"\0"))

    return encode


def _map(inner: Encode, where: str) -> Encode:
    def encode(value: Any) -> bytes:
        if not isinstance(value, Mapping):
            refuse("not-a-map", where)
        if not value:
            return b"\0"
        entries = (text_bytes(key, where) + inner(part) for key, part in value.items())
        return b"".join((varint(len(value)), *entries, b"\0"))

    return encode


def _record(parts: list[tuple[str, Encode]], where: str) -> Encode:
    names = {name for name, _ in parts}

    def encode(value: Any) -> bytes:
        if not isinstance(value, Mapping) or value.keys() != names:
            refuse(f"not-a-record-of {'|'.join(sorted(names))}", where)
        return b"".join([inner(value[name]) for name, inner in parts])

    return encode


_PLAIN: Final[Mapping[str, Callable[[str], Encode]]] = {
    "null": _null,
    "boolean": _boolean,
    "int": _whole(_INT),
    "long": _whole(_LONG),
    "float": _real("<f"),
    "double": _real("<d"),
    "bytes": _bytes,
    "string": lambda where: lambda value: text_bytes(value, where),
}
_LOGICAL: Final[Mapping[tuple[str, str], Callable[[str], Encode]]] = {
    ("int", "date"): _date,
    ("long", "timestamp-millis"): _timestamp(1000),
    ("long", "timestamp-micros"): _timestamp(1),
}
