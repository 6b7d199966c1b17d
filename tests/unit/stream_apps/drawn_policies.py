"""Random policies for a schema: every action wherever it may stand, and rows on any item."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter
from schemas.policy.actions import (
    EXACT,
    Action,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Pseudonym,
    Scalar,
    Shown,
)
from schemas.policy.application import applied
from schemas.policy.avro_types import Array, AvroType, Kind, Primitive, Record, Symbols, Union
from schemas.policy.condition_reading import conditions
from schemas.policy.literals import write_number
from schemas.policy.policy import Audience
from schemas.policy.schema_reading import read_record
from schemas.policy.view import view_schema
from tests.unit.stream_apps.drawn_values import KEYS, LONGS, MARKER, TEXTS, Marks, Sight, numbers_of

AUDIENCE = Audience("dept-z", 1)
_COUNTS = [1, 1, 2, 3, 6, 11, 12, 69, 71, 2**31 - 1, 2**31, EXACT]
_WIDTHS = [1, 2, 7, 10, 100, 365, 10**6, 2**31 - 1, 2**40, EXACT]
_CONSTANTS = ["", "x", "某", "*" * 32, "中" * 10, "\U0010ffff"]
_FILTERED = [text for text in TEXTS if text] + [MARKER]
Actions = list[tuple[str, Action]]


@dataclass
class Policies:
    """Draws policies for one schema.

    Args:
        rng: what is drawn from.
        schema: of a change event whose key item is `key`.
        resource: the policies'.
        odd: how often something that can't be applied is left in.
    """

    rng: random.Random
    schema: dict[str, Any]
    resource: str
    odd: float = 0.0
    record: Record = field(init=False)

    def __post_init__(self) -> None:
        self.record = read_record(self.schema)
        paths = [*_row_paths(self.record, "")]
        decidable = [(path, types) for path, types in paths if any(map(_pool, types))]
        self._filtered = paths if self.rng.random() < self.odd else decidable
        key: tuple[str, list[AvroType]] = ("key", [Primitive(Kind.STRING)])
        self._favourite = self.rng.choice([key] + 2 * self._filtered)

    def policy(self) -> Policy:
        """Draw a policy that some of the items are let through by, in some way."""
        actions: Actions = []
        for item in self.record.fields[1:]:
            if item.name == "key":
                actions += self._key()
            else:
                actions += self._item(item.name, item.type)
        if not actions:
            actions = [(self.record.fields[1].name, Keep())]
        policy = self._with_audience(actions)
        if not self._stays(lambda: view_schema(policy, self.schema, key_item="key")):
            policy = Policy.kept(self.resource, ["key"])
        rows = [self._row() for _ in range(self.rng.choice([0, 0, 1, 1, 2, 3]))]
        kept = tuple(row for row in rows if row and self._stays(partial(self._decide, row)))
        return Policy(policy.resource, policy.actions, kept, policy.audience)

    def _with_audience(self, actions: Actions) -> Policy:
        needs = ("key", Keep()) not in actions or any(act == Pseudonym() for _, act in actions)
        if self.rng.random() < self.odd and Pseudonym() not in dict(actions).values():
            needs = not needs
        return Policy(self.resource, tuple(actions), (), AUDIENCE if needs else None)

    def _stays(self, check: Callable[[], object]) -> bool:
        """Tell whether something can be applied, or is left in though it can't."""
        try:
            check()
        except InvalidPolicy:
            return self.rng.random() < self.odd
        return True

    def _key(self) -> Actions:
        if self.rng.random() < 0.6:
            return [("key", Keep())]
        if self.rng.random() < 0.3:
            return []
        return [("key", self._text_action())]

    def _item(self, path: str, avro: AvroType) -> Actions:
        drawn = self.rng.random()
        if drawn < 0.25:
            return []
        inside = [part for part in _through(avro) if isinstance(part, Record)]
        if inside and drawn < 0.8:
            actions = self._enter(path, inside)
            if actions and self._applies(actions):
                return actions
        if drawn < 0.4:
            return [(path, Keep())]
        action = self._action([*_through(avro)])
        return [(path, action if self._applies([(path, action)]) else Keep())]

    def _enter(self, path: str, records: list[Record]) -> Actions:
        actions: Actions = []
        named: set[str] = set()
        for record in records:
            for part in record.fields:
                if part.name not in named:
                    named.add(part.name)
                    actions += self._item(f"{path}.{part.name}", part.type)
        return actions

    def _applies(self, actions: Actions) -> bool:
        policy = Policy(self.resource, tuple(actions), (), AUDIENCE)
        return self._stays(lambda: applied(policy, self.record, "key"))

    def _action(self, types: list[AvroType]) -> Action:
        """Draw an action that at least one of the types may have."""
        rng = self.rng
        drawn: AvroType = rng.choice(types) if types else Primitive(Kind.NULL)
        match drawn:
            case Symbols(names=names):
                return Constant(rng.choice(names))
            case Primitive(kind=Kind.STRING):
                return self._text_action()
            case Primitive(kind=Kind.BOOLEAN):
                return Constant(rng.random() < 0.5)
            case Primitive(kind=Kind.BYTES, bounds=tuple()):
                return Band(rng.choice(_WIDTHS))
            case Primitive(kind=Kind.FLOAT | Kind.DOUBLE):
                return Band(rng.choice(_WIDTHS))
            case Primitive(kind=Kind.INT | Kind.LONG) as avro:
                if rng.random() < 0.3:
                    return Constant(max(-EXACT, min(EXACT, rng.choice(numbers_of(avro)))))
                return (
                    DateTo(rng.choice([*DateUnit])) if avro.logical else Band(rng.choice(_WIDTHS))
                )
        return Keep()

    def _text_action(self) -> Action:
        rng = self.rng
        match rng.randrange(4):
            case 0:
                return Constant(rng.choice(_CONSTANTS))
            case 1:
                first, last = rng.choice([0, *_COUNTS]), rng.choice([0, *_COUNTS])
                return Shown(first, last if first or last else 1)
            case 2:
                return Digits(rng.choice(_COUNTS))
        return Pseudonym()

    def _row(self) -> RowFilter | None:
        """Draw a condition; many are on the same item, so that views share an index."""
        rng = self.rng
        some = [self._favourite, *self._filtered]
        item, types = self._favourite if rng.random() < 0.5 else rng.choice(some)
        match = rng.choice([*Match])
        pool = KEYS if item == "key" else rng.choice([*filter(None, map(_pool, types))] or [[]])
        if not pool:
            return None
        try:
            if match is not Match.RANGE:
                return RowFilter(item, match, tuple(rng.choices(pool, k=rng.choice([1, 2, 5]))))
            low, high = rng.choice(pool), rng.choice(pool)
            return RowFilter(item, match, (), *rng.choice([(low, high), (low, None), (None, high)]))
        except InvalidPolicy:
            return None

    def _decide(self, row: RowFilter) -> None:
        conditions(Policy.kept(self.resource, ["key"], row), self.record, "key")


