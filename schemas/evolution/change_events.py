"""The bus's own rules about the schemas of change events, stricter than Avro's.

Enforcement projects bytes, and a policy names items: so what an item is never changes, nothing that
was there goes away, and neither a default nor an alias can put a value where a provider supplied
none. An existing item's type stays equal in the wire format, to the symbol; int to long would be
readable, but then the same item has two ranges, and two lengths in memory, downstream. An enum's
symbols stay as they are: without a default, which is refused, an old reader can't take a new one.
What may change is documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from schemas.errors import InvalidPolicy
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
from schemas.policy.change_event import change_event
from schemas.policy.rows import ENVELOPE
from schemas.policy.schema_reading import read_record

Fault = tuple[Reason, str]
ENVELOPE_TYPE = "sharebus.events.Envelope"
_NULL = Simple("null")


def carries_envelope(tree: Tree) -> bool:
    """Tell whether a schema begins with the bus's envelope."""
    record = tree.record
    first = record.fields[0] if record and record.fields else None
    return first is not None and first.name == ENVELOPE and first.type == Named(ENVELOPE_TYPE)


def faults_alone(tree: Tree, *, has_later_items: bool) -> Iterator[Fault]:
    """Yield what no change event may have, whatever came before.

    Args:
        tree: the schema.
        has_later_items: whether an item may have the default null, because it wasn't in version 1.
    """
    record = tree.record
    if record is None or not record.fields or record.fields[0].name != ENVELOPE:
        yield Reason.NOT_A_CHANGE_EVENT, ""
    for path, name in tree.recursions:
        if name == ENVELOPE_TYPE or (record and name == record.name):
            yield Reason.RECURSIVE, path
    items = record.fields[1:] if record and has_later_items else ()
    later = {field.name for field in items if _is_later(field)}
    for path, part in tree.occurrences():
        if part.aliases:
            yield Reason.ALIAS, path
        # The path of an item is its name; anything further in has a longer one.
        if part.has_default and path not in later:
            yield Reason.DEFAULT, path


def enforceable(schema: Mapping[str, object]) -> str:
    """Return what enforcement would refuse in a schema, where it is; empty for nothing."""
    try:
        change_event(read_record(schema), None)
    except InvalidPolicy as error:
        return f"{error.problem}, {error.where}" if error.where else error.problem
    return ""


def faults_after(new: Tree, old: Tree, *, may_grow: bool) -> Iterator[Fault]:
    """Yield what keeps a change event's schema from following another.

    Args:
        new: what is offered.
        old: an earlier version.
        may_grow: whether items may be added; a view's are named by its policy.
    """
    record, former = new.record, old.record
    if record is None or former is None:
        yield Reason.TYPE_CHANGED, ""
        return
    if record.name != former.name:
        yield Reason.RECORD_RENAMED, record.name
    difference = _Difference(old, new)
    fields = {field.name: field for field in record.fields}
    for field in former.fields:
        kept = fields.get(field.name)
        if kept is None:
            yield Reason.ITEM_DROPPED, field.name
        elif field.name == ENVELOPE:
            for _, path in difference.between(field.type, kept.type, field.name):
                yield Reason.ENVELOPE_CHANGED, path
        else:
            yield from difference.between(field.type, kept.type, field.name)
            yield from _default_changed(field, kept)
    yield from _order(record.fields, former.fields)
    known = {field.name for field in former.fields}
    for name in (name for name in fields if name not in known):
        if not may_grow:
            yield Reason.ITEM_ADDED_TO_VIEW, name
        elif not _is_later(fields[name]):
            yield Reason.ITEM_NOT_NULLABLE, name


def _is_later(field: Field) -> bool:
    nullable = (
        isinstance(field.type, Union)
        and len(field.type.branches) == 2
        and field.type.branches[0] == _NULL
    )
    return nullable and field.has_default and field.default is None


def _default_changed(old: Field, new: Field) -> Iterator[Fault]:
    if new.has_default and not old.has_default:
        yield Reason.DEFAULT, new.name
    elif old.has_default and not new.has_default:
        yield Reason.DEFAULT_REMOVED, new.name


def _order(new: Sequence[Field], old: Sequence[Field]) -> Iterator[Fault]:
    were, are = {field.name for field in old}, {field.name for field in new}
    before = [field.name for field in old if field.name in are]
    after = [field.name for field in new if field.name in were]
    yield from (
        (Reason.ITEMS_REORDERED, there)
        for here, there in zip(before, after, strict=True)
        if here != there
    )
    names = [field.name for field in new]
    last = names.index(after[-1]) if after else 0
    yield from ((Reason.ITEM_NOT_AT_END, name) for name in names[:last] if name not in were)


class _Difference:
    """Finds where two types are not the same on the wire, each pair of definitions once."""

    def __init__(self, old: Tree, new: Tree) -> None:
        self._old = old.definitions
        self._new = new.definitions
        self._seen: set[tuple[str, str]] = set()

    def between(self, old: Type, new: Type, path: str) -> Iterator[Fault]:
        match old, new:
            case Union(), Union() if len(old.branches) == len(new.branches):
                for one, other in zip(old.branches, new.branches, strict=True):
                    yield from self.between(one, other, branch_path(path, one))
            case Union(), Union() if len(old.branches) < len(new.branches):
                yield Reason.TYPE_WIDENED, path
            case ((Simple() | Repeated() | Named()), Union()):
                yield Reason.TYPE_WIDENED, path
            case Repeated(), Repeated() if old.kind == new.kind:
                yield from self.between(old.inner, new.inner, inside(path, old))
            case Named(), Named():
                yield from self._definitions(self._old[old.name], self._new[new.name], path)
            case _ if old != new:
                yield Reason.TYPE_CHANGED, path

    def _definitions(self, old: Definition, new: Definition, path: str) -> Iterator[Fault]:
        pair = (old.name, new.name)
        if pair in self._seen:
            return
        self._seen.add(pair)
        fields = [field.name for field in old.fields], [field.name for field in new.fields]
        if (old.kind, old.name, old.size, old.logical) != (
            new.kind,
            new.name,
            new.size,
            new.logical,
        ):
            yield Reason.TYPE_CHANGED, path
        elif old.symbols != new.symbols:
            yield Reason.SYMBOLS_CHANGED, path
        elif fields[0] != fields[1]:
            yield Reason.TYPE_CHANGED, path
        else:
            for one, other in zip(old.fields, new.fields, strict=True):
                yield from self.between(one.type, other.type, field_path(path, one.name))
