"""The present state of a source beside a file that says how it should be, compared by digests.

Keys and digests lie in an unnamed temporary SQLite file that nobody else can open and that ends
with the command; memory does not grow with the rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rows would be sent, and how many need not be."""

    new: int
    changed: int
    deleted: int
    same: int

    @property
    def present(self) -> int:
        """Rows that there are now."""
        return self.changed + self.deleted + self.same


def digest_of(encoded: bytes) -> bytes:
    """Return what stands for a row's items."""
    return hashlib.blake2b(encoded, digest_size=16).digest()


class Comparison:
    """Rows by key: the digest that is there, and the digest that a file wants."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute(
            "CREATE TABLE row (key TEXT PRIMARY KEY, present BLOB, wanted BLOB, sent INTEGER)"
            " WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")

    def is_present(self, key: str, digest: bytes | None) -> None:
        """Note a row of the present state, the last word on its key; None: it is no more."""
        if digest is None:
            self._rows.execute("UPDATE row SET present = NULL WHERE key = ?", (key,))
        else:
            self._rows.execute(
                "INSERT INTO row VALUES (?, ?, NULL, 0)"
                " ON CONFLICT (key) DO UPDATE SET present = excluded.present",
                (key, digest),
            )

    def is_wanted(self, key: str, digest: bytes | None) -> None:
        """Note a row of the file, the last word on its key; None: it must not be there."""
        self._rows.execute(
            "INSERT INTO row VALUES (?, NULL, ?, 0)"
            " ON CONFLICT (key) DO UPDATE SET wanted = excluded.wanted",
            (key, digest),
        )

    def summary(self) -> Summary:
        """Return how many keys differ, and how."""
        [found] = self._rows.execute(
            "SELECT sum(present IS NULL AND wanted IS NOT NULL),"
            " sum(present IS NOT NULL AND wanted IS NOT NULL AND present != wanted),"
            " sum(present IS NOT NULL AND wanted IS NULL),"
            " sum(present IS NOT NULL AND present = wanted) FROM row"
        )
        return Summary(*(number or 0 for number in found))

    def take(self, key: str, digest: bytes) -> bool:
        """Tell whether this row of the file has to be sent; each key once."""
        changed = self._rows.execute(
            "UPDATE row SET sent = 1 WHERE key = ? AND wanted = ? AND sent = 0"
            " AND (present IS NULL OR present != wanted)",
            (key, digest),
        )
        return changed.rowcount > 0

    def surplus(self) -> Iterator[str]:
        """Yield the keys that are there and not in the file."""
        query = "SELECT key FROM row WHERE present IS NOT NULL AND wanted IS NULL"
        for (key,) in self._rows.execute(query):
            yield key

    def close(self) -> None:
        """Forget everything."""
        self._rows.close()
