"""The numbered migrations on the real engines: the same files serve both servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.clickhouse.migrate import Migration, migrate, pending, read
from infra.clickhouse.port import Warehouse
from schemas.errors import InvalidInput, Tampered
from tests.integration.infra.conftest import WarehouseServer
from tests.integration.infra.running_warehouse import WRITER

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def clock() -> datetime:
    """Return the time of these tests."""
    return NOW


@pytest.fixture
def warehouse(warehouse_server: WarehouseServer) -> Iterator[Warehouse]:
    """Return a writer's client, with the database empty."""
    client = warehouse_server.as_user(WRITER)
    for table in client.query("SELECT name FROM system.tables WHERE database = 'default'"):
        client.execute(f"DROP TABLE `{table['name']}`")
    yield client
    client.close()


def tables(warehouse: Warehouse) -> set[str]:
    """Return the names of tables and views."""
    rows = warehouse.query("SELECT name FROM system.tables WHERE database = 'default'")
    return {row["name"] for row in rows}


def test_migrating_twice_applies_everything_once(warehouse: Warehouse) -> None:
    """The second run finds nothing to do, and what was applied is on record with its time."""
    assert migrate(warehouse, clock) == read()
    assert migrate(warehouse, clock) == []
    assert {"metering", "findings", "grants", "supply", "schema_migrations"} == tables(warehouse)
    first = warehouse.query("SELECT * FROM schema_migrations ORDER BY version")[0]
    assert first == {
        "version": 1,
        "name": "supply_and_grants",
        "digest": read()[0].digest,
        "applied_at": NOW,
    }


def test_a_dry_run_lists_and_changes_nothing(warehouse: Warehouse) -> None:
    """Whoever asks what is pending leaves the warehouse as it was."""
    assert pending(warehouse, read()) == read()
    assert tables(warehouse) == set()


def test_a_changed_file_is_refused_and_nothing_is_applied(warehouse: Warehouse) -> None:
    """A migration that was edited after it was applied stops the next ones, named by number."""
    migrate(warehouse, clock)
    edited = replace(read()[0], sql=read()[0].sql + "-- edited\n")
    following = Migration(2, "more", "CREATE TABLE IF NOT EXISTS more (a UInt8) ENGINE = Memory;\n")
    with pytest.raises(Tampered, match="migration 0001"):
        migrate(warehouse, clock, [edited, following])
    with pytest.raises(Tampered, match="gone"):
        pending(warehouse, [])
    assert "more" not in tables(warehouse)


def test_a_migration_that_was_interrupted_is_run_again(warehouse: Warehouse) -> None:
    """A migration whose second statement failed is repeated from its first when it is mended."""
    first = "CREATE TABLE IF NOT EXISTS one (a UInt8) ENGINE = Memory;\n"
    second = "CREATE TABLE IF NOT EXISTS two (a UInt8) ENGINE = Memory;\n"
    with pytest.raises(InvalidInput):
        migrate(warehouse, clock, [Migration(1, "both", first + "CREATE TABLE nonsense;\n")])
    mended = Migration(1, "both", first + second)
    assert migrate(warehouse, clock, [mended]) == [mended]
    assert {"one", "two"} <= tables(warehouse)


def test_supply_has_one_row_a_record_and_view_and_counts_a_record_once(
    warehouse: Warehouse,
) -> None:
    """A metering record that was stored twice, by two inserts, counts once (R17)."""
    migrate(warehouse, clock)
    columns = ("topic", "partition", "offset", "at", "kind", "records", "views.view", "views.out")
    for _ in range(2):
        warehouse.insert(
            "metering",
            columns,
            [
                ("metering", 0, 5, NOW, "live", 100, ["aaaa", "bbbb"], [60, 40]),
                ("metering", 0, 6, NOW, "live", 10, ["aaaa"], [7]),
                ("metering", 1, 5, NOW, "backfill", 3, [], []),
            ],
        )
    by_view = (
        "SELECT view, sum(out) AS out, count() AS rows FROM supply GROUP BY view ORDER BY view"
    )
    assert warehouse.query(by_view) == [
        {"view": "aaaa", "out": 67, "rows": 2},
        {"view": "bbbb", "out": 40, "rows": 1},
    ]
    resume = "SELECT partition, max(offset) AS last FROM metering GROUP BY partition ORDER BY 1"
    assert warehouse.query(resume) == [{"partition": 0, "last": 6}, {"partition": 1, "last": 5}]


def test_the_latest_version_of_a_grant_is_what_is_read(warehouse: Warehouse) -> None:
    """Versions may arrive again and in any order: the largest ledger sequence stands."""
    migrate(warehouse, clock)
    columns = ("grant", "subscriber", "status", "active_sequence", "granted_at", "sequence")
    warehouse.insert("grants", columns, [("g1", "tax", "revoked", 12, NOW, 30)])
    warehouse.insert("grants", columns, [("g1", "tax", "active", 12, NOW, 12)])
    assert warehouse.query("SELECT `grant`, status, sequence FROM grants FINAL") == [
        {"grant": "g1", "status": "revoked", "sequence": 30}
    ]


def test_misnumbered_and_misnamed_files_are_refused(tmp_path: Path) -> None:
    """A gap in the numbers or a name out of form is found before anything is applied."""
    (tmp_path / "0002_second.sql").write_text("SELECT 1;\n")
    with pytest.raises(InvalidInput, match="gap"):
        read(tmp_path)
    (tmp_path / "first.sql").write_text("SELECT 1;\n")
    with pytest.raises(InvalidInput, match="NNNN_name"):
        read(tmp_path)
