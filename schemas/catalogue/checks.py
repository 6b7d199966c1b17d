"""What an item's values, and the items of a row together, are held to before they are published.

A contract declares checks by a word and its arguments (`citizen-number`, `code-list gb-t-3304`,
`in-order issued_on expires_on`); this gives each its meaning. A value that fails is told by item
and reason, never shown (R5.4, R13). Nulls pass: whether null is allowed is the schema's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.catalogue.code_lists import code_list
from schemas.catalogue.identifiers import (
    birth_dates,
    is_citizen_number,
    is_credit_code,
    is_division_code,
)
from schemas.errors import InvalidContract


@dataclass(frozen=True, slots=True)
class ItemCheck:
    """A check of one item's values.

    Attributes:
        kind: the word that declares it.
        arguments: what stands behind it.
        reason: what a value that fails is told by; a code without the value.
        holds: tells whether a value, never null, passes.
    """

    kind: str
    arguments: tuple[str, ...]
    reason: str
    holds: Callable[[Any], bool] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A check of several items of one row; passes where one of them is null.

    Attributes:
        items: names; a failure is told by the last of them.
        holds: tells whether their values, none null, pass.
    """

    kind: str
    items: tuple[str, ...]
    reason: str
    holds: Callable[..., bool] = field(compare=False, repr=False)

    def check(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row passes."""
        values = [row[name] for name in self.items]
        return any(value is None for value in values) or self.holds(*values)


def item_check(declaration: str) -> ItemCheck:
    """Return the check of one item that a declaration says.

    Raises:
        InvalidContract: there is none of that name, or its arguments don't fit.
    """
    kind, *arguments = declaration.split()
    if kind == "code-list" and len(arguments) == 1:
        codes = code_list(arguments[0]).titles
        return _item(kind, arguments, f"not-in-{arguments[0]}", codes.__contains__)
    plain = _PLAIN.get(kind)
    if plain is None or arguments:
        raise InvalidContract(
            f"there is no check of items {kind!r} with {len(arguments)} arguments",
            remedy=f"Checks are: code-list LIST, {', '.join(_PLAIN)}",
        )
    return _item(kind, (), f"no-{kind}", plain)


def row_check(declaration: str) -> RowCheck:
    """Return the check of a row that a declaration says; raises like `item_check`."""
    kind, *items = declaration.split()
    found = _OF_ROWS.get(kind)
    if found is None or len(items) != 2:
        raise InvalidContract(
            f"there is no check of rows {kind!r} over {len(items)} items",
            remedy=f"Checks are, each with two items: {', '.join(_OF_ROWS)}",
        )
    return RowCheck(kind, tuple(items), f"not-{kind}", found)


def pattern_check(pattern: str) -> ItemCheck:
    """Return the check that the whole of a text matches a regular expression."""
    try:
        matches = re.compile(pattern).fullmatch
    except re.error as error:
        raise InvalidContract("a pattern is no regular expression") from error
    return _item("pattern", (pattern,), "out-of-form", lambda text: matches(text) is not None)


def range_check(least: float | None, most: float | None) -> ItemCheck:
    """Return the check that a number lies between two bounds, both allowed."""

    def holds(value: Any) -> bool:
        return (least is None or value >= least) and (most is None or value <= most)

    return _item("range", (str(least), str(most)), "out-of-range", holds)


def length_check(least: int, most: int) -> ItemCheck:
    """Return the check of a text's length in characters, both bounds allowed."""
    reason = f"longer-than-{most}" if not least else f"not-{least}-to-{most}-long"
    return _item("length", (str(least), str(most)), reason, lambda text: least <= len(text) <= most)


def _item(
    kind: str, arguments: tuple[str, ...] | list[str], reason: str, holds: Callable[[Any], bool]
) -> ItemCheck:
    return ItemCheck(kind, tuple(arguments), reason, holds)


def _is_ring(positions: list[list[float]]) -> bool:
    return (
        len(positions) >= 4
        and positions[0] == positions[-1]
        and all(
            len(position) == 2 and abs(position[0]) <= 180 and abs(position[1]) <= 90
            for position in positions
        )
    )


def _identifies(kind: str, number: str) -> bool:
    return is_citizen_number(number) if kind == "person" else is_credit_code(number)


_PLAIN: Final[Mapping[str, Callable[[Any], bool]]] = {
    "citizen-number": is_citizen_number,
    "credit-code": is_credit_code,
    "division-code": is_division_code,
    "not-blank": lambda text: bool(text.strip()),
    # Longitude first, in degrees; rings closed (RFC 7946).
    "polygon": lambda shape: (
        bool(shape["coordinates"]) and all(map(_is_ring, shape["coordinates"]))
    ),
}
_OF_ROWS: Final[Mapping[str, Callable[..., bool]]] = {
    # The first is no later, or no greater, than the second.
    "in-order": lambda first, second: first <= second,
    # The second begins with the first.
    "begun-with": lambda first, second: second.startswith(first),
    # The first is a citizen number of somebody born on the second.
    "born-on": lambda number, day: birth_dates().get(number[6:14]) == day,
    # The first says what the second is: `person` a citizen number, else a credit code.
    "identified-as": _identifies,
}
