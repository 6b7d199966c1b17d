"""Reading a policy from JSON, strictly: what isn't understood is refused, never ignored.

The form is

    {"resource": "population.person",
     "items": {"citizen_number": "pseudonym",
               "name": {"mask": {"constant": "某"}},
               "phone": {"mask": {"first": 3, "last": 4}},
               "birth_date": {"mask": {"date": "year"}},
               "registered_division": {"mask": {"digits": 4}},
               "income": {"mask": {"band": 1000}},
               "holder.name": "keep"},
     "rows": [{"item": "registered_division", "prefix": ["44"]},
              {"item": "birth_date", "range": {"from": "1950-01-01", "to": "1999-12-31"}},
              {"item": "holder.kind", "in": ["person"]}],
     "audience": {"department": "health", "key_version": 1}}

An item that isn't named is dropped. `rows` is left out for all rows; one condition may stand there
alone. `audience` is there exactly when something is pseudonymised, the key included.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, cast

from schemas.errors import InvalidPolicy
from schemas.policy.actions import (
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
    check_scalar,
)
from schemas.policy.policy import Audience, Policy
from schemas.policy.rows import Match, RowFilter

_ACTION: Final = (
    'An action is "keep", "pseudonym" or {"mask": …}; an item that is not named is dropped'
)
_MASK: Final = (
    'A mask is {"constant": …}, {"first": n, "last": n}, {"date": "year" or "month"}, '
    '{"digits": n} or {"band": n}'
)


def parse_policy(source: str | bytes | Mapping[str, object]) -> Policy:
    """Read one policy and put it in its canonical form.

    Args:
        source: JSON text, or the object that such a text holds.

    Raises:
        InvalidPolicy: not JSON, a field, action or operator that is unknown, missing, doubled or of
            the wrong type, or a policy that `Policy` refuses.
    """
    document = read_object(source if isinstance(source, Mapping) else _load(source), "policy")
    unknown = set(document) - {"resource", "items", "rows", "audience"}
    if unknown:
        raise InvalidPolicy(
            "a policy has a field that is not known",
            where=", ".join(sorted(map(repr, unknown))),
            remedy="The fields are resource, items, rows and audience",
        )
    items = read_object(document.get("items"), "items")
    return Policy(
        resource=_text(document.get("resource"), "resource"),
        actions=tuple((path, _action(it, f"items.{path}")) for path, it in items.items()),
        rows=_rows(document["rows"]) if "rows" in document else (),
        audience=_audience(document["audience"]) if "audience" in document else None,
    )


def read_object(value: object, where: str) -> Mapping[str, object]:
    """Give a JSON object as one.

    Raises:
        InvalidPolicy: it is none.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidPolicy("a JSON object is expected", where=where)
    return value


def _load(source: str | bytes) -> object:
    try:
        return json.loads(source, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise InvalidPolicy("a policy is not readable JSON") from error


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    loaded = dict(pairs)
    if len(loaded) != len(pairs):
        raise InvalidPolicy("a policy names a field twice")
    return loaded


def _action(value: object, where: str) -> Action:
    if value == "keep":
        return Keep()
    if value == "pseudonym":
        return Pseudonym()
    if not isinstance(value, Mapping) or set(value) != {"mask"}:
        raise InvalidPolicy("an item's action is not known", where=where, remedy=_ACTION)
    mask = read_object(value["mask"], where)
    read = _MASKS.get(frozenset(mask))
    if read is None:
        raise InvalidPolicy("an item's mask is not known", where=where, remedy=_MASK)
    try:
        return read(mask)
    except InvalidPolicy as error:
        raise InvalidPolicy(error.problem, where=where, remedy=error.remedy or _MASK) from error


def _shown(mask: Mapping[str, object]) -> Action:
    return Shown(cast("int", mask.get("first", 0)), cast("int", mask.get("last", 0)))


# What the values are is checked by the actions themselves.
_MASKS: Final[Mapping[frozenset[str], Callable[[Mapping[str, object]], Action]]] = {
    frozenset({"constant"}): lambda mask: Constant(cast("Scalar", mask["constant"])),
    frozenset({"first", "last"}): _shown,
    frozenset({"first"}): _shown,
    frozenset({"last"}): _shown,
    frozenset({"date"}): lambda mask: DateTo(_unit(mask["date"])),
    frozenset({"digits"}): lambda mask: Digits(cast("int", mask["digits"])),
    frozenset({"band"}): lambda mask: Band(cast("int", mask["band"])),
}


def _unit(value: object) -> DateUnit:
    unit = next((unit for unit in DateUnit if unit == value), None)
    if unit is None:
        raise InvalidPolicy("a date is masked to its year or its month")
    return unit


def _rows(value: object) -> tuple[RowFilter, ...]:
    conditions = value if isinstance(value, list | tuple) else [value]
    if not conditions:
        raise InvalidPolicy(
            "a list of row filters is empty", where="rows", remedy="Leave rows out for all rows"
        )
    return tuple(_row(each) for each in conditions)


def _row(value: object) -> RowFilter:
    rows = read_object(value, "rows")
    operators = [match for match in Match if match in rows]
    if len(operators) != 1 or len(rows) != 2:
        raise InvalidPolicy(
            "a row filter has an item and one operator",
            where="rows",
            remedy="The operators are " + ", ".join(Match),
        )
    match, item = operators[0], _text(rows.get("item"), "rows.item")
    if match is not Match.RANGE:
        values = rows[match]
        if not isinstance(values, list | tuple):
            raise InvalidPolicy("a row filter's values are a list", where=f"rows.{match}")
        return RowFilter(item, match, tuple(_scalar(each, f"rows.{match}") for each in values))
    bounds = read_object(rows[match], "rows.range")
    if not bounds or set(bounds) - {"from", "to"}:
        raise InvalidPolicy("a range has from, to or both, and nothing else", where="rows.range")
    low, high = (
        _scalar(bounds[name], f"rows.range.{name}") if name in bounds else None
        for name in ("from", "to")
    )
    return RowFilter(item, match, low=low, high=high)


def _audience(value: object) -> Audience:
    audience = read_object(value, "audience")
    if set(audience) != {"department", "key_version"}:
        raise InvalidPolicy("an audience is a department and a key_version", where="audience")
    department = _text(audience["department"], "audience.department")
    return Audience(department, cast("int", audience["key_version"]))


def _scalar(value: object, where: str) -> Scalar:
    check_scalar(value, where=where)
    return cast("Scalar", value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidPolicy("a text is expected", where=where)
    return value
