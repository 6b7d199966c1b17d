"""What a warehouse promises to whoever uses it, whatever server stands behind it.

**Statements.** One statement a call, in ClickHouse's SQL. A parameter is written `{name:Type}` and
passed beside the text. An adapter whose server has no such parameters (before 20.1) puts them in
itself, each as a literal of its type (`binding`).

**Values.** `int` for every integer type, `float`, `str`, `None`, lists for arrays and for the
columns of a Nested structure (`views.out`), and for DateTime an aware `datetime`: naive ones are
refused on the way in, and what comes out is in UTC.

**Atomicity.** An insert is stored whole or not at all, also when either side is killed in the
middle. That holds for rows of *one* table partition: ClickHouse commits a part a partition, one
after the other. So a table that is partitioned by month takes the rows of one month a call, and
whoever resumes from what is stored sends such runs in the order of their offsets; others are
refused with InvalidInput before anything is written.

**Uncertainty.** After Unavailable the fate of an insert is unknown: the rows are stored or not.
Ask the warehouse what it holds before sending again; sending the same rows again is harmless in the
fact tables, which keep one row per (topic, partition, offset) when read with FINAL.

**Threads.** An object may be shared by threads. Nothing here keeps a session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from schemas.errors import InvalidInput

Value = str | int | float | bool | datetime | date | None | Sequence["Value"]
Row = dict[str, Any]
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?", re.ASCII)


def check_names(*names: str) -> None:
    """Refuse what is no name of a table or column, before it becomes part of a statement.

    Raises:
        InvalidInput: one is none.
    """
    for name in names:
        if not _IDENTIFIER.fullmatch(name):
            raise InvalidInput(f"{name!r} is not the name of a table or column")


class Warehouse(Protocol):
    """A ClickHouse behind one principal's credential.

    Every call raises:
        Unavailable: it can't be reached, is overloaded, or gave up on time or memory; retryable.
        AccessDenied: the credential is wrong, or may not do this.
        InvalidInput: it refused the statement or the rows; trying again changes nothing. The
            message has ClickHouse's code and name, never a part of the statement or the data.
    """

    def execute(self, sql: str) -> None:
        """Carry out one statement that gives no rows: DDL, or INSERT … SELECT.

        Args:
            sql: the statement.
        """

    def query(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Return a SELECT's rows as dictionaries by column name, in the server's order.

        Args:
            sql: the statement, without a FORMAT clause.
            parameters: a value for each `{name:Type}`.
        """

    def insert(
        self,
        table: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Value]],
        *,
        token: str = "",
    ) -> None:
        """Store rows in one atomic block; no rows is nothing to do.

        Args:
            table: its name.
            columns: names, in the order of the values in a row; the others get their default.
            rows: 10,000 to 100,000 at a time are best; of one table partition (see above).
            token: names these rows; a server that deduplicates stores them once, however often
                they are sent under it (`insert_deduplication_token`); others ignore it.
        """

    def close(self) -> None:
        """Let go of connections."""
