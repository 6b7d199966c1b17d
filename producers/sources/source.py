"""What a file of rows is to whoever publishes it: rows, how far reading is, and where to go on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from schemas.errors import InvalidInput, InvalidRecord

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deletion:
    """The row of this key is no more."""

    key: str


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a file was read: enough to go on behind it, and to see that it was this file.

    Attributes:
        size: bytes of content up to here; of a gzip file, of what is in it.
        number: the line or row that was read last.
        digest: SHA-256 of these bytes, as hex digits.
    """

    size: int
    number: int
    digest: str


NOTHING: Final = Mark(0, 0, "")
"""Of a file of which nothing was read."""


class Source(Protocol):
    """One file, read once from front to back.

    Attributes:
        unit: what `rows` counts: `line` or `row`.
        size: the file's size, in bytes, or in rows where `unit` is `row` and the format knows them.
        note: what the reader of the file should know of how it is read; empty when nothing.
    """

    unit: str
    size: int
    note: str

    @property
    def position(self) -> int:
        """How far reading is: from 0 to `size`, in the same measure; never goes back."""

    def rows(self) -> Iterator[tuple[int, Row | Deletion | InvalidRecord]]:
        """Yield line or row number, and what stands there or what is wrong with it.

        Raises:
            InvalidInput: the file is damaged here, and nothing behind it can be read.
        """

    def mark(self) -> Mark:
        """Return the mark behind what was yielded last."""

    def go_on(self, mark: Mark) -> bool:
        """Go behind a mark before the first row is asked for; False if the file is another.

        A file that only grew behind the mark is the same. After False open the file anew.
        """


def check_names(found: Collection[str], expected: Collection[str], file: Path, what: str) -> None:
    """Accept the names of a file's columns, in any order.

    Args:
        found: names in the file.
        expected: names of the items.
        file: for the error.
        what: what has the names: `header`, `schema`.

    Raises:
        InvalidInput: saying what is missing and what nobody knows. Where no name is known, it is
            a row rather than names, and is not quoted (R5.4).
    """
    if sorted(found) == sorted(expected):
        return
    missing, surplus = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    parts = [
        f"lacks {', '.join(missing)}" if missing else "",
        f"has unknown {', '.join(surplus)}" if surplus else "",
    ]
    problem = " and ".join(part for part in parts if part) or "names a column twice"
    if not set(found) & set(expected):
        problem = "names none of the items"
    remedy = f"The first line must be: {','.join(expected)}"
    if what != "header":
        remedy = f"Its fields must be: {', '.join(expected)}"
    raise InvalidInput(f"the {what} {problem}", where=str(file), remedy=remedy)