def key_rows(rng: random.Random) -> RowFilter | None:
    """Draw a filter on the key, or none."""
    if rng.random() < 0.4:
        return None
    values = rng.sample(KEYS, rng.randrange(1, 4))
    return RowFilter("key", rng.choice([Match.IN, Match.PREFIX]), tuple(values))


def marks_of(policy: Policy) -> dict[str, Marks]:
    """Give what a policy's view shows of the values of a change event."""
    marks: dict[str, Any] = {}
    for path, action in policy.actions:
        *around, last = path.split(".")
        inside = marks
        for name in around:
            inside = inside.setdefault(name, {})
        inside[last] = Sight.MASKED if _hides(action) else Sight.OPEN
    return marks


def _hides(action: Action) -> bool:
    """Tell whether nothing of the marker, or of a secret number, can be left in a masked value."""
    match action:
        case Keep():
            return False
        case Shown(first=first, last=last):
            return first < 12 and last < 8
        case Digits(count=count):
            return count < 12
        case Band(width=width):
            return width > 1
    return True


def _through(avro: AvroType) -> Iterator[AvroType]:
    """Yield what a path's end is applied to, or can enter: through arrays, maps and unions."""
    match avro:
        case Array(items=Record() as entry, is_map=True):
            yield from _through(entry.fields[1].type)
        case Array(items=items):
            yield from _through(items)
        case Union(branches=branches):
            for branch in branches:
                yield from _through(branch)
        case Primitive(kind=Kind.NULL):
            pass
        case _:
            yield avro


def _row_paths(record: Record, around: str) -> Iterator[tuple[str, list[AvroType]]]:
    """Yield the paths through records and unions, with the types that lie there."""
    for part in record.fields[0 if around else 1 :]:
        types = part.type.branches if isinstance(part.type, Union) else (part.type,)
        yield f"{around}{part.name}", [*types]
        for avro in types:
            if isinstance(avro, Record) and not avro.recursive:
                yield from _row_paths(avro, f"{around}{part.name}.")


def _pool(avro: AvroType) -> list[Any]:
    """Give values of a type that rows can be filtered by."""
    match avro:
        case Symbols(names=names):
            return [*names]
        case Primitive(kind=Kind.STRING):
            return _FILTERED
        case Primitive(kind=Kind.BOOLEAN):
            return [False, True]
        case Primitive(kind=Kind.INT | Kind.LONG | Kind.BYTES):
            return [*_scalars(avro, numbers_of(avro))]
        case Primitive(kind=Kind.FLOAT | Kind.DOUBLE):
            return [number for number in LONGS if -EXACT <= number <= EXACT]
    return []


def _scalars(avro: Primitive, numbers: Iterable[int]) -> Iterator[Scalar]:
    for number in numbers:
        if avro.logical and not avro.logical.startswith("time-"):  # which can't be filtered by
            written = write_number(avro, number)
            yield written
            if written.endswith("Z"):
                yield written[:-1] + "+00:00"
        elif -EXACT <= number <= EXACT:
            yield number
