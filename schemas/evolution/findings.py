"""What can be wrong with a new version: a closed list of reasons, each found at a place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum


class Reason(Enum):
    """Why a schema may not follow; the name is for machines, the value is the sentence for people.

    The first six are Avro's, named as Avro's Java library and Confluent's registry name them.
    """

    NAME_MISMATCH = "the type has another name"
    FIXED_SIZE_MISMATCH = "the fixed type has another size"
    MISSING_ENUM_SYMBOLS = "the reader's enum lacks symbols of the writer's"
    READER_FIELD_MISSING_DEFAULT_VALUE = "the writer has no such field, and the reader no default"
    TYPE_MISMATCH = "the writer's type can't be read as the reader's"
    MISSING_UNION_BRANCH = "no branch of the reader's union takes the writer's type"

    NOT_A_CHANGE_EVENT = "a change event is a record whose first field is the envelope"
    NOT_ENFORCEABLE = "records of this schema can't be checked and projected"
    ENVELOPE_CHANGED = "the envelope is another one than before"
    RECORD_RENAMED = "the record has another name than before"
    ITEM_DROPPED = "an item that was there before is missing; items stay for ever"
    ITEMS_REORDERED = "the items stand in another order than before"
    ITEM_NOT_AT_END = "a new item stands before an old one; new items come last"
    ITEM_NOT_NULLABLE = 'a new item must be ["null", its type] with the default null'
    ITEM_ADDED_TO_VIEW = "a view holds the items that its policy names, and never another"
    TYPE_CHANGED = "the type of what was there before changed; types stay as they are"
    TYPE_WIDENED = "the type of what was there before was widened into a union"
    SYMBOLS_CHANGED = "the symbols of an enum changed; an enum without a default can't grow"
    ALIAS = "an alias could put one item in another's place"
    DEFAULT = "a default could stand in for a value that nobody supplied"
    DEFAULT_REMOVED = "the default null of an item that came later was taken away"
    RECURSIVE = "a change event holds itself, so it can't be let through in part"

    TOO_LARGE = "the schemas are too large or too deeply nested to be compared"
    UNREADABLE = "the schema can't be read"


class Direction(Enum):
    """Who reads whose records."""

    BACKWARD = "the new schema as reader"
    FORWARD = "the new schema as writer"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason at one place.

    Args:
        reason: from the closed list.
        path: names of items and fields from the record inwards, `[]` for an array's items, `{}` for
            a map's values, `<type>` for a union's branch; empty for the schema as a whole.
        versions: the earlier versions that it is about; none when the schema is wrong by itself.
        direction: where it is Avro's reason, which of the two reads.
        detail: what exactly can't be enforced or read; no text of the schema.
    """

    reason: Reason
    path: str
    versions: tuple[int, ...] = ()
    direction: Direction | None = None
    detail: str = ""

    def __str__(self) -> str:
        """Say place, reason and against what, in one line."""
        about = [self.detail] if self.detail else []
        if self.versions:
            plural = "s" if len(self.versions) > 1 else ""
            about.append(f"against version{plural} {', '.join(map(str, self.versions))}")
        if self.direction is not None:
            about.append(self.direction.value)
        ending = f" ({'; '.join(about)})" if about else ""
        place = f" at {self.path}" if self.path else ""
        return f"{self.reason.name}{place}: {self.reason.value}{ending}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every finding about a schema; none: it may follow."""

    findings: tuple[Finding, ...] = ()

    @property
    def is_compatible(self) -> bool:
        """Whether the schema may follow."""
        return not self.findings

    def told(self, limit: int = 20) -> list[str]:
        """Return the findings as lines, and how many were left out beyond the limit."""
        lines = [str(finding) for finding in self.findings[:limit]]
        left = len(self.findings) - limit
        return [*lines, f"and {left} more"] if left > 0 else lines


def gathered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings in order, those that differ in the version only as one."""
    found: dict[Finding, tuple[int, ...]] = {}
    for finding in findings:
        bare = replace(finding, versions=())
        found[bare] = (*found.get(bare, ()), *finding.versions)
    return tuple(
        replace(bare, versions=tuple(dict.fromkeys(numbers))) for bare, numbers in found.items()
    )
