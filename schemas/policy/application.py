"""Can a policy be applied to a schema, and what does it make of it?

Everything that is wrong between a policy's items and a schema is refused here, with the item's path
and what to do. Conditions on rows are `conditions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from schemas.errors import InvalidPolicy
from schemas.policy.actions import (
    Action,
    Band,
    Constant,
    DateTo,
    Digits,
    Keep,
    Pseudonym,
    Scalar,
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
from schemas.policy.change_event import change_event
from schemas.policy.policy import Policy
from schemas.policy.rows import ENVELOPE
from schemas.policy.shaping import (
    Choice,
    Dropped,
    Entered,
    Leaf,
    Masked,
    Repeated,
    Shaping,
    Whole,
)

INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)
MAX_DIGITS = 18
"""Digits of a decimal that can be calculated with: so many fit into 64 bits."""
REALS = (Kind.FLOAT, Kind.DOUBLE)
"""Their least value is lower than any band is wide, so none of them is too wide."""

Wanted: TypeAlias = "Action | dict[str, Wanted]"
"""What is done to an item, or to the items inside it."""

_DATES = frozenset(
    ["date"]
    + [f"{it}-{unit}" for it in ("timestamp", "local-timestamp") for unit in ("millis", "micros")]
)


def applied(policy: Policy, record: Record, key_item: str) -> Entered:
    """Give what a policy makes of a change event's type.

    Args:
        policy: what is let through.
        record: the type of the resource's change events.
        key_item: the item that is the records' key.

    Raises:
        InvalidPolicy: the schema has not the shape of a change event, the policy names an item that
            it doesn't have, enters a type that can't be entered, applies an action to a type that
            it can't be applied to, leaves array elements without bytes, or names an audience
            exactly when it shouldn't.
    """
    change_event(record, key_item)
    _check_audience(policy, key_item)
    wanted = _wanted(policy)
    unknown = sorted(wanted.keys() - {field.name for field in record.fields})
    if unknown:
        raise InvalidPolicy(
            "the policy names an item that the resource doesn't have",
            where=", ".join(f"items.{name}" for name in unknown),
            remedy=_fields_of(record),
        )
    applying = _Applying()
    fields = tuple(
        Whole(field.type)
        if field.name == ENVELOPE
        else applying.shape(field.type, wanted[field.name], field.name)
        if field.name in wanted
        else Dropped(field.type)
        for field in record.fields
    )
    _check_used(set(policy.items) - applying.used)
    return Entered(record, fields, "")


def keeps_key(policy: Policy, key_item: str) -> bool:
    """Tell whether a view's records have the raw key; otherwise it is a pseudonym."""
    return (key_item, Keep()) in policy.actions


def bounds_of(avro: Primitive) -> tuple[int, int]:
    """Give the least and the greatest value of a number's type."""
    return avro.bounds or (INT if avro.kind is Kind.INT else LONG)


def is_calculable_decimal(avro: AvroType) -> bool:
    """Tell whether a type is a decimal in bytes, of digits that fit into 64 bits."""
    return (
        isinstance(avro, Primitive)
        and avro.logical == "decimal"
        and bounds_of(avro)[1] < 10**MAX_DIGITS
    )


def _wanted(policy: Policy) -> dict[str, Wanted]:
    top: dict[str, Wanted] = {}
    for path, action in policy.actions:
        *around, last = path.split(".")
        inside = top
        for name in around:
            deeper = inside.setdefault(name, {})
            # A policy never names an item and what is inside it.
            assert isinstance(deeper, dict)
            inside = deeper
        inside[last] = action
    return top


def _check_audience(policy: Policy, key_item: str) -> None:
    is_plain = keeps_key(policy, key_item)
    if not is_plain and policy.audience is None:
        raise InvalidPolicy(
            "the policy doesn't keep the key item, so keys are pseudonyms, which are for somebody",
            where=f"items.{key_item}",
            remedy=f'Keep {key_item}, or say for whom: "audience": {{"department": …}}',
        )
    if is_plain and policy.audience and Pseudonym() not in dict(policy.actions).values():
        raise InvalidPolicy(
            "the policy pseudonymises nothing, so it is for nobody in particular",
            where="audience",
            remedy="Leave the audience out, so that others can share the view",
        )


def _check_used(unused: set[str]) -> None:
    if unused:
        raise InvalidPolicy(
            "no record on its path has the item",
            where=", ".join(f"items.{path}" for path in sorted(unused)),
            remedy="Take the names from the schema",
        )


