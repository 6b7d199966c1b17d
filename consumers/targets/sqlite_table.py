"""A table in an SQLite file that holds a view's present state, exactly once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any, Final

from consumers.targets.columns import Column, Kind, as_text
from consumers.targets.table import TableTarget
from consumers.targets.table_sql import TableSql
from schemas.errors import InvalidInput, Unavailable

_PATIENCE_S: Final = 30.0
_TYPES: Final = {
    Kind.TEXT: "TEXT",
    Kind.WHOLE: "INTEGER",
    Kind.REAL: "REAL",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BYTES: "BLOB",
    # SQLite has no types for these; as text, ISO 8601 sorts by time and a decimal stays exact.
    Kind.DATE: "TEXT",
    Kind.TIME: "TEXT",
    Kind.INSTANT: "TEXT",
    Kind.LOCAL_TIME: "TEXT",
    Kind.DECIMAL: "TEXT",
    Kind.JSON: "TEXT",
}


def open_sqlite(file: Path, table: str, columns: tuple[Column, ...]) -> SqliteTable:
    """Open or make the file.

    Raises:
        Unavailable: it can't be opened, or somebody else holds it.
        InvalidInput: it is no SQLite file.
    """
    where = f"{file}, table {table}"
    with _translated(where):
        # It is left to ourselves where a transaction begins.
        connection = sqlite3.connect(file, timeout=_PATIENCE_S, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return SqliteTable(TableSql(table, columns, _TYPES, "?"), connection, where)


class SqliteTable(TableTarget):
    """The present state in an SQLite table; readers see whole transactions (WAL)."""

    begin_statement = "BEGIN IMMEDIATE"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._where):
            yield

    def _table_exists(self, name: str) -> bool:
        found = self._execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,))
        return found.fetchone() is not None

    def _apply(self, deleted: list[str], rows: list[list[Any]]) -> None:
        self._connection.executemany(self._sql.delete_key, ((key,) for key in deleted))
        self._connection.executemany(self._sql.upsert, rows)

    def _adapt(self, value: Any, kind: Kind) -> Any:
        # SQLite stores a NaN as null, which would be another value.
        if isinstance(value, float):
            return "NaN" if isnan(value) else value
        if isinstance(value, Decimal | datetime) or hasattr(value, "isoformat"):
            return as_text(value)
        return value

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        place = f"{where}, {name}"
        if isinstance(error, sqlite3.OperationalError):
            raise Unavailable(
                "the database file can't be written or read now",
                where=place,
                remedy="Look at its folder, at free space, and at who else uses it",
            ) from error
        raise InvalidInput(
            "SQLite refuses what was asked",
            where=place,
            remedy="Name an SQLite file or a new one, or another table with --table",
        ) from error
