"""Rows for ClickHouse say what metering and ledger say, in the columns of the tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest

from schemas.clock import EPOCH
from schemas.errors import InvalidRecord
from stream_apps.enforcement.tally import Tally
from stream_apps.inspection.judgement import Finding, Kind
from stream_apps.metering.facts import (
    FINDING_COLUMNS,
    GRANT_COLUMNS,
    METERING_COLUMNS,
    by_month,
    finding_row,
    grant_row,
    metering_row,
)
from tests.unit.ledger_story import published

AT = datetime(2026, 1, 31, 23, 59, 59, 999_999, UTC)


def columns(table: str) -> tuple[str, ...]:
    """Return the columns that the migrations give a table, nested ones by their full names."""
    folder = files("infra.clickhouse").joinpath("migrations")
    sql = "".join(file.read_text("utf-8") for file in folder.iterdir())
    found = re.search(rf"CREATE TABLE IF NOT EXISTS {table} \(\n(.*?)\n\) ENGINE", sql, re.DOTALL)
    assert found is not None
    names: list[str] = []
    for line in found[1].splitlines():
        name, kind = line.strip().rstrip(",").replace("`", "").split(" ", 1)
        nested = re.fullmatch(r"Nested\((.*)\)", kind)
        parts = [part.split()[0] for part in nested[1].split(",")] if nested else []
        names += [f"{name}.{part}" for part in parts] or [name]
    added = rf"^ALTER TABLE {table} ADD COLUMN IF NOT EXISTS `?(\w+)`?"
    return (*names, *re.findall(added, sql, re.MULTILINE))


@pytest.mark.parametrize(
    ("table", "named"),
    [("metering", METERING_COLUMNS), ("findings", FINDING_COLUMNS), ("grants", GRANT_COLUMNS)],
)
def test_a_row_has_the_columns_of_its_table(table: str, named: tuple[str, ...]) -> None:
    """What the sink inserts is what the migrations made, nothing left to a default."""
    assert sorted(named) == sorted(columns(table))


def test_a_metering_record_becomes_a_row_with_its_coordinates() -> None:
    """R17: topic, partition and offset make a row sent twice one row."""
    tally = Tally("a.b", "s", 3, 17, to_offset=27, records=10, deletes=2)
    tally.quarantined.update(["truncated", "missing-key", "truncated"])
    tally.heartbeats, tally.last_heartbeat_ms = 2, 60_000
    for name, out in (("b" * 16, 4), ("a" * 16, 3)):
        view = tally.view(name)
        view.out, view.deletes, view.bytes = out, 1, out * 100
    row = metering_row("metering", 1, 99, tally.encode(AT, 2, 40))
    assert dict(zip(METERING_COLUMNS, row, strict=True)) == {
        "topic": "metering",
        "partition": 1,
        "offset": 99,
        "at": AT,
        "kind": "live",
        "slot": 2,
        "ledger_sequence": 40,
        "resource": "a.b",
        "source": "s",
        "source_partition": 3,
        "from_offset": 17,
        "to_offset": 27,
        "records": 10,
        "deletes": 2,
        "heartbeats": 2,
        "last_record_at": EPOCH,
        "last_heartbeat_at": EPOCH + timedelta(minutes=1),
        "quarantined.reason": ["missing-key", "truncated"],
        "quarantined.count": [1, 2],
        "views.view": ["a" * 16, "b" * 16],
        "views.out": [3, 4],
        "views.deletes": [1, 1],
        "views.bytes": [300, 400],
    }


def test_a_finding_becomes_a_row_with_both_its_coordinates() -> None:
    """The finding's own make it one row; the record's say where to look."""
    finding = Finding(Kind.GAP, "a.b", "s", "accepted.a.b", 3, 17, last=4, found=9)
    row = finding_row("findings", 1, 99, finding.encode(AT))
    assert dict(zip(FINDING_COLUMNS, row, strict=True)) == {
        "topic": "findings",
        "partition": 1,
        "offset": 99,
        "at": AT,
        "kind": "sequence-gap",
        "resource": "a.b",
        "source": "s",
        "record_topic": "accepted.a.b",
        "record_partition": 3,
        "record_offset": 17,
        "expected": 5,
        "found": 9,
    }


@pytest.mark.parametrize("row", [metering_row, finding_row])
def test_bytes_that_are_no_such_record_are_refused(row: Callable[..., object]) -> None:
    """The sink stores nothing that it can't read."""
    with pytest.raises(InvalidRecord):
        row("topic", 0, 0, b"{}")


def test_rows_are_grouped_by_month_in_their_order() -> None:
    """An insert into one month is whole or not at all (the table is partitioned by month)."""
    tally = Tally("a.b", "s", 0, 0)
    second = timedelta(seconds=1)
    times = [AT - second, AT, AT + second, AT + second, AT, AT.replace(year=2027)]
    rows = [metering_row("m", 0, i, tally.encode(at, 0, 0)) for i, at in enumerate(times)]
    runs = list(by_month(rows))
    assert [[row[2] for row in run] for run in runs] == [[0, 1], [2, 3], [4], [5]]


def test_no_rows_are_no_runs() -> None:
    """Nothing is inserted for nothing."""
    assert list(by_month([])) == []


def test_a_grant_becomes_a_row_as_of_an_entry() -> None:
    """R22: who was granted what, for which purpose, and since when it is supplied."""
    story = published()
    grant = story.state.grants[story.grant("li")]
    row = dict(zip(GRANT_COLUMNS, grant_row(grant, story.state.sequence), strict=True))
    assert row == {
        "grant": grant.id,
        "subscriber": "health",
        "resource": "geography.division",
        "view": grant.policy.name,
        "purpose_kind": "work_reference",
        "matter": "应急预案",
        "status": "active",
        "active_sequence": story.state.sequence,
        "cut_sequence": 0,
        "granted_at": grant.granted_at,
        "ended_at": EPOCH,
        "sequence": story.state.sequence,
    }


def test_an_ended_grant_carries_its_cut() -> None:
    """What was supplied behind the cut would be seen."""
    story = published()
    grant = story.state.grants[story.grant("li")]
    story.cut(grant.id)
    row = dict(zip(GRANT_COLUMNS, grant_row(grant, story.state.sequence), strict=True))
    assert (row["status"], row["cut_sequence"]) == ("ended", story.state.sequence)
    assert row["ended_at"] == grant.cut_at