class _Applying:
    """One walk over the types of a change event; remembers which items it came by."""

    def __init__(self) -> None:
        self.used: set[str] = set()

    def shape(self, avro: AvroType, wanted: Wanted, path: str) -> Shaping:
        if isinstance(wanted, dict):
            return self._enter(avro, wanted, path)
        self.used.add(path)
        if isinstance(wanted, Keep):
            return Whole(avro)
        return _mask(avro, wanted, path)

    def _enter(self, avro: AvroType, wanted: dict[str, Wanted], path: str) -> Shaping:
        match avro:
            case Record(recursive=False):
                return self._enter_record(avro, wanted, path)
            case Record() | Again():
                raise _refused(
                    path, "is recursive, so nothing in it can be named", "Keep it whole, or drop it"
                )
            case Array():
                return _repeated(avro, path, lambda items: self._enter(items, wanted, path))
            case Union():
                return _choice(avro, lambda branch: self._enter(branch, wanted, path))
        raise _refused(path, "has nothing inside it", f"Name {path} itself")

    def _enter_record(self, avro: Record, wanted: dict[str, Wanted], path: str) -> Entered:
        if not any(field.name in wanted for field in avro.fields):
            raise _refused(
                path,
                f"may be a {avro.name}, of which the policy names nothing",
                f"Name something of it. {_fields_of(avro)}",
            )
        fields = tuple(
            self.shape(field.type, wanted[field.name], f"{path}.{field.name}")
            if field.name in wanted
            else Dropped(field.type)
            for field in avro.fields
        )
        return Entered(avro, fields, path)


def _mask(avro: AvroType, action: Action, path: str) -> Shaping:
    match avro:
        case Array():
            return _repeated(avro, path, lambda items: _mask(items, action, path))
        case Union():
            return _choice(avro, lambda branch: _mask(branch, action, path))
        case Primitive() | Symbols():
            return _masked(avro, action, path)
    raise _refused_action(path, action)


def _choice(avro: Union, shape: Callable[[AvroType], Shaping]) -> Choice:
    return Choice(avro, tuple(Whole(it) if _is_null(it) else shape(it) for it in avro.branches))


def _repeated(avro: Array, path: str, shape: Callable[[AvroType], Shaping]) -> Repeated:
    if avro.is_map:
        entry = avro.items
        assert isinstance(entry, Record)
        key, value = entry.fields
        return Repeated(avro, Entered(entry, (Whole(key.type), shape(value.type)), path))
    items = shape(avro.items)
    if items.is_empty:
        raise _refused(
            path,
            "would be an array of elements without bytes",
            "Name something of its elements that takes bytes, or drop it",
        )
    return Repeated(avro, items)


def _masked(avro: Leaf, action: Action, path: str) -> Masked:
    is_text = isinstance(avro, Primitive) and avro.kind is Kind.STRING and not avro.logical
    match action:
        case Constant(value=value) if _is_value(avro, value, is_text=is_text):
            return Masked(avro, action)
        case Shown() | Digits() | Pseudonym() if is_text:
            return Masked(avro, action)
        case DateTo() if isinstance(avro, Primitive) and avro.logical in _DATES:
            return Masked(avro, action)
        case Band(width=width) if isinstance(avro, Primitive) and _is_banded(avro):
            width *= 10**avro.scale
            if avro.kind not in REALS and width > bounds_of(avro)[1]:
                raise _refused(path, "has no number as large as the band", "Choose a narrower band")
            return Masked(avro, action, width)
    raise _refused_action(path, action)


def _is_value(avro: Leaf, value: Scalar, *, is_text: bool) -> bool:
    """Tell whether a constant is a value of the type."""
    if isinstance(avro, Symbols):
        return isinstance(value, str) and value in avro.names
    if avro.kind in (Kind.INT, Kind.LONG):
        least, most = bounds_of(avro)
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    if avro.kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    return is_text and isinstance(value, str)


def _is_banded(avro: Primitive) -> bool:
    is_plain = avro.kind in (Kind.INT, Kind.LONG, *REALS) and not avro.logical
    return is_plain or is_calculable_decimal(avro)


def _is_null(avro: AvroType) -> bool:
    return isinstance(avro, Primitive) and avro.kind is Kind.NULL


_APPLY = {
    Constant: (
        "A constant is of the item's type: a text, a whole number, true or false, or a symbol of "
        "its enum; uuids, bytes, decimals and floating numbers have none"
    ),
    Shown: "first and last are for texts that are no uuids",
    Digits: "digits is for texts that are no uuids",
    Pseudonym: "Pseudonyms are for texts that are no uuids",
    DateTo: "date is for dates and timestamps",
    Band: (
        "band is for int and long without a logical type, for float and double, and for decimals "
        f"of up to {MAX_DIGITS} digits in bytes"
    ),
}


def _refused_action(path: str, action: Action) -> InvalidPolicy:
    return _refused(
        path,
        "may hold a value that this action can't be applied to",
        f"{_APPLY[type(action)]}. Or keep or drop the item, or name what is inside it",
    )


def _refused(path: str, problem: str, remedy: str) -> InvalidPolicy:
    return InvalidPolicy(f"{path} {problem}", where=f"items.{path}", remedy=remedy)


def _fields_of(record: Record) -> str:
    names = sorted(field.name for field in record.fields if field.name != ENVELOPE)
    return "It has " + ", ".join(names) if names else "It has nothing"
