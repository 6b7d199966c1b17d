"""A copy that may have missed deletes says so, and a resynchronisation makes it the view again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from consumers import placed_reader
from consumers.delivery import Delivery
from consumers.placed_reader import PlacedReader
from consumers.records import Record
from consumers.resumption import AWAY_AT_MOST
from consumers.targets.columns import item_columns, layout_of
from consumers.targets.port import Holding
from consumers.targets.sqlite_table import open_sqlite
from infra.clock import system_clock
from infra.registry.client import RegistryClient
from schemas.errors import ResyncRequired
from schemas.ledger.acts import Revoke
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import value_subject
from schemas.policy import Match, RowFilter
from tests.integration.running_bus import LI, ZHANG, RunningBus, wait_for
from tests.integration.synthetic_divisions import townships
from tests.integration.view_state import view_state

pytestmark = pytest.mark.integration

PROVINCE = "65"
ROWS = townships(PROVINCE, 120)
FILTER = RowFilter("code", Match.PREFIX, (PROVINCE,))
RESYNC_REQUIRED = 6


class Crash(Exception):
    """Stands for the end of the process."""


@dataclass
class Copy:
    """A table in a file, and the view that it is a copy of."""

    bus: RunningBus
    grant: Grant
    file: Path

    def held(self) -> set[str]:
        """Return the table's keys."""
        with closing(sqlite3.connect(self.file)) as connection:
            return {key for (key,) in connection.execute("SELECT _key FROM geography_division")}

    def add_ghost(self) -> None:
        """Put in a row that the view has no more: its delete was missed."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.execute(
                "INSERT INTO geography_division (_key, _generation) VALUES ('ghost', 1)"
            )

    def run(self, later: timedelta, *, resync: bool = False, crash_after: int = 10**9) -> None:
        """Deliver to the end, so much later; crash after so many transactions."""
        properties = self.bus.properties(self.grant)
        schema = RegistryClient(properties.registry).latest(value_subject(self.grant.view))[1]
        columns = item_columns(schema)

        def clock() -> datetime:
            return system_clock() + later

        with (
            closing(open_sqlite(self.file, "geography_division", columns)) as target,
            closing(PlacedReader(properties, group="resync")) as reader,
        ):
            left = crash_after
            store = target.store

            def store_or_crash(records: Sequence[Record], holding: Holding, *, sweep: bool) -> bool:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Crash
                return store(records, holding, sweep=sweep)

            target.store = store_or_crash  # type: ignore[method-assign]
            delivery = Delivery(reader, target, layout_of(columns), clock, lambda _: None)
            delivery.run(until_end=True, resync=resync)

    def cli(self, *more: str, status: int = 0) -> str:
        """Run the command; return what it said."""
        return self.bus.cli(
            "subscribe", "--to", "sqlite", self.file, "--grant", self.grant.id,
            *("--group", "resync", "--until-end", *more), status=status,
        ).stderr  # fmt: skip


def made(bus: RunningBus, folder: Path, items: tuple[str, ...]) -> Copy:
    """Return a copy that is the view's present state, of a view that no other test has."""
    grant = bus.grant(LI, "resync", items, FILTER)
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()
    copy = Copy(bus, grant, folder / "copy.sqlite")
    copy.run(timedelta())
    assert copy.held() == {row["code"] for row in ROWS}
    return copy


def test_a_copy_that_was_away_too_long_resynchronises(
    bus: RunningBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named error first; then the missed deletes are made up for, also when killed meanwhile."""
    copy = made(bus, tmp_path, ("code", "name", "level"))
    copy.add_ghost()
    too_late = AWAY_AT_MOST + timedelta(minutes=1)
    with pytest.raises(ResyncRequired, match="deletes may be gone"):
        copy.run(too_late)
    assert "ghost" in copy.held()

    monkeypatch.setattr(placed_reader, "BATCH", 20)
    with pytest.raises(Crash):
        copy.run(too_late, resync=True, crash_after=2)
    # Until the end, nobody who reads the table misses a row; and going on needs no flag.
    assert copy.held() == {row["code"] for row in ROWS} | {"ghost"}
    with copy.bus.publisher() as publisher:
        publisher.delete(ROWS[0]["code"])
    copy.bus.wait_enforced()
    with pytest.raises(Crash):
        copy.run(too_late, crash_after=2)
    copy.run(too_late)
    assert copy.held() == set(view_state(copy.bus, copy.grant)) == {r["code"] for r in ROWS[1:]}


def test_a_view_that_was_opened_again_needs_a_resynchronisation(
    bus: RunningBus, tmp_path: Path
) -> None:
    """The topic is another one although its name is the same; the command says what to do."""
    items = ("code", "parent", "level")
    copy = made(bus, tmp_path, items)
    old = copy.grant
    before = len(copy.held())
    bus.act(ZHANG, Revoke(old.id, "测试"))
    wait_for(lambda: bus.state().grants[old.id].status is GrantStatus.ENDED, "the cut")
    with bus.publisher() as publisher:
        publisher.delete(ROWS[1]["code"])
    bus.wait_enforced()
    copy.grant = bus.grant(LI, "resync again", items, FILTER)
    assert copy.grant.view == old.view
    bus.wait_live(copy.grant)
    told = copy.cli(status=RESYNC_REQUIRED)
    assert "opened again" in told
    assert "--resync" in told
    assert len(copy.held()) == before
    copy.cli("--resync")
    assert copy.held() == set(view_state(bus, copy.grant))
    assert ROWS[1]["code"] not in copy.held()
    copy.cli()
