"""Can one schema read what another wrote? Avro's schema resolution, as a comparison of schemas.

Avro 1.12 specification, "Schema Resolution", in the reading of Avro's own Java library
(`SchemaCompatibility`), which Confluent's registry uses: names are compared without their
namespaces, and logical types are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.evolution.findings import Reason
from schemas.evolution.schema_tree import (
    Definition,
    Field,
    Named,
    Repeated,
    Simple,
    Tree,
    Type,
    Union,
    branch_path,
    field_path,
    inside,
)

MAX_STEPS: Final = 100_000
"""Types compared for one pair of schemas; beyond, the answer is TOO_LARGE (about a second)."""

_MAX_DEPTH: Final = 150
_READABLE_AS: Final = {
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "bytes": frozenset({"string"}),
    "string": frozenset({"bytes"}),
}

Fault = tuple[Reason, str]
"""A reason and its path."""


def faults(reader: Tree, writer: Tree) -> list[Fault]:
    """Return why the reader can't read the writer's records; nothing where it can."""
    try:
        return list(_Comparison(reader, writer).compare(reader.root, writer.root, "", 0))
    except (_TooLargeError, RecursionError):
        return [(Reason.TOO_LARGE, "")]


class _TooLargeError(Exception):
    pass


class _Comparison:
    def __init__(self, reader: Tree, writer: Tree) -> None:
        self._reader = reader.definitions
        self._writer = writer.definitions
        # Pairs of definitions that fit, those still being compared among them: a recursive type
        # fits as long as nothing says otherwise.
        self._fitting: dict[tuple[str, str], None] = {}
        self._failing: dict[tuple[str, str], list[Fault]] = {}
        self._steps = 0

    def compare(self, reader: Type, writer: Type, path: str, depth: int) -> Iterator[Fault]:
        self._steps += 1
        if self._steps > MAX_STEPS or depth > _MAX_DEPTH:
            raise _TooLargeError
        match reader, writer:
            case _, Union():
                for branch in writer.branches:
                    yield from self.compare(reader, branch, branch_path(path, branch), depth + 1)
            case Union(), _:
                if not any(self._fits(branch, writer, depth) for branch in reader.branches):
                    yield Reason.MISSING_UNION_BRANCH, path
            case Simple(), Simple():
                if not (
                    reader.kind == writer.kind or writer.kind in _READABLE_AS.get(reader.kind, ())
                ):
                    yield Reason.TYPE_MISMATCH, path
            case Repeated(), Repeated() if reader.kind == writer.kind:
                inner = inside(path, reader)
                yield from self.compare(reader.inner, writer.inner, inner, depth + 1)
            case Named(), Named():
                yield from self._named(reader.name, writer.name, path, depth)
            case _:
                yield Reason.TYPE_MISMATCH, path

    def _fits(self, reader: Type, writer: Type, depth: int) -> bool:
        return next(self.compare(reader, writer, "", depth + 1), None) is None

    def _named(self, reader: str, writer: str, path: str, depth: int) -> Iterator[Fault]:
        pair = (reader, writer)
        if pair in self._fitting:
            return
        if pair in self._failing:
            yield from self._failing[pair]
            return
        known = len(self._fitting)
        self._fitting[pair] = None
        found = list(self._definitions(self._reader[reader], self._writer[writer], path, depth))
        if found:
            # What was taken to fit since may have leant on this pair.
            while len(self._fitting) > known:
                self._fitting.popitem()
            self._failing[pair] = found
            yield from found

    def _definitions(
        self, reader: Definition, writer: Definition, path: str, depth: int
    ) -> Iterator[Fault]:
        if reader.kind != writer.kind:
            yield Reason.TYPE_MISMATCH, path
        elif reader.short_name != writer.short_name and writer.name not in reader.aliases:
            yield Reason.NAME_MISMATCH, path
        elif reader.kind == "fixed" and reader.size != writer.size:
            yield Reason.FIXED_SIZE_MISMATCH, path
        elif reader.kind == "enum" and not _takes_symbols(reader, writer):
            yield Reason.MISSING_ENUM_SYMBOLS, path
        elif reader.kind == "record":
            written = {field.name: field for field in writer.fields}
            for field in reader.fields:
                yield from self._field(field, written, path, depth)

    def _field(
        self, field: Field, written: dict[str, Field], path: str, depth: int
    ) -> Iterator[Fault]:
        place = field_path(path, field.name)
        source = next(
            (written[name] for name in (field.name, *field.aliases) if name in written), None
        )
        if source is not None:
            yield from self.compare(field.type, source.type, place, depth + 1)
        elif not field.has_default:
            yield Reason.READER_FIELD_MISSING_DEFAULT_VALUE, place


def _takes_symbols(reader: Definition, writer: Definition) -> bool:
    return reader.default in reader.symbols or set(writer.symbols) <= set(reader.symbols)
