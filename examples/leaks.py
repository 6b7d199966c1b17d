"""Searches for values of items where none may be: logs, metrics, quarantine, metering, errors.

Every value is looked for, also as part of a longer text: for each length that a value has, every
stretch of that length is looked up. Words that are nobody's (codes of code lists, symbols) and
texts too short to say anything about anybody are left out by whoever collects the values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHORTEST_ASCII = 6
SHORTEST_OTHER = 2


@dataclass(frozen=True)
class Leak:
    """A value that was found. The value itself is not shown."""

    place: str
    at: int


class Values:
    """Values that must not be found, kept by their length in bytes."""

    def __init__(self) -> None:
        self._by_length: dict[int, set[bytes]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def add_row(self, row: Mapping[str, Any], items: Iterable[str]) -> None:
        """Add what a row holds in these items, nested values too."""
        for item in items:
            self._add(row[item])

    def _add(self, value: Any) -> None:
        if isinstance(value, Mapping):
            for part in value.values():
                self._add(part)
        elif isinstance(value, (list, tuple)):
            for part in value:
                self._add(part)
        elif isinstance(value, str):
            shortest = SHORTEST_ASCII if value.isascii() else SHORTEST_OTHER
            if len(value) >= shortest:
                encoded = value.encode()
                self._by_length[len(encoded)].add(encoded)

    def search(self, place: str, content: bytes) -> list[Leak]:
        """Return where the content holds a value."""
        return [
            Leak(place, start)
            for length, values in self._by_length.items()
            for start in range(len(content) - length + 1)
            if content[start : start + length] in values
        ]

    def search_files(self, files: Iterable[Path]) -> list[Leak]:
        """Return where files hold a value."""
        return [leak for file in files for leak in self.search(str(file), file.read_bytes())]
