"""A table in PostgreSQL that holds a view's present state, exactly once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from consumers.targets.columns import Column, Kind
from consumers.targets.table import TableTarget
from consumers.targets.table_sql import TableSql
from schemas.errors import AccessDenied, AlreadyRunning, InvalidInput, Unavailable

log = logging.getLogger(__name__)

_PATIENCE_S: Final = 15.0
_TYPES: Final = {
    Kind.TEXT: "text",
    Kind.WHOLE: "bigint",
    Kind.REAL: "double precision",
    Kind.BOOLEAN: "boolean",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.INSTANT: "timestamptz",
    Kind.LOCAL_TIME: "timestamp",
    Kind.DECIMAL: "numeric",
    Kind.JSON: "jsonb",
}
_ESCAPE: Final = re.compile(r"(\\\\)|\\u0000")
"""In JSON: a backslash, or the character U+0000."""
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtext('sharebus'), hashtext(%s))"


def open_postgresql(conninfo: str, table: str, columns: tuple[Column, ...]) -> PostgresqlTable:
    """Connect, and keep others from the table.

    Args:
        conninfo: a URL or libpq's `key=value`; what it leaves out comes from libpq's environment
            and password file.
        table: its name, in the first schema of the search path.
        columns: of the items.

    Raises:
        Unavailable: the server does not answer.
        AlreadyRunning: another process writes the table.
        AccessDenied: the server refuses the user.
        InvalidInput: that is no connection string.
    """
    where = f"{_server(conninfo)}, table {table}"
    with _translated(where):
        connection = psycopg.connect(
            conninfo, autocommit=True, connect_timeout=15, application_name="sharebus subscribe"
        )
        _lock(connection, table, where)
    return PostgresqlTable(TableSql(table, columns, _TYPES, "%s"), connection, where)


class PostgresqlTable(TableTarget):
    """The present state in a PostgreSQL table; readers see whole transactions.

    PostgreSQL's text can't hold the character U+0000: it becomes U+FFFD, and a warning says so.
    """

    _has_incoming = False
    _told = False

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with _translated(self._where):
            yield

    def _table_exists(self, name: str) -> bool:
        row = self._execute("SELECT to_regclass(quote_ident(%s)) IS NOT NULL", (name,)).fetchone()
        return bool(row and row[0])

    def _apply(self, deleted: list[str], rows: list[list[Any]]) -> None:
        if deleted:
            self._execute(self._sql.delete_keys, (deleted,))
        if not rows:
            return
        if not self._has_incoming:
            self._execute(self._sql.create_incoming)
        with self._connection.cursor().copy(self._sql.copy_incoming) as copy:
            for row in rows:
                copy.write_row(row)
        self._execute(self._sql.upsert_incoming)
        self._has_incoming = True

    def _adapt(self, value: Any, kind: Kind) -> Any:
        if not isinstance(value, str):
            return value
        if kind is Kind.JSON:
            kept = _ESCAPE.sub(lambda found: found[1] or r"\ufffd", value)
        else:
            kept = value.replace("\0", "\ufffd")
        if kept != value and not self._told:
            self._told = True
            log.warning("a text holds U+0000, which PostgreSQL can't: it becomes U+FFFD")
        return kept

    def _roll_back(self) -> None:
        self._has_incoming = False
        with suppress(psycopg.Error):
            self._connection.execute("ROLLBACK")
            self._connection.execute("DROP TABLE IF EXISTS pg_temp.sharebus_incoming")


def _lock(connection: psycopg.Connection, table: str, where: str) -> None:
    # The server may still be at work for a process that was killed a moment ago.
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        row = connection.execute(_LOCK, (table,)).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise AlreadyRunning(
                "another process writes the table",
                where=where,
                remedy="Let one process at a time write a table",
            )
        time.sleep(0.1)


def _server(conninfo: str) -> str:
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.Error as error:
        raise InvalidInput(
            "that is no connection string of PostgreSQL",
            remedy="Give one such as postgresql://user@host:5432/database; the password may stand "
            "in ~/.pgpass",
        ) from error
    return f"PostgreSQL database {parts.get('dbname', '')} on {parts.get('host', 'localhost')}"


@contextmanager
def _translated(where: str) -> Iterator[None]:
    # Messages of the server may quote values, so only its codes are told.
    try:
        yield
    except (errors.InsufficientPrivilege, errors.InvalidAuthorizationSpecification) as error:
        raise AccessDenied(
            "PostgreSQL refuses the user",
            where=f"{where}, {error.sqlstate}",
            remedy="Check user and password, and that the user may create tables there",
        ) from error
    except psycopg.OperationalError as error:
        raise Unavailable(
            "PostgreSQL does not answer, or can't now",
            where=f"{where}, {error.sqlstate or type(error).__name__}",
            remedy="Check the connection string and the server; then start again: it goes on "
            "where it stopped",
        ) from error
    except psycopg.Error as error:
        place = f"{where}, {error.sqlstate or type(error).__name__}"
        raise InvalidInput(
            "PostgreSQL refuses what was asked",
            where=place,
            remedy="Look the code up in PostgreSQL's manual; --table names another table",
        ) from error
