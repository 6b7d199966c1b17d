"""Numbered migrations: SQL files that bring a warehouse's tables to where the code expects them.

A file is `NNNN_name.sql`; its statements end with a semicolon at the end of a line. Every one is
harmless when repeated (IF NOT EXISTS), since ClickHouse has no transaction around them: a migration
that was interrupted is run again from its start. What was applied is written in
`schema_migrations` with the file's digest, so a file that changed afterwards is noticed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from infra.clickhouse.port import Warehouse
from schemas.clock import Clock
from schemas.errors import InvalidInput, Tampered

MIGRATIONS = Path(__file__).with_name("migrations")
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_END_OF_STATEMENT = re.compile(r";[ \t]*(?:\n|$)")
_COMMENT_LINE = re.compile(r"^\s*--.*$", re.MULTILINE)
_LEDGER_OF_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version UInt32, name String, digest String, applied_at DateTime('UTC')
) ENGINE = ReplacingMergeTree() ORDER BY version
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file.

    Args:
        version: the number in its name.
        name: the rest of it.
        sql: its text.
    """

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Its statements, without comment lines and final semicolons."""
        text = _COMMENT_LINE.sub("", self.sql)
        return [part.strip() for part in _END_OF_STATEMENT.split(text) if part.strip()]


def read(directory: Path = MIGRATIONS) -> list[Migration]:
    """Return the migrations in a directory, in order.

    Raises:
        InvalidInput: a file is misnamed, or the numbers are not 1, 2, 3 …
    """
    found = []
    for path in sorted(directory.glob("*.sql")):
        named = _FILE.fullmatch(path.name)
        if named is None:
            raise InvalidInput("a migration is named NNNN_name.sql", where=path.name)
        found.append(Migration(int(named[1]), named[2], path.read_text(encoding="utf-8")))
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise InvalidInput("the migrations' numbers have a gap or a double", where=str(directory))
    return found


def pending(warehouse: Warehouse, migrations: list[Migration]) -> list[Migration]:
    """Return what `migrate` would apply, and change nothing: the dry run.

    Raises:
        Tampered: an applied migration's file has changed, or is not there.
    """
    has_table = (
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"
    )
    if not warehouse.query(has_table, {"name": "schema_migrations"}):
        return migrations
    rows = warehouse.query("SELECT version, digest FROM schema_migrations FINAL ORDER BY version")
    applied = {row["version"]: row["digest"] for row in rows}
    for version, digest in applied.items():
        mine = next((each for each in migrations if each.version == version), None)
        if mine is None or mine.digest != digest:
            raise Tampered(
                f"the file of an applied migration {'has changed' if mine else 'is gone'}",
                where=f"migration {version:04}",
                remedy="Bring the file back as it was, and write a new migration",
            )
    return [migration for migration in migrations if migration.version not in applied]


def migrate(
    warehouse: Warehouse, clock: Clock, migrations: list[Migration] | None = None
) -> list[Migration]:
    """Apply what is pending, in order, and return it; doing it again applies nothing.

    Args:
        warehouse: with a writer's credential. One process migrates at a time.
        clock: gives the time that is written beside each.
        migrations: default those of this package.

    Raises:
        Tampered: an applied migration's file has changed, or is not there; nothing is applied.
    """
    todo = pending(warehouse, read() if migrations is None else migrations)
    warehouse.execute(_LEDGER_OF_MIGRATIONS)
    for migration in todo:
        for statement in migration.statements:
            warehouse.execute(statement)
        warehouse.insert(
            "schema_migrations",
            ("version", "name", "digest", "applied_at"),
            [(migration.version, migration.name, migration.digest, clock())],
        )
    return todo
