"""A table that holds a view's present state: what SQLite and PostgreSQL have in common.

Rows and position change in one transaction of the database. It moves the position from the revision
that this process knows; where another process has moved it meanwhile, nothing happens (Fenced).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from consumers.records import Record
from consumers.targets.columns import Kind, envelope_values, item_values
from consumers.targets.port import Holding, read_holding
from consumers.targets.table_sql import TableSql
from schemas.errors import Fenced, InvalidInput


class TableTarget(ABC):
    """A target of the port; what is particular to a database are the methods without a body.

    Args:
        sql: the table's statements.
        connection: a DB-API connection that begins no transaction by itself.
        where: names the database and the table in errors, without credentials.
    """

    begin_statement = "BEGIN"

    def __init__(self, sql: TableSql, connection: Any, where: str) -> None:
        self._sql, self._connection, self._where = sql, connection, where
        self._revision = 0

    @abstractmethod
    def _translated(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into the bus's: codes only, they may quote values."""

    @abstractmethod
    def _table_exists(self, name: str) -> bool:
        """Tell whether there is a table of that name."""

    @abstractmethod
    def _apply(self, deleted: list[str], rows: list[list[Any]]) -> None:
        """Delete keys, and put rows in the place of those with the same keys."""

    @abstractmethod
    def _adapt(self, value: Any, kind: Kind) -> Any:
        """Return a value of a column of this kind as the driver takes it."""

    def holding(self) -> Holding | None:
        """Return what the database says; it waits for nobody."""
        with self._translated():
            self._execute(self._sql.create_tables)
            row = self._execute(self._sql.read_holding, (self._sql.table,)).fetchone()
            if row is None or not self._table_exists(self._sql.table):
                return None
            self._revision = int(row[1])
            return read_holding(row[0], self._where)

    def begin(self, holding: Holding) -> None:
        """Make the table, or begin another generation in it."""
        name = self._sql.table
        with self._translated():
            known = self._revision > 0
            if not known and self._table_exists(name):
                raise InvalidInput(
                    f"there is a table {name} already, which holds no view",
                    where=self._where,
                    remedy="Give another one with --table",
                )
            with self._transaction():
                if known:
                    self._move(holding)
                else:
                    self._execute(self._sql.create)
                    self._execute(self._sql.forget_holding, (name,))
                    self._execute(self._sql.insert_holding, (name, holding.to_json(), 1))
        if not known:
            self._revision = 1

    def store(self, records: Sequence[Record], holding: Holding, *, sweep: bool) -> bool:
        """Change rows and position in one transaction."""
        deleted, rows = self._changes(records, holding.generation)
        with self._translated(), self._transaction():
            self._move(holding)
            self._apply(deleted, rows)
            if sweep:
                self._execute(self._sql.sweep, (holding.generation,))
        return True

    def finish(self) -> None:
        """Do nothing: everything taken is durable already."""
        return

    def close(self) -> None:
        """Let the connection go."""
        with self._translated():
            self._connection.close()

    def _changes(
        self, records: Iterable[Record], generation: int
    ) -> tuple[list[str], list[list[Any]]]:
        """Return the keys to delete and the rows to put: of each key, what happened to it last."""
        last = {record.key: record for record in records}
        kinds = [column.kind for column in self._sql.all_columns]
        deleted = [
            self._adapt(key, Kind.TEXT) for key, record in last.items() if record.items is None
        ]
        rows = [
            [
                self._adapt(value, kind)
                for value, kind in zip(
                    (
                        *envelope_values(record, generation),
                        *item_values(record, self._sql.columns),
                    ),
                    kinds,
                    strict=True,
                )
            ]
            for record in last.values()
            if record.items is not None
        ]
        return deleted, rows

    def _move(self, holding: Holding) -> None:
        known = self._revision
        moved = self._execute(
            self._sql.move_holding, (holding.to_json(), known + 1, self._sql.table, known)
        )
        if moved.rowcount != 1:
            raise Fenced(
                "another process has written into the table meanwhile",
                where=self._where,
                remedy="Let one process at a time write a table",
            )
        self._revision = known + 1

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        known = self._revision
        self._execute(self.begin_statement)
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._revision = known
            self._roll_back()
            raise

    @abstractmethod
    def _roll_back(self) -> None:
        """End the transaction without effect, whatever state the connection is in."""

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        return self._connection.execute(statement, values)
