"""What a grant lets through, without who: the items kept and the rows, in one canonical form.

Grants with equal policies share a view, so equality must be exact: two policies that let the same
things through by the same words have the same canonical JSON (RFC 8785), the same digest, the same
name. Reading a policy from JSON is `parsing`; applying one is `view` and `reference`.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import InvalidPolicy
from schemas.names import RESOURCE

ENVELOPE = "envelope"
"""The first field of every change event; every view keeps it, so no policy names it."""

_ITEM = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


class Match(StrEnum):
    """How a row filter compares a value with its list."""

    IN = "in"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """The rows let through: those whose key item is in a list, or starts with one of a list.

    The values are kept sorted by their UTF-8 bytes, without duplicates, and without prefixes that
    a shorter one covers: at most one prefix can then match a key, the greatest not above it.

    Args:
        item: the key item of the resource.
        match: whole values or prefixes.
        values: at least one; none empty, because an empty prefix would let every row through.

    Raises:
        InvalidPolicy: the list is empty, or one of its values is empty or not Unicode text.
    """

    item: str
    match: Match
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        _check_item(self.item)
        if not self.values:
            raise InvalidPolicy(
                "a row filter without values lets nothing through",
                where=f"rows.{self.match}",
                remedy="Name at least one value, or leave the filter out to grant all rows",
            )
        for position, value in enumerate(self.values):
            _check_value(value, where=f"rows.{self.match}[{position}]")
        # Code point order and the order of UTF-8 bytes are the same.
        ordered = sorted(set(self.values))
        if self.match is Match.PREFIX:
            ordered = _without_covered(ordered)
        object.__setattr__(self, "values", tuple(ordered))

    def matches(self, key: bytes) -> bool:
        """Tell whether a record with this key belongs to the rows let through."""
        encoded = [value.encode() for value in self.values]
        if self.match is Match.IN:
            return key in encoded
        return any(key.startswith(prefix) for prefix in encoded)


@dataclass(frozen=True, slots=True)
class Policy:
    """The items of one resource that are let through, and the rows (R9, R12.4).

    Args:
        resource: id of the resource.
        items: names of the items kept, in any order; the envelope is always kept and not named.
        rows: the row filter; None for all rows.

    Raises:
        InvalidPolicy: no items, an item twice, the envelope, or a name that is not one.
    """

    resource: str
    items: tuple[str, ...]
    rows: RowFilter | None = None

    def __post_init__(self) -> None:
        if not RESOURCE.fullmatch(self.resource):
            raise InvalidPolicy(
                "the resource's id is not one",
                where="resource",
                remedy="A resource's id is two names joined by a dot, such as geography.division",
            )
        if not self.items:
            raise InvalidPolicy("a policy keeps at least the key item", where="items")
        for item in self.items:
            _check_item(item)
        if len(set(self.items)) != len(self.items):
            raise InvalidPolicy("an item is named twice", where="items")
        object.__setattr__(self, "items", tuple(sorted(self.items)))

    def document(self) -> dict[str, object]:
        """Give the policy as the JSON object that `parsing.parse_policy` reads."""
        document: dict[str, object] = {
            "items": dict.fromkeys(self.items, "keep"),
            "resource": self.resource,
        }
        if self.rows is not None:
            document["rows"] = {"item": self.rows.item, self.rows.match: list(self.rows.values)}
        return document

    def canonical_json(self) -> bytes:
        """Give the one JSON text of this policy (RFC 8785), which its digest is taken of.

        Every object key here is ASCII and every value a string, so sorted keys without white space
        are all that RFC 8785 asks for.
        """
        text = json.dumps(
            self.document(), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return text.encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return hashlib.sha256(self.canonical_json()).hexdigest()

    @property
    def name(self) -> str:
        """The first 16 hex digits of the digest, as in the topic `view.<resource>.<policy>`."""
        return self.digest[:16]


def _check_item(item: str) -> None:
    if not _ITEM.fullmatch(item):
        raise InvalidPolicy(
            "an item's name is not one",
            where="items",
            remedy="Use the item names of the resource's contract",
        )
    if item == ENVELOPE:
        raise InvalidPolicy(
            "the envelope is always kept and is not an item",
            where=f"items.{ENVELOPE}",
            remedy="Leave it out",
        )


def _check_value(value: str, *, where: str) -> None:
    # The value itself stays out of the message: it may be somebody's identity number (R5.4).
    if not value:
        raise InvalidPolicy("a value of a row filter is empty", where=where, remedy="Leave it out")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidPolicy("a value of a row filter is not Unicode text", where=where) from error


def _without_covered(ordered: list[str]) -> list[str]:
    free: list[str] = []
    for prefix in ordered:
        # Sorted, so whatever covers a prefix stands before it, and the last one kept is nearest.
        if not (free and prefix.startswith(free[-1])):
            free.append(prefix)
    return free
