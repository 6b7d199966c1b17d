"""Opens the target that a command names."""

from __future__ import annotations

from pathlib import Path

from consumers.targets.columns import Column
from consumers.targets.port import Target
from schemas.clock import Clock
from schemas.errors import InvalidInput


def open_target(
    kind: str, target: str, table: str, topic: str, columns: tuple[Column, ...], clock: Clock
) -> Target:
    """Return the target.

    Args:
        kind: csv, parquet, sqlite or postgresql.
        target: file, folder or connection string; only PostgreSQL's may be empty, which is what
            libpq's environment says.
        table: of a database; empty for the resource's name.
        topic: of the view.
        columns: of the items.
        clock: present time.

    Raises:
        InvalidInput: what is given names no such target.
        Unavailable: it can't be opened now.
        AlreadyRunning: another process writes it; an SQLite file says so later, with Fenced.
    """
    if not target and kind != "postgresql":
        what = "folder" if kind == "parquet" else "file"
        raise InvalidInput(f"{kind} needs a {what}", remedy=f"Name it: --to {kind} {what.upper()}")
    if kind in ("csv", "parquet"):
        if table:
            raise InvalidInput("--table is for databases", remedy="Leave --table out")
        if kind == "csv":
            from consumers.targets.csv_log import open_csv

            return open_csv(Path(target), columns)
        from consumers.targets.parquet_log import open_parquet

        return open_parquet(Path(target), columns, clock)
    from consumers.targets.table_sql import table_name

    resource = topic.removeprefix("view.").rpartition(".")[0]
    name = table_name(table, resource)
    if kind == "sqlite":
        from consumers.targets.sqlite_table import open_sqlite

        return open_sqlite(Path(target), name, columns)
    from consumers.targets.postgresql_table import open_postgresql

    return open_postgresql(target, name, columns)
