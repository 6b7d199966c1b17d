"""A schema of any kind as a tree whose named types are references into a table, so never a cycle.

`schemas.policy.avro_types` writes every name out, which bounds what enforcement has to hold; here
two schemas are compared, and what anybody may register must be readable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from schemas.errors import InvalidInput
from schemas.policy.schema_reading import NAMED, PRIMITIVES, Json, full_name, namespace_of, resolve

MAX_DEPTH: Final = 100
"""How deep types may lie inside each other: walking them never exhausts a stack."""


@dataclass(frozen=True, slots=True)
class Simple:
    """A primitive type, with its logical type, precision and scale where it has them."""

    kind: str
    logical: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """An array, or a map."""

    kind: str
    inner: Type


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types."""

    branches: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A reference to a definition, by its full name."""

    name: str


Type: TypeAlias = Simple | Repeated | Union | Named


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record; `default` is None also where there is none."""

    name: str
    type: Type
    aliases: tuple[str, ...]
    has_default: bool
    default: object


@dataclass(frozen=True, slots=True)
class Definition:
    """A record, enum or fixed type; `size` and `symbols` mean something on their kinds only."""

    kind: str
    name: str
    aliases: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    symbols: tuple[str, ...] = ()
    default: object = None
    has_default: bool = False
    size: int = 0
    logical: tuple[object, ...] = ()

    @property
    def short_name(self) -> str:
        """Its name without the namespace."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Tree:
    """A schema: its outermost type, its named types, and where one of them holds itself.

    A recursion is the path of the use and the name of the type.
    """

    root: Type
    definitions: Mapping[str, Definition]
    recursions: tuple[tuple[str, str], ...]

    @property
    def record(self) -> Definition | None:
        """The outermost type where it is a record."""
        root = self.root
        found = self.definitions[root.name] if isinstance(root, Named) else None
        return found if found is not None and found.kind == "record" else None

    def occurrences(self) -> Iterator[tuple[str, Definition | Field]]:
        """Yield every definition and field once, with the path where it comes first."""
        return self._within(self.root, "", set())

    def _within(
        self, avro: Type, path: str, seen: set[str]
    ) -> Iterator[tuple[str, Definition | Field]]:
        match avro:
            case Repeated():
                yield from self._within(avro.inner, inside(path, avro), seen)
            case Union():
                for branch in avro.branches:
                    yield from self._within(branch, branch_path(path, branch), seen)
            case Named() if avro.name not in seen:
                seen.add(avro.name)
                definition = self.definitions[avro.name]
                yield path, definition
                for field in definition.fields:
                    yield field_path(path, field.name), field
                    yield from self._within(field.type, field_path(path, field.name), seen)


def field_path(path: str, name: str) -> str:
    """Return the path of a field."""
    return f"{path}.{name}" if path else name


def inside(path: str, avro: Repeated) -> str:
    """Return the path of what an array or a map holds."""
    return path + ("[]" if avro.kind == "array" else "{}")


def branch_path(path: str, avro: Type) -> str:
    """Return the path of a union's branch."""
    name = avro.name if isinstance(avro, Named) else "union"
    if isinstance(avro, Simple | Repeated):
        name = avro.kind
    return f"{path}<{name}>"


def read_tree(schema: Json) -> Tree:
    """Read a schema.

    Raises:
        InvalidInput: it is no Avro schema, or its types lie more than `MAX_DEPTH` deep.
    """
    reading = _Reading()
    root = reading.read(schema, "", "", 0)
    return Tree(root, reading.definitions, tuple(reading.recursions))


