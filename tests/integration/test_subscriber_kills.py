"""`kill -9` of `sharebus subscribe --to`: the copy is exact, and each change took effect once."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions

from infra.kafka.offsets import end_offsets
from infra.kafka.topics import partition_count
from schemas.ledger.subjects import Grant
from schemas.policy import Match, RowFilter
from tests.integration.meanwhile import meanwhile
from tests.integration.running_bus import LI, LIMIT_S, RunningBus, finish, wait_for
from tests.integration.synthetic_divisions import townships
from tests.integration.view_state import view_state

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

SEED = int(os.environ.get("SHAREBUS_TEST_SEED", "20264"))
"""Another one gives other moments."""
KILLS = 20
PROVINCE = "64"
ROWS = townships(PROVINCE, 3000, seed=SEED)
TABLE = "copy"


@dataclass(frozen=True)
class Database:
    """A database as a test looks into it: beside the subscriber, with the driver alone."""

    kind: str
    place: str

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.place, timeout=60)) as connection, connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.place) as server:
            server.execute("SET TIME ZONE UTC")
            found = server.execute(statement.encode())
            return found.fetchall() if found.description else []

    def holding(self) -> dict[str, Any]:
        """Return the position that is stored with the rows."""
        ((text,),) = self.ask(f"SELECT holding FROM sharebus_tables WHERE name = '{TABLE}'")
        document: dict[str, Any] = json.loads(text)
        return document

    def offsets(self) -> dict[int, int]:
        """Return the next offset by partition."""
        return {int(p): place["next_offset"] for p, place in self.holding()["places"].items()}

    def watch(self) -> None:
        """Write down each change of a row, so that one that happens twice shows."""
        self.ask(f'CREATE TABLE {TABLE}_log (key text, "partition" bigint, "offset" bigint)')
        insert = f"INSERT INTO {TABLE}_log VALUES (new._key, new._partition, new._offset);"
        if self.kind == "sqlite":
            for event in ("INSERT", "UPDATE"):
                name = f"{TABLE}_{event}"
                self.ask(f"CREATE TRIGGER {name} AFTER {event} ON {TABLE} BEGIN {insert} END")
            return
        self.ask(
            f"CREATE FUNCTION {TABLE}_note() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {insert} RETURN NULL; END $$"
        )
        self.ask(
            f"CREATE TRIGGER {TABLE}_note AFTER INSERT OR UPDATE ON {TABLE} "
            f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_note()"
        )


@pytest.fixture(params=["postgresql", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each kind of database in turn, empty."""
    if request.param == "sqlite":
        yield Database("sqlite", str(tmp_path / "copy.sqlite"))
        return
    found = Database("postgresql", request.getfixturevalue("postgresql"))
    yield found
    found.ask(f"DROP TABLE {TABLE}, {TABLE}_log, sharebus_tables")


def subscribe(grant: Grant, database: Database) -> list[str]:
    """Return the command that keeps a copy of a grant's view."""
    return ["subscribe", "--to", database.kind, database.place, "--grant", grant.id,
            "--group", f"copy-{database.kind}", "--table", TABLE]  # fmt: skip


def test_a_copy_is_exact_after_twenty_kills(bus: RunningBus, database: Database) -> None:
    """Killed twenty times at seeded moments while rows come and go, the table is the view."""
    print(f"seed {SEED}")  # noqa: T201 - shown with a failure, to repeat it
    chance = random.Random(f"{SEED}/{database.kind}")
    # One database copies a view of several partitions, the other one of a single one.
    some = RowFilter("code", Match.PREFIX, (PROVINCE,))
    rows = None if database.kind == "postgresql" else some
    grant = bus.grant(
        LI, f"copy in {database.kind}", ("code", "name", "path", "area"),
        rows,
    )  # fmt: skip
    bus.wait_live(grant)
    bus.cli(*subscribe(grant, database), "--until-end")
    database.watch()

    seen = []
    with changing(bus):
        for _ in range(KILLS):
            seen.append(database.offsets())
            goal = sum(seen[-1].values()) + chance.choice((0, 1, chance.randrange(2, 6000)))
            process = bus.start_cli(*subscribe(grant, database))
            try:
                if chance.random() < 0.8:
                    wait_for(lambda: sum(database.offsets().values()) >= goal, "rows to come")  # noqa: B023
            finally:
                process.send_signal(signal.SIGKILL)
            finish(process)
            assert process.returncode == -signal.SIGKILL
    bus.wait_enforced()
    bus.cli(*subscribe(grant, database), "--until-end")

    # It was killed in the middle of work: most runs moved on, and none fell back.
    steps = [sum(offsets.values()) for offsets in seen]
    assert steps == sorted(steps)
    assert len(set(steps)) > KILLS // 2
    view = view_state(bus, grant)
    assert view
    copy = database.ask(f"SELECT _key, _partition, _offset, code, name, path, area FROM {TABLE}")
    assert len(copy) == len(view)
    for key, partition, offset, code, name, path, area in copy:
        row = view[key]
        assert (partition, offset) == (row.partition, row.offset)
        parts = json.loads(path) if isinstance(path, str) else path
        assert {"code": code, "name": name, "path": parts, "area": area} == row.items

    # Nothing took effect twice, and everything is behind the position.
    changes = database.ask(f'SELECT "partition", "offset" FROM {TABLE}_log')
    assert len(changes) > len(copy)
    assert len(set(changes)) == len(changes)
    ends = ends_of(bus, grant)
    assert database.offsets() == ends
    wait_for(lambda: committed(bus, grant, f"copy-{database.kind}") == ends, "the group to follow")


@contextmanager
def changing(bus: RunningBus) -> Iterator[None]:
    """Let rows come, change and go, until the block ends."""

    def publish(enough: Event) -> None:
        chance = random.Random(SEED)
        with bus.publisher() as publisher:
            while not enough.wait(0.05):
                for row in chance.sample(ROWS, 500):
                    if chance.random() < 0.3:
                        publisher.delete(row["code"])
                    else:
                        publisher.upsert(row | {"name": f"第{chance.randrange(10**6)}镇"})
                publisher.flush()

    with meanwhile(publish):
        yield


def ends_of(bus: RunningBus, grant: Grant) -> dict[int, int]:
    """Return where the partitions of a grant's view end."""
    admin = bus.admin()
    places = [(grant.view, p) for p in range(partition_count(admin, grant.view))]
    return {partition: end for (_, partition), end in end_offsets(admin, places).items()}


def committed(bus: RunningBus, grant: Grant, group: str) -> dict[int, int]:
    """Return what a subscriber's group has committed."""
    asked = ConsumerGroupTopicPartitions(f"grant-{grant.id}.{group}")
    future = bus.admin().list_consumer_group_offsets([asked])[asked.group_id]
    places = future.result(LIMIT_S).topic_partitions or []
    return {place.partition: place.offset for place in places}
