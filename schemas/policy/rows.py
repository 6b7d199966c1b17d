"""Which rows a policy lets through: conditions on items, in one canonical form.

A condition's values are as the policy's JSON has them, texts for dates and decimals. What they mean
for an item's type is `conditions`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from schemas.errors import InvalidPolicy
from schemas.policy.actions import Scalar, check_scalar

ENVELOPE = "envelope"
"""The first field of every change event; every view keeps it, so no policy names it."""

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
_PATH = re.compile(rf"{_NAME}(\.{_NAME}){{0,31}}")


class Match(StrEnum):
    """How a row filter compares an item's value."""

    IN = "in"
    PREFIX = "prefix"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """One condition on the rows let through.

    The values are kept sorted (texts by their UTF-8 bytes, which is the order of code points),
    without duplicates, and without prefixes that a shorter one covers: at most one prefix can then
    match a text, the greatest not above it.

    Args:
        item: path of the item, names joined by dots.
        match: one of a list, begins with one of a list, or lies in a range.
        values: of a list, at least one and all of one kind; no text is empty, because an empty
            prefix would let every row through. None for a range.
        low: the least value of a range; None where it is open.
        high: the greatest value of a range, itself included; None where it is open.

    Raises:
        InvalidPolicy: it names no value, has values of several kinds, or one that is none.
    """

    item: str
    match: Match
    values: tuple[Scalar, ...] = ()
    low: Scalar | None = None
    high: Scalar | None = None
    kind: type = field(init=False, repr=False)
    """Of the values: a part of equality, because Python's `1 == True`."""

    def __post_init__(self) -> None:
        check_path(self.item, where="rows.item")
        bounds = {"from": self.low, "to": self.high}
        given = [(f"rows.range.{name}", it) for name, it in bounds.items() if it is not None]
        if bool(given) is not (self.match is Match.RANGE) or bool(given) is bool(self.values):
            raise InvalidPolicy(
                "a row filter has values, or a range has a bound",
                where=f"rows.{self.match}",
                remedy="Name at least one, or leave the filter out to grant all rows",
            )
        given += [(f"rows.{self.match}[{i}]", value) for i, value in enumerate(self.values)]
        for where, value in given:
            _check_value(self.match, value, where)
        kinds = {type(value) for _, value in given}
        if len(kinds) > 1:
            raise InvalidPolicy(
                "the values of a row filter are of several kinds", where=f"rows.{self.match}"
            )
        object.__setattr__(self, "kind", kinds.pop())
        ordered = sorted(set(self.values), key=_order)
        if self.match is Match.PREFIX:
            ordered = _without_covered(ordered)
        object.__setattr__(self, "values", tuple(ordered))

    @property
    def texts(self) -> tuple[str, ...]:
        """The values of a condition on texts, such as the key item."""
        return tuple(value for value in self.values if isinstance(value, str))

    def matches(self, text: bytes) -> bool:
        """Tell whether a text fulfils the condition, such as a record's key."""
        encoded = [value.encode() for value in self.texts]
        match self.match:
            case Match.IN:
                return text in encoded
            case Match.PREFIX:
                return any(text.startswith(prefix) for prefix in encoded)
        low, high = (None if it is None else str(it).encode() for it in (self.low, self.high))
        return (low is None or low <= text) and (high is None or text <= high)

    def document(self) -> dict[str, object]:
        """Give the condition as a policy's JSON has it."""
        if self.match is not Match.RANGE:
            return {"item": self.item, str(self.match): list(self.values)}
        bounds = {"from": self.low, "to": self.high}
        given = {name: value for name, value in bounds.items() if value is not None}
        return {"item": self.item, str(self.match): given}


def in_order(rows: Sequence[RowFilter]) -> tuple[RowFilter, ...]:
    """Give conditions in their one order, by item and operator, each of them once."""
    by_text = {
        (each.item, each.match, json.dumps(each.document(), sort_keys=True)): each for each in rows
    }
    return tuple(by_text[text] for text in sorted(by_text))


def check_path(path: str, *, where: str) -> None:
    """Refuse what can't be the path of an item.

    Raises:
        InvalidPolicy: it is none, or leads into the envelope.
    """
    if not _PATH.fullmatch(path):
        raise InvalidPolicy(
            "an item's name is not one",
            where=where,
            remedy="Use the item names of the resource's contract, joined by dots",
        )
    if path.partition(".")[0] == ENVELOPE:
        raise InvalidPolicy(
            "the envelope is always kept and is not an item",
            where=f"{where}.{ENVELOPE}",
            remedy="Leave it out",
        )


def _check_value(match: Match, value: Scalar, where: str) -> None:
    check_scalar(value, where=where)
    if value == "":
        raise InvalidPolicy("a value of a row filter is empty", where=where, remedy="Leave it out")
    if match is Match.PREFIX and not isinstance(value, str):
        raise InvalidPolicy("a prefix is a text", where=where)
    if match is Match.RANGE and isinstance(value, bool):
        raise InvalidPolicy("a range is of texts or numbers", where=where)


def _order(value: Scalar) -> tuple[str, int]:
    return (value, 0) if isinstance(value, str) else ("", value)


def _without_covered(ordered: list[Scalar]) -> list[Scalar]:
    free: list[Scalar] = []
    for prefix in ordered:
        # Sorted, so whatever covers a prefix stands before it, and the last one kept is nearest.
        if not (free and str(prefix).startswith(str(free[-1]))):
            free.append(prefix)
    return free
