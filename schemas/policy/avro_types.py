"""An Avro schema as a tree of small values, with every name resolved and every size bounded.

The strict reference and the kernel's compiler both start from this tree, so that they agree on what
a schema means. A map is an array of records `key`, `value`, which is how it is encoded. Reading the
JSON of a schema is `schema_reading`; data are not touched here.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """A primitive type; `bounds` are the least and greatest value that its logical type has.

    Bytes with bounds are a decimal: the bounds are of its digits, taken as a whole number.
    """

    kind: Kind
    bounds: tuple[int, int] | None = None

    @property
    def shape(self) -> Shape:
        """Only null takes no bytes."""
        return Shape(empty=self.kind is Kind.NULL)


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """So many bytes."""

    size: int

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
    """A record; values are written one after the other, without anything between."""

    name: str
    fields: tuple[Field, ...]
    shape: Shape

    def field(self, name: str) -> Field | None:
        """Give the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


AvroType: TypeAlias = Primitive | Fixed | Symbols | Array | Union | Record


def array_of(items: AvroType, *, is_map: bool = False) -> Array:
    """Make an array; its end mark always takes a byte."""
    return Array(items, _enclosing([items], empty=False), is_map)


def union_of(branches: Iterable[AvroType]) -> Union:
    """Make a union; its index always takes a byte."""
    branches = tuple(branches)
    return Union(branches, _enclosing(branches, empty=False))


def record_of(name: str, fields: Iterable[Field]) -> Record:
    """Make a record; it takes no bytes when none of its fields does."""
    fields = tuple(fields)
    types = [field.type for field in fields]
    return Record(name, fields, _enclosing(types, empty=all(part.shape.empty for part in types)))


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
