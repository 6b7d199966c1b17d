"""Random policies of every kind for a schema of change events: such as can be applied to it.

Which actions and conditions a type bears is written down here once more, from the words of the
law, so that the product's own tables aren't taken on trust.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from schemas.policy import (
    ENVELOPE,
    Action,
    Audience,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Match,
    Policy,
    Pseudonym,
    RowFilter,
    Shown,
)
from schemas.policy.avro_types import (
    Again,
    Array,
    AvroType,
    Kind,
    Primitive,
    Record,
    Symbols,
    Union,
)
from schemas.policy.schema_reading import read_record

_DATED: Final = ("date", "timestamp-millis", "timestamp-micros")
_DATED_ALL: Final = (*_DATED, "local-timestamp-millis", "local-timestamp-micros")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS: Final = ("", "x", "y", "é", "中", "中文", "\U0001f600", "yyyy")


def drawn_policy(
    rng: random.Random,
    schema: Mapping[str, Any],
    *,
    resource: str,
    key_item: str,
    audience: str = "health",
    texts: tuple[str, ...] = _TEXTS,
) -> Policy:
    """Draw a policy that can be applied to a schema of change events.

    Args:
        rng: the dice.
        schema: of the change events.
        resource: id of the resource.
        key_item: its key, which is kept more often than not.
        audience: department for which pseudonyms are made.
        texts: what values of texts are drawn from.
    """
    return _Drawing(rng, read_record(schema), key_item, texts).policy(resource, audience)


class _Drawing:
    def __init__(
        self, rng: random.Random, record: Record, key_item: str, texts: tuple[str, ...]
    ) -> None:
        self._rng = rng
        self._record = record
        self._key_item = key_item
        self._texts = texts

    def policy(self, resource: str, audience: str) -> Policy:
        rng = self._rng
        actions: dict[str, Action] = {}
        for field in self._record.fields:
            if field.name == self._key_item:
                key = rng.choice([Keep(), Keep(), Keep(), Keep(), Pseudonym(), Shown(1, 1), None])
                if key is not None:
                    actions[field.name] = key
            elif field.name != ENVELOPE and rng.random() < 0.7:
                actions |= self._item(field.type, field.name)
        if not actions:
            actions[self._key_item] = Keep()
        secret = actions.get(self._key_item) != Keep() or Pseudonym() in actions.values()
        version = rng.choice([1, 1, 2])
        return Policy(
            resource,
            tuple(actions.items()),
            tuple(self._rows()),
            Audience(audience, version) if secret else None,
        )

    def _item(self, avro: AvroType, path: str) -> dict[str, Action]:
        rng = self._rng
        if rng.random() < 0.6 and (inside := self._inside(avro, path)):
            return inside
        if rng.random() < 0.7 and (masks := self._masks(avro)):
            return {path: rng.choice(masks)}
        return {path: Keep()}

    def _inside(self, avro: AvroType, path: str) -> dict[str, Action]:
        """Name some of what is inside an item; nothing where it can't be entered."""
        records = _records(avro)
        if not records:
            return {}
        chosen: dict[str, Action] = {}
        for record in records:
            names = [field.name for field in record.fields]
            if not names:
                return {}
            for name in self._rng.sample(names, self._rng.randrange(1, len(names) + 1)):
                inner = f"{path}.{name}"
                if any(f"{each}.".startswith(f"{inner}.") for each in chosen):
                    continue
                types = [it.type for each in records if (it := each.field(name))]
                if len(types) == 1:
                    chosen |= self._item(types[0], inner)
                else:
                    chosen[inner] = Keep()
        return chosen if _takes_bytes(avro, chosen, path) else {}

    def _masks(self, avro: AvroType) -> list[Action]:
        """Give actions that every value of a type bears."""
        if isinstance(avro, Union):
            parts = [part for part in avro.branches if not _is_null(part)]
            offers = [self._masks(part) for part in parts]
            if not offers:
                return []
            return [action for action in offers[0] if all(action in it for it in offers[1:])]
        if isinstance(avro, Array):
            value = avro.items
            return self._masks(value.fields[1].type if avro.is_map else value)  # type: ignore[union-attr]
        if isinstance(avro, Symbols):
            return [Constant(self._rng.choice(avro.names))]
        if not isinstance(avro, Primitive):
            return []
        return self._leaf(avro)

    def _leaf(self, avro: Primitive) -> list[Action]:
        rng = self._rng
        if avro.kind is Kind.STRING and not avro.logical:
            return [
                Pseudonym(),
                Shown(*rng.choice([(1, 0), (0, 1), (2, 1), (3, 4), (0, 70)])),
                Digits(rng.choice([1, 2, 69])),
                Constant(rng.choice(["", "某", "x" * 32])),
            ]
        if avro.kind is Kind.BOOLEAN:
            return [Constant(rng.choice([True, False]))]
        if avro.kind in (Kind.INT, Kind.LONG):
            least, most = avro.bounds or (-100, 100)
            made: list[Action] = [Constant(rng.randint(max(least, -(2**50)), min(most, 2**50)))]
            if avro.logical in _DATED_ALL:
                made.append(DateTo(rng.choice(list(DateUnit))))
            if not avro.logical:
                made.append(Band(rng.choice([1, 2, 10, 1000, 2**31 - 1])))
            return made
        if avro.kind in (Kind.FLOAT, Kind.DOUBLE):
            return [Band(rng.choice([1, 7, 1000, 2**40, 2**53 - 1]))]
        if avro.logical == "decimal" and avro.bounds and avro.bounds[1] < 10**18:
            widest = min(avro.bounds[1] // 10**avro.scale, 2**53 - 1)
            return [Band(rng.randint(1, widest))] if widest else []
        return []

    def _rows(self) -> list[RowFilter]:
        rng = self._rng
        if rng.random() < 0.5:
            return []
        rows = [
            row
            for field in self._record.fields
            if field.name != ENVELOPE
            for path, leaf in _leaves(field.type, field.name)
            if (row := self._row(path, leaf))
        ]
        inside = [row for row in rows if "." in row.item]
        rows = inside if inside and rng.random() < 0.8 else rows
        return rng.sample(rows, min(len(rows), rng.choice([1, 1, 2])))

    def _row(self, path: str, avro: AvroType) -> RowFilter | None:
        rng = self._rng
        if isinstance(avro, Symbols):
            return RowFilter(path, Match.IN, (rng.choice(avro.names),))
        if not isinstance(avro, Primitive):
            return None
        if avro.kind is Kind.STRING:
            texts = [text for text in self._texts if text]
            values = tuple(rng.sample(texts, rng.randrange(1, len(texts))))
            match rng.choice(list(Match)):
                case Match.RANGE:
                    return _range(rng, path, sorted(values[:2]))
                case listed:
                    return RowFilter(path, listed, values)
        if avro.kind is Kind.BOOLEAN:
            return RowFilter(path, Match.IN, (rng.choice([True, False]),))
        numbers = sorted(rng.choice([0, 1, 5, 100, 10_000]) for _ in range(2))
        written: list[Any] = []
        if avro.kind in (Kind.FLOAT, Kind.DOUBLE):
            return _range(rng, path, [-numbers[1], numbers[0]])
        if avro.kind in (Kind.INT, Kind.LONG) and not avro.logical:
            written = [rng.choice([-1, 1]) * number for number in numbers]
            written.sort()
        elif avro.logical == "date":
            written = [(date(1970, 1, 1) + timedelta(number)).isoformat() for number in numbers]
        elif avro.logical.startswith("timestamp-"):
            written = [(_EPOCH + timedelta(number)).isoformat() for number in numbers]
        elif avro.logical == "decimal" and avro.bounds and 10**17 <= avro.bounds[1] < 10**18:
            written = [f"{number}.5" if avro.scale else f"{number}" for number in numbers]
        if not written:
            return None
        if rng.random() < 0.5:
            return RowFilter(path, Match.IN, tuple(written))
        return _range(rng, path, written)


def _range(rng: random.Random, path: str, ends: list[Any]) -> RowFilter:
    low, high = ends[0], ends[-1]
    match rng.randrange(3):
        case 0:
            return RowFilter(path, Match.RANGE, low=low)
        case 1:
            return RowFilter(path, Match.RANGE, high=high)
    return RowFilter(path, Match.RANGE, low=low, high=high)


def _is_null(avro: AvroType) -> bool:
    return isinstance(avro, Primitive) and avro.kind is Kind.NULL


def _records(avro: AvroType) -> list[Record]:
    """Give the records that a path enters next; none where it can't go in."""
    if isinstance(avro, Record):
        return [] if avro.recursive else [avro]
    if isinstance(avro, Array):
        value = avro.items
        if avro.is_map:
            assert isinstance(value, Record)
            return _records(value.fields[1].type)
        return _records(value)
    if isinstance(avro, Union):
        inner = [_records(part) for part in avro.branches if not _is_null(part)]
        return [record for part in inner for record in part] if all(inner) else []
    return []


def _takes_bytes(avro: AvroType, chosen: Mapping[str, Action], path: str) -> bool:
    """Tell whether no array would be left with elements without bytes."""
    if isinstance(avro, Array):
        if avro.is_map:
            assert isinstance(avro.items, Record)
            return _takes_bytes(avro.items.fields[1].type, chosen, path)
        return not _is_emptied(avro.items, chosen, path) and _takes_bytes(avro.items, chosen, path)
    if isinstance(avro, Union):
        return all(_takes_bytes(part, chosen, path) for part in avro.branches)
    if isinstance(avro, Record):
        return all(
            _takes_bytes(field.type, chosen, f"{path}.{field.name}")
            for field in avro.fields
            if any(each.startswith(f"{path}.{field.name}.") for each in chosen)
        )
    return True


def _is_emptied(avro: AvroType, chosen: Mapping[str, Action], path: str) -> bool:
    if path in chosen:
        return avro.shape.empty
    if isinstance(avro, Record):
        named = [
            field
            for field in avro.fields
            if any(f"{each}.".startswith(f"{path}.{field.name}.") for each in chosen)
        ]
        return all(_is_emptied(field.type, chosen, f"{path}.{field.name}") for field in named)
    return False


def _leaves(avro: AvroType, path: str) -> list[tuple[str, AvroType]]:
    """Give the paths on which rows can be filtered, with the one type that a value has there."""
    if isinstance(avro, Union):
        parts = [part for part in avro.branches if not _is_null(part)]
        return _leaves(parts[0], path) if len(parts) == 1 else []
    if isinstance(avro, Record) and not avro.recursive:
        return [leaf for it in avro.fields for leaf in _leaves(it.type, f"{path}.{it.name}")]
    if isinstance(avro, Record | Array | Again):
        return []
    return [(path, avro)]
