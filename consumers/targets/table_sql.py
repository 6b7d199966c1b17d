"""The statements with which a table holds a view's present state, for SQLite and PostgreSQL alike.

Pure. Names are checked and quoted here; values never stand in a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consumers.targets.columns import ENVELOPE, Column, Kind
from schemas.errors import InvalidInput

TABLES: Final = "sharebus_tables"
"""One row a table of ours: its holding, and how often it was written."""

INCOMING: Final = "sharebus_incoming"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_LONGEST: Final = 63
"""PostgreSQL cuts longer names off, so that two could become one."""


def table_name(given: str, resource: str) -> str:
    """Return the table's name: the one given, or the resource's with underscores.

    Raises:
        InvalidInput: it can't be a table's name, or is one of the bus's own.
    """
    name = given or re.sub(r"[.-]", "_", resource)
    if not _NAME.fullmatch(name) or name.startswith(("sqlite_", "pg_", "sharebus_")):
        raise InvalidInput(
            f"{name!r} can't be the table's name",
            remedy="Give --table NAME: at most 63 lower-case letters, digits and underscores, "
            "not beginning with sqlite_, pg_ or sharebus_",
        )
    return name


@dataclass(frozen=True, slots=True)
class TableSql:
    """Statements for one table.

    Attributes:
        table: its name.
        columns: of the items.
        types: the database's word for each kind.
        mark: how the database's driver writes a parameter.
    """

    table: str
    columns: tuple[Column, ...]
    types: Mapping[Kind, str]
    mark: str

    def __post_init__(self) -> None:
        for column in self.columns:
            if len(column.name.encode()) > _LONGEST:
                raise InvalidInput(f"the item {column.name} has too long a name for a column")

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Key and envelope, then the items."""
        return (*ENVELOPE, *self.columns)

    @property
    def create_tables(self) -> str:
        """Make the table of tables, unless there is one."""
        return (
            f"CREATE TABLE IF NOT EXISTS {TABLES} "
            "(name text PRIMARY KEY, holding text NOT NULL, revision bigint NOT NULL)"
        )

    @property
    def create(self) -> str:
        """Make the table."""
        lines = [f"{quoted(c.name)} {self._type(c)}" for c in self.all_columns]
        return f"CREATE TABLE {quoted(self.table)} ({', '.join(lines)}, PRIMARY KEY (_key))"

    @property
    def read_holding(self) -> str:
        """By the table's name: holding and revision."""
        return f"SELECT holding, revision FROM {TABLES} WHERE name = {self.mark}"  # noqa: S608

    @property
    def forget_holding(self) -> str:
        """By the table's name."""
        return f"DELETE FROM {TABLES} WHERE name = {self.mark}"  # noqa: S608

    @property
    def insert_holding(self) -> str:
        """Name, holding, revision."""
        return f"INSERT INTO {TABLES} VALUES ({self.mark}, {self.mark}, {self.mark})"  # noqa: S608

    @property
    def move_holding(self) -> str:
        """Give holding and new revision; takes effect for this name and the revision known."""
        m = self.mark
        return (
            f"UPDATE {TABLES} SET holding = {m}, revision = {m} "  # noqa: S608
            f"WHERE name = {m} AND revision = {m}"
        )

    @property
    def sweep(self) -> str:
        """Delete what is older than a generation."""
        return f"DELETE FROM {quoted(self.table)} WHERE _generation < {self.mark}"  # noqa: S608

    @property
    def delete_key(self) -> str:
        """Delete one row."""
        return f"DELETE FROM {quoted(self.table)} WHERE _key = {self.mark}"  # noqa: S608

    @property
    def delete_keys(self) -> str:
        """Delete the rows of an array of keys (PostgreSQL)."""
        return f"DELETE FROM {quoted(self.table)} WHERE _key = ANY({self.mark})"  # noqa: S608

    @property
    def upsert(self) -> str:
        """Put one row in the place of the one with its key, if there is one."""
        marks = ", ".join([self.mark] * len(self.all_columns))
        return f"INSERT INTO {quoted(self.table)} VALUES ({marks}) {self._replacing}"  # noqa: S608

    @property
    def create_incoming(self) -> str:
        """Make the connection's own table for what comes in (PostgreSQL)."""
        return (
            f"CREATE TEMPORARY TABLE {INCOMING} (LIKE {quoted(self.table)}) ON COMMIT DELETE ROWS"
        )

    @property
    def copy_incoming(self) -> str:
        """Fill it (PostgreSQL)."""
        return f"COPY {INCOMING} FROM STDIN"

    @property
    def upsert_incoming(self) -> str:
        """Put what came in in the place of the rows with the same keys."""
        return (
            f"INSERT INTO {quoted(self.table)} "  # noqa: S608
            f"SELECT * FROM {INCOMING} {self._replacing}"
        )

    @property
    def _replacing(self) -> str:
        names = [quoted(column.name) for column in self.all_columns if column.name != "_key"]
        return "ON CONFLICT (_key) DO UPDATE SET " + ", ".join(f"{n} = excluded.{n}" for n in names)

    def _type(self, column: Column) -> str:
        word = self.types[column.kind]
        if column.kind is Kind.DECIMAL and word == "numeric":
            return f"numeric({column.precision}, {column.scale})"
        return word


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'
