"""Reading an Avro schema's JSON into `avro_types`, and finding out what its names mean.

Names follow the Avro specification: a name with a dot is a full name, another one belongs to the
namespace around it. A logical type that isn't known, or that stands on another type than its own,
means nothing, as the specification says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import (
    Again,
    AvroType,
    Field,
    Fixed,
    Kind,
    Primitive,
    Record,
    Symbols,
    array_of,
    bytes_needed,
    record_of,
    union_of,
)

Json: TypeAlias = object
"""A part of a schema as `json.loads` gives it."""

PRIMITIVES = {kind.name.lower(): kind for kind in Kind}
NAMED = frozenset({"record", "enum", "fixed"})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(rf"{_NAME.pattern}(\.{_NAME.pattern})*")
_MAX_FIXED = 2**20

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_MICROS = (_FIRST, _LAST)
_MILLIS = (_FIRST // 1000, _LAST // 1000)
_DAYS = (date.min.toordinal() - _EPOCH.toordinal(), date.max.toordinal() - _EPOCH.toordinal())

_LOGICAL: dict[tuple[str, str], tuple[int, int] | None] = {
    ("long", "timestamp-millis"): _MILLIS,
    ("long", "local-timestamp-millis"): _MILLIS,
    ("long", "timestamp-micros"): _MICROS,
    ("long", "local-timestamp-micros"): _MICROS,
    ("long", "time-micros"): (0, 86_400_000_000 - 1),
    ("int", "time-millis"): (0, 86_400_000 - 1),
    ("int", "date"): _DAYS,
    ("string", "uuid"): None,
}
"""The logical types on primitive ones, decimals apart, and the bounds of their values."""

MAX_PRECISION = 1_000
"""Digits of a decimal."""


def read_schema(schema: Json) -> AvroType:
    """Read a whole schema.

    Raises:
        InvalidPolicy: it is not an Avro schema, or one that is too deep or too large to enforce.
    """
    try:
        return _Reading().read(schema, "")
    except RecursionError as error:
        raise InvalidPolicy("types lie too deep inside each other in the schema") from error


def read_record(schema: Json) -> Record:
    """Read a schema that must be a record's.

    Raises:
        InvalidPolicy: as `read_schema`, or it is no record.
    """
    read = read_schema(schema)
    if not isinstance(read, Record):
        raise InvalidPolicy("the schema is not a record's")
    return read


def full_name(schema: Mapping[str, object], enclosing: str) -> str:
    """Give the full name of a named type's definition inside a namespace."""
    name = schema.get("name")
    if not isinstance(name, str) or not _DOTTED.fullmatch(name):
        raise InvalidPolicy("a type's name is missing or is not one")
    if name.rpartition(".")[2] in PRIMITIVES:
        raise InvalidPolicy("a type has the name of a primitive one", where=name)
    if "." in name:
        return name
    namespace = schema.get("namespace", enclosing)
    if not isinstance(namespace, str) or not (namespace == "" or _DOTTED.fullmatch(namespace)):
        raise InvalidPolicy("a namespace is not one", where=name)
    return f"{namespace}.{name}" if namespace else name


def resolve(reference: str, enclosing: str) -> str:
    """Give the full name that a reference inside a namespace means."""
    return f"{enclosing}.{reference}" if enclosing and "." not in reference else reference


def namespace_of(name: str) -> str:
    """Give the namespace of a full name; empty when it has none."""
    return name.rpartition(".")[0]


