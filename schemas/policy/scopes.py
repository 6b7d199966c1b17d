"""Rows that several filters share: where none are, each row belongs to one of them (R5.3)."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.policy.rows import Match, RowFilter


def overlap(filters: Mapping[str, RowFilter]) -> tuple[str, str] | None:
    """Return the names of two filters that let some row through both; None if no two do.

    In order, whatever starts with a prefix follows it at once. So each value is compared with the
    one before it alone, and the first pair that overlaps ends the search. Linear, behind a sort.

    Args:
        filters: on one key item, by a name.
    """
    values = sorted(
        (value, rows.match is Match.IN, name)
        for name, rows in filters.items()
        for value in rows.texts
    )
    before, whole, owner = "", True, ""
    for value, is_whole, name in values:
        # Within one filter no two values overlap, so two that do are of two filters.
        if value == before or (not whole and value.startswith(before)):
            return owner, name
        before, whole, owner = value, is_whole, name
    return None
