"""An Avro schema as a tree of small values, with every name resolved and every size bounded.

The strict reference and the kernel's compiler both start from this tree, so that they agree on what
a schema means. A map is an array of records `key`, `value`, which is how it is encoded. Where a
record type holds itself, an `Again` stands for it. Reading the JSON of a schema is
`schema_reading`; data are not touched here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from schemas.errors import InvalidPolicy

MAX_DEPTH = 32
"""How deep types may lie inside each other, so that walking them never exhausts a stack."""

MAX_NODES = 10_000
"""How many types a schema may hold once its names are written out."""


class Kind(Enum):
    """The primitive types."""

    NULL = auto()
    BOOLEAN = auto()
    INT = auto()
    LONG = auto()
    FLOAT = auto()
    DOUBLE = auto()
    BYTES = auto()
    STRING = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a type is once its names are written out.

    Args:
        nodes: types in it, itself included.
        depth: types inside each other, itself included.
        empty: whether its values take no bytes at all.
    """

    nodes: int = 1
    depth: int = 1
    empty: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """A primitive type, and the logical type that it has.

    Args:
        kind: which one.
        bounds: the least and greatest value that the logical type has. Bytes with bounds are a
            decimal: the bounds are of its digits, taken as a whole number.
        logical: name of the logical type; empty where it has none that is known.
        scale: of a decimal: how many of its digits stand behind the point.
    """

    kind: Kind
    bounds: tuple[int, int] | None = None
    logical: str = ""
    scale: int = 0

    @property
    def most_bytes(self) -> int:
        """How many bytes a decimal may have: eight, or more where its digits need them."""
        return max(8, bytes_needed(self.bounds[1])) if self.bounds else 0

    @property
    def shape(self) -> Shape:
        """Only null takes no bytes."""
        return Shape(empty=self.kind is Kind.NULL)


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """So many bytes; with bounds they are a decimal, as in `Primitive`."""

    size: int
    bounds: tuple[int, int] | None = None

    @property
    def shape(self) -> Shape:
        """Fixed of size 0 is legal, and takes no bytes."""
        return Shape(empty=self.size == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Symbols:
    """An enum."""

    names: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The index always takes a byte."""
        return Shape()


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """An array, or a map when the items are its entries."""

    items: AvroType
    shape: Shape
    is_map: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """One of several types, its index written before the value."""

    branches: tuple[AvroType, ...]
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A field of a record."""

    name: str
    type: AvroType


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A record; values are written one after the other, without anything between.

    A recursive one holds itself somewhere; its shape ends there.
    """

    name: str
    fields: tuple[Field, ...]
    shape: Shape
    recursive: bool = False

    def field(self, name: str) -> Field | None:
        """Give the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


class Again:
    """The use of a record type inside itself.

    It has no size of its own: how deep records of a recursive type lie inside each other is up to
    the data, and bounded by `Limits.max_depth`.
    """

    __slots__ = ("_record", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._record: Record | None = None

    def mean(self, record: Record) -> None:
        """Say which record it is, once that has been read."""
        self._record = record

    @property
    def record(self) -> Record:
        """The type that is meant."""
        assert self._record is not None
        return self._record

    @property
    def shape(self) -> Shape:
        """A leaf; some value of it takes bytes, or none of it ends."""
        return Shape()


AvroType: TypeAlias = Primitive | Fixed | Symbols | Array | Union | Record | Again


def array_of(items: AvroType, *, is_map: bool = False) -> Array:
    """Make an array; its end mark always takes a byte."""
    return Array(items, _enclosing([items], empty=False), is_map)


def union_of(branches: Iterable[AvroType]) -> Union:
    """Make a union; its index always takes a byte."""
    branches = tuple(branches)
    return Union(branches, _enclosing(branches, empty=False))


def record_of(name: str, fields: Iterable[Field], *, recursive: bool = False) -> Record:
    """Make a record; it takes no bytes when none of its fields does."""
    fields = tuple(fields)
    types = [field.type for field in fields]
    shape = _enclosing(types, empty=all(part.shape.empty for part in types))
    return Record(name, fields, shape, recursive)


def types_in(avro: AvroType) -> Iterator[AvroType]:
    """Yield a type and all types inside it, each where it is used."""
    yield avro
    match avro:
        case Array():
            yield from types_in(avro.items)
        case Union():
            for branch in avro.branches:
                yield from types_in(branch)
        case Record():
            for field in avro.fields:
                yield from types_in(field.type)


def bytes_needed(number: int) -> int:
    """Give how many bytes a number takes in two's complement, at least one."""
    return (number if number >= 0 else ~number).bit_length() // 8 + 1


def _enclosing(parts: Iterable[AvroType], *, empty: bool) -> Shape:
    shapes = [part.shape for part in parts]
    shape = Shape(
        nodes=1 + sum(part.nodes for part in shapes),
        depth=1 + max((part.depth for part in shapes), default=0),
        empty=empty,
    )
    if shape.depth > MAX_DEPTH:
        raise InvalidPolicy(f"types lie more than {MAX_DEPTH} deep inside each other in the schema")
    if shape.nodes > MAX_NODES:
        raise InvalidPolicy(f"the schema holds more than {MAX_NODES} types")
    return shape