class _Reading:
    """One pass over a schema; remembers the named types that it has seen."""

    def __init__(self) -> None:
        self._known: dict[str, AvroType | None] = {}  # None while its definition is being read
        self._again: dict[str, Again] = {}

    def read(self, schema: Json, namespace: str) -> AvroType:
        if isinstance(schema, str):
            return self._reference(schema, namespace)
        if isinstance(schema, list):
            return self._union(schema, namespace)
        if not isinstance(schema, Mapping):
            raise InvalidPolicy("a part of the schema is neither a name, a list nor an object")
        kind = schema.get("type")
        if not isinstance(kind, str):
            raise InvalidPolicy("a type in the schema has no name")
        logical = _logical(schema)
        if (kind, logical) == ("bytes", "decimal"):
            bounds, scale = _decimal(schema)
            return Primitive(Kind.BYTES, bounds, logical, scale)
        if (kind, logical) in _LOGICAL:
            return Primitive(PRIMITIVES[kind], _LOGICAL[kind, logical], logical)
        if kind in PRIMITIVES:
            return Primitive(PRIMITIVES[kind])
        if kind in NAMED:
            return self._named(kind, schema, namespace)
        if kind == "array":
            return array_of(self.read(schema.get("items"), namespace))
        if kind == "map":
            entry = [
                Field("key", Primitive(Kind.STRING)),
                Field("value", self.read(schema.get("values"), namespace)),
            ]
            return array_of(record_of("entry", entry), is_map=True)
        return self._reference(kind, namespace)

    def _reference(self, name: str, namespace: str) -> AvroType:
        if name in PRIMITIVES:
            return Primitive(PRIMITIVES[name])
        full = resolve(name, namespace)
        if full not in self._known:
            raise InvalidPolicy("the schema uses a type that it doesn't define", where=full)
        known = self._known[full]
        return known if known is not None else self._again.setdefault(full, Again(full))

    def _union(self, branches: list[Json], namespace: str) -> AvroType:
        if not branches or any(isinstance(branch, list) for branch in branches):
            raise InvalidPolicy("a union is empty or holds another union")
        return union_of([self.read(branch, namespace) for branch in branches])

    def _named(self, kind: str, schema: Mapping[str, object], namespace: str) -> AvroType:
        name = full_name(schema, namespace)
        if name in self._known:
            raise InvalidPolicy("the schema defines a type twice", where=name)
        self._known[name] = None
        read: AvroType
        if kind == "fixed":
            read = _fixed(schema, name)
        elif kind == "enum":
            read = Symbols(_symbols(schema, name))
        else:
            fields = self._fields(schema, name)
            read = record_of(name, fields, recursive=name in self._again)
            if read.recursive:
                self._again[name].mean(read)
        self._known[name] = read
        return read

    def _fields(self, schema: Mapping[str, object], name: str) -> list[Field]:
        declared = schema.get("fields")
        if not isinstance(declared, list):
            raise InvalidPolicy("a record has no list of fields", where=name)
        fields: dict[str, Field] = {}
        for field in declared:
            field_name = field.get("name") if isinstance(field, Mapping) else None
            if not isinstance(field_name, str) or not _NAME.fullmatch(field_name):
                raise InvalidPolicy("a field's name is missing or is not one", where=name)
            if field_name in fields:
                raise InvalidPolicy("a record has a field twice", where=f"{name}.{field_name}")
            fields[field_name] = Field(field_name, self.read(field.get("type"), namespace_of(name)))
        return list(fields.values())


def _logical(schema: Mapping[str, object]) -> str:
    logical = schema.get("logicalType", "")
    if not isinstance(logical, str):
        raise InvalidPolicy("a logical type is not a name")
    return logical


def _decimal(schema: Mapping[str, object]) -> tuple[tuple[int, int], int]:
    """Give the bounds of a decimal's digits, and its scale."""
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    numbers = [n for n in (precision, scale) if isinstance(n, int) and not isinstance(n, bool)]
    if len(numbers) != 2 or numbers[0] < 1 or not 0 <= numbers[1] <= numbers[0]:
        raise InvalidPolicy("a decimal's precision or scale is missing or out of range")
    if numbers[0] > MAX_PRECISION:
        raise InvalidPolicy(
            f"a decimal of more than {MAX_PRECISION} digits can't be enforced",
            remedy="Choose a smaller precision",
        )
    most = 10 ** numbers[0] - 1
    return (-most, most), numbers[1]


def _fixed(schema: Mapping[str, object], name: str) -> Fixed:
    size = _size(schema, name)
    if _logical(schema) != "decimal":
        return Fixed(size)
    bounds, _ = _decimal(schema)
    if bytes_needed(bounds[1]) > size:
        raise InvalidPolicy(
            "a decimal has more digits than its fixed type holds",
            where=name,
            remedy="Choose a smaller precision, or a larger size",
        )
    return Fixed(size, bounds)


def _size(schema: Mapping[str, object], name: str) -> int:
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_FIXED:
        raise InvalidPolicy("a fixed type's size is missing or out of range", where=name)
    return size


def _symbols(schema: Mapping[str, object], name: str) -> tuple[str, ...]:
    symbols = schema.get("symbols")
    valid = (
        isinstance(symbols, list)
        and symbols
        and all(isinstance(symbol, str) and _NAME.fullmatch(symbol) for symbol in symbols)
    )
    if not isinstance(symbols, list) or not valid or len(set(symbols)) != len(symbols):
        raise InvalidPolicy("an enum's symbols are missing, doubled or not names", where=name)
    return tuple(symbols)