class _Reading:
    def __init__(self) -> None:
        self.definitions: dict[str, Definition] = {}
        self.recursions: list[tuple[str, str]] = []
        self._open: set[str] = set()
        self._depth_of: dict[str, int] = {}
        self._deepest = 0

    def read(self, schema: Json, namespace: str, path: str, depth: int) -> Type:
        if depth > MAX_DEPTH:
            raise InvalidInput(f"types lie more than {MAX_DEPTH} deep inside each other")
        self._deepest = max(self._deepest, depth)
        if isinstance(schema, str):
            return self._refer(schema, namespace, path, depth)
        if isinstance(schema, list):
            return Union(tuple(self._branch(each, namespace, path, depth + 1) for each in schema))
        if not isinstance(schema, Mapping):
            raise InvalidInput("a part of the schema is neither a name, a list nor an object")
        kind = schema.get("type")
        if not isinstance(kind, str):
            return self.read(kind, namespace, path, depth + 1)
        if kind in PRIMITIVES:
            return Simple(kind, _logical(schema))
        if kind in ("array", "map"):
            inner = schema.get("items" if kind == "array" else "values")
            place = path + ("[]" if kind == "array" else "{}")
            return Repeated(kind, self.read(inner, namespace, place, depth + 1))
        if kind == "error" or kind in NAMED:
            return self._define(schema, namespace, path, depth)
        return self._refer(kind, namespace, path, depth)

    def _branch(self, schema: Json, namespace: str, path: str, depth: int) -> Type:
        name = schema.get("name", schema.get("type")) if isinstance(schema, Mapping) else schema
        place = f"{path}<{name}>" if isinstance(name, str) else path
        return self.read(schema, namespace, place, depth)

    def _refer(self, name: str, namespace: str, path: str, depth: int) -> Type:
        if name in PRIMITIVES:
            return Simple(name)
        full = resolve(name, namespace)
        if full in self._open:
            self.recursions.append((path, full))
        elif full not in self.definitions:
            raise InvalidInput("the schema uses a type that it doesn't define", where=full)
        else:
            # What a name stands for lies as deep here as where it was defined.
            self._deepest = max(self._deepest, depth + self._depth_of[full])
            if self._deepest > MAX_DEPTH:
                raise InvalidInput(f"types lie more than {MAX_DEPTH} deep inside each other")
        return Named(full)

    def _define(self, schema: Mapping[str, object], namespace: str, path: str, depth: int) -> Type:
        name = full_name(schema, namespace)
        if name in self._open or name in self.definitions:
            raise InvalidInput("the schema defines a type twice", where=name)
        kind = "record" if schema["type"] == "error" else str(schema["type"])
        self._open.add(name)
        outer, self._deepest = self._deepest, depth
        space = namespace_of(name)
        fields = schema.get("fields") if kind == "record" else []
        symbols = schema.get("symbols") if kind == "enum" else []
        size = schema.get("size") if kind == "fixed" else 0
        if not isinstance(fields, list) or not isinstance(symbols, list):
            raise InvalidInput("a record has no fields, or an enum no symbols", where=name)
        if not isinstance(size, int):
            raise InvalidInput("a fixed type has no size", where=name)
        self.definitions[name] = Definition(
            kind=kind,
            name=name,
            aliases=tuple(resolve(alias, space) for alias in _aliases(schema, name)),
            fields=tuple(self._field(field, space, path, depth + 1) for field in fields),
            symbols=tuple(map(str, symbols)),
            default=schema.get("default"),
            has_default="default" in schema and kind == "enum",
            size=size,
            logical=_logical(schema),
        )
        self._open.remove(name)
        self._depth_of[name] = self._deepest - depth
        self._deepest = max(outer, self._deepest)
        return Named(name)

    def _field(self, field: Json, namespace: str, path: str, depth: int) -> Field:
        name = field.get("name") if isinstance(field, Mapping) else None
        if not isinstance(field, Mapping) or not isinstance(name, str):
            raise InvalidInput("a field has no name")
        place = field_path(path, name)
        avro = self.read(field.get("type"), namespace, place, depth)
        aliases = _aliases(field, place)
        return Field(name, avro, aliases, "default" in field, field.get("default"))


def _logical(schema: Mapping[str, object]) -> tuple[object, ...]:
    logical = schema.get("logicalType")
    if logical is None:
        return ()
    return (logical, schema.get("precision"), schema.get("scale"))


def _aliases(schema: Mapping[str, object], where: str) -> tuple[str, ...]:
    aliases = schema.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise InvalidInput("aliases are no list of names", where=where)
    return tuple(map(str, aliases))
