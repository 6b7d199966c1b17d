"""Reading a policy from JSON, strictly: what isn't understood is refused, never ignored.

The form is `{"resource": "geography.division", "items": {"code": "keep"}, "rows": {"item": "code",
"prefix": ["44"]}}`; `rows` is left out for all rows. An item that isn't named is dropped. The form
has room for what comes later: other actions than `keep`, and other operators in `rows`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from schemas.errors import InvalidPolicy
from schemas.policy.policy import Match, Policy, RowFilter

_FIELDS = {"resource", "items", "rows"}


def parse_policy(source: str | bytes | Mapping[str, object]) -> Policy:
    """Read one policy and put it in its canonical form.

    Args:
        source: JSON text, or the object that such a text holds.

    Raises:
        InvalidPolicy: not JSON, a field or operator that is unknown, missing, doubled or of the
            wrong type, or a policy that `Policy` refuses.
    """
    document = _object(source if isinstance(source, Mapping) else _load(source), "policy")
    unknown = set(document) - _FIELDS
    if unknown:
        raise InvalidPolicy(
            "a policy has a field that is not known",
            where=", ".join(sorted(map(repr, unknown))),
            remedy="The fields are resource, items and rows",
        )
    return Policy(
        resource=_text(document.get("resource"), "resource"),
        items=_items(document.get("items")),
        rows=_rows(document["rows"]) if "rows" in document else None,
    )


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


def _items(value: object) -> tuple[str, ...]:
    items = _object(value, "items")
    for item, action in items.items():
        if action != "keep":
            raise InvalidPolicy(
                "an item's action is not known",
                where=f"items.{item}",
                remedy='The action is "keep"; an item that is not named is dropped',
            )
    return tuple(items)


def _rows(value: object) -> RowFilter:
    rows = _object(value, "rows")
    operators = [match for match in Match if match in rows]
    if len(operators) != 1 or len(rows) != 2:
        raise InvalidPolicy(
            "a row filter has an item and one operator",
            where="rows",
            remedy="The operators are " + " and ".join(Match),
        )
    match = operators[0]
    values = rows[match]
    if not isinstance(values, list | tuple):
        raise InvalidPolicy("a row filter's values are a list", where=f"rows.{match}")
    return RowFilter(
        item=_text(rows.get("item"), "rows.item"),
        match=match,
        values=tuple(
            _text(value, f"rows.{match}[{position}]") for position, value in enumerate(values)
        ),
    )


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise InvalidPolicy("a JSON object is expected", where=where)
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidPolicy("a text is expected", where=where)
    return value
