"""What every target promises, tried on each: CSV, Parquet, SQLite, and a real PostgreSQL."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from math import isnan
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from consumers.records import Record
from consumers.targets import postgresql_table
from consumers.targets.columns import Column, Kind, item_columns, layout_of
from consumers.targets.csv_log import open_csv
from consumers.targets.opening import open_target
from consumers.targets.parquet_log import AGE, open_parquet
from consumers.targets.port import Holding, Place, Target
from consumers.targets.table_sql import table_name
from schemas.errors import AccessDenied, AlreadyRunning, Fenced, InvalidInput, Unavailable

TOPIC = "view.licence.certificate.0123456789abcdef"
AT = datetime(2026, 1, 1, 8, 0, 0, 1, UTC)
SCHEMA: dict[str, Any] = {
    "type": "record", "name": "a.b.Certificate", "fields": [
        {"name": "envelope", "type": {"type": "record", "name": "Envelope", "fields": []}},
        {"name": "number", "type": "string"},
        {"name": "status", "type": {"type": "enum", "name": "Status",
                                    "symbols": ["valid", "void"]}},
        {"name": "before", "type": ["null", "Status"]},
        {"name": "count", "type": "int"},
        {"name": "capital", "type": ["null", {"type": "bytes", "logicalType": "decimal",
                                              "precision": 20, "scale": 2}]},
        {"name": "area", "type": ["null", "double"]},
        {"name": "open", "type": "boolean"},
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 2}},
        {"name": "issued_on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "opens_at", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "changed_at", "type": ["null", {"type": "long",
                                                 "logicalType": "timestamp-millis"}]},
        {"name": "heard_at", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "serial", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "path", "type": {"type": "array", "items": "string"}},
        {"name": "select", "type": {"type": "map", "values": "double"}},
        {"name": "either", "type": ["null", "string", "int"]},
    ],
}  # fmt: skip
COLUMNS = item_columns(SCHEMA)
LAYOUT = layout_of(COLUMNS)
ITEMS: dict[str, Any] = {
    "number": '许可‘1’\r\n,"',
    "status": "valid",
    "before": None,
    "count": -5,
    "capital": Decimal("123456789012345678.90"),
    "area": 0.1,
    "open": True,
    "digest": b"\x00\xff",
    "issued_on": date(2026, 2, 3),
    "opens_at": time(8, 30, 0, 1),
    "changed_at": AT,
    "heard_at": datetime(2026, 1, 1, 8),  # noqa: DTZ001 - a local time has no zone
    "serial": uuid.UUID(int=7),
    "path": ["广东省", "\"'\\u0000"],
    "select": {"x": 1.5, "y": float("nan")},
    "either": 3,
}
_offsets = count()


def upsert(key: str, **changes: Any) -> Record:
    """Return a record behind the ones before."""
    items = ITEMS | {"number": key} | changes
    return Record(TOPIC, 0, next(_offsets), key, uuid.UUID(int=9).bytes, 1, "health", AT, items)


def delete(key: str) -> Record:
    """Return a delete."""
    return replace(upsert(key), items=None)


def at(offset: int, generation: int = 1, fill: dict[int, int] | None = None) -> Holding:
    """Return a position."""
    return Holding(TOPIC, "id", LAYOUT, generation, fill, {0: Place(offset, AT)})


@dataclass(frozen=True)
class Kept:
    """A target that can be opened again and again, as a process would that starts again."""

    kind: str
    open: Callable[[], Target]
    rows: Callable[[], list[dict[str, Any]]]
    """What a reader sees, of a table in the order of keys."""

    @property
    def is_table(self) -> bool:
        """Whether it holds the present state."""
        return self.kind in ("sqlite", "postgresql")

    def begun(self) -> Target:
        """Return it with its first generation begun."""
        target = self.open()
        assert target.holding() is None
        target.begin(at(0, fill={0: 3}))
        return target

    def keys(self) -> list[str]:
        """Return the keys that are left when a log's newest generation is played."""
        rows = self.rows()
        if self.is_table:
            return [row["_key"] for row in rows]
        left: dict[str, None] = {}
        newest = max((int(row["_generation"]) for row in rows), default=0)
        for row in rows:
            if int(row["_generation"]) == newest:
                left.pop(row["_key"], None)
                left |= {row["_key"]: None} if row["_operation"] == "upsert" else {}
        return sorted(left)


class Clock:
    """Stands still until it is moved."""

    now = AT

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def kept(kind: str, target: str, columns: tuple[Column, ...] = COLUMNS) -> Kept:
    """Return a target of this kind at this place."""
    clock = Clock()

    def opened() -> Target:
        return open_target(kind, target, "", TOPIC, columns, clock)

    def rows() -> list[dict[str, Any]]:
        if kind == "csv":
            text = Path(target).read_bytes().decode()
            return list(csv.DictReader(io.StringIO(text, newline="")))
        if kind == "parquet":
            files = sorted(Path(target).glob("*.parquet"))
            return [row for file in files for row in pq.read_table(file).to_pylist()]
        if kind == "sqlite":
            with closing(sqlite3.connect(target)) as connection:
                connection.row_factory = sqlite3.Row
                found = connection.execute("SELECT * FROM licence_certificate ORDER BY _key")
                return [dict(row) for row in found]
        with psycopg.connect(target, row_factory=psycopg.rows.dict_row) as server:
            server.execute("SET TIME ZONE UTC")
            return server.execute("SELECT * FROM licence_certificate ORDER BY _key").fetchall()

    return Kept(kind, opened, rows)


@pytest.fixture(params=["csv", "parquet", "sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Each kind in turn, empty."""
    if request.param != "postgresql":
        yield kept(request.param, str(tmp_path / "copy"))
        return
    conninfo: str = request.getfixturevalue("postgresql")
    yield kept("postgresql", conninfo)
    with psycopg.connect(conninfo) as server:
        server.execute("DROP TABLE IF EXISTS licence_certificate, sharebus_tables")


def test_what_was_stored_is_held_with_its_position(target: Kept) -> None:
    """Whoever starts again goes on exactly there."""
    with closing(target.begun()) as opened:
        opened.store([upsert("a"), upsert("b")], at(2), sweep=False)
        opened.finish()
    with closing(target.open()) as again:
        assert again.holding() == at(2)
        again.store([delete("a"), upsert("c")], at(4), sweep=False)
        again.finish()
    with closing(target.open()) as again:
        assert again.holding() == at(4)
    assert target.keys() == ["b", "c"]


def test_a_process_that_is_killed_leaves_what_it_stored_once(target: Kept) -> None:
    """Nothing is closed or finished: what is not durable comes again, and nothing comes twice."""
    records = [upsert("a"), upsert("b"), upsert("c")]
    killed = target.begun()
    killed.store(records[:2], at(2), sweep=False)
    if target.kind != "sqlite":
        killed.close()  # as the operating system does, which ends its lock
    with closing(target.open()) as again:
        held = again.holding()
        assert held is not None
        again.store(records[held.places[0].next_offset :], at(3), sweep=False)
        again.finish()
    assert target.keys() == ["a", "b", "c"]
    assert len(target.rows()) == 3


def test_of_a_key_the_last_in_the_batch_counts(target: Kept) -> None:
    """Order holds within a batch, too."""
    with closing(target.begun()) as opened:
        batch = [upsert("a", count=1), delete("b"), upsert("a", count=2), upsert("b"), delete("b")]
        opened.store(batch, at(5), sweep=False)
        opened.finish()
    assert target.keys() == ["a"]
    assert int(target.rows()[0 if target.is_table else 2]["count"]) == 2


def test_a_later_generation_takes_the_place_of_the_earlier(target: Kept) -> None:
    """A table deletes what was not seen at the end of the fill; until then, nobody misses a row."""
    with closing(target.begun()) as opened:
        opened.store([upsert("a"), upsert("b"), upsert("c")], at(3), sweep=False)
        opened.begin(at(0, 2, fill={0: 2}))
        opened.store([upsert("a")], at(1, 2, fill={0: 2}), sweep=False)
        opened.finish()
    if target.is_table:
        assert target.keys() == ["a", "b", "c"]
    with closing(target.open()) as again:
        assert again.holding() == at(1, 2, fill={0: 2})
        again.store([upsert("c"), delete("d")], at(3, 2), sweep=True)
        again.finish()
    assert target.keys() == ["a", "c"]


def test_a_still_view_moves_the_position_alone(target: Kept) -> None:
    """Behind the last record stand marks of transactions; a day on, a log says so as well."""
    with closing(target.begun()) as opened:
        opened.store([upsert("a")], at(1), sweep=False)
        opened.store([], at(2), sweep=False)
        opened.finish()
    with closing(target.open()) as again:
        assert again.holding() == at(2)
    assert target.keys() == ["a"]


def test_another_schema_in_the_stream_is_refused_and_nothing_happens(target: Kept) -> None:
    """Coordinates, and never a value, say where."""
    odd = replace(upsert("x"), items={"number": "secret"})
    with closing(target.begun()) as opened:
        opened.store([upsert("a")], at(1), sweep=False)
        with pytest.raises(InvalidInput, match="schema has changed") as caught:
            opened.store([upsert("b"), odd], at(3), sweep=False)
        opened.finish()
    assert "secret" not in str(caught.value)
    assert target.keys() == ["a"]
    with closing(target.open()) as again:
        assert again.holding() == at(1)


def test_types_are_the_database_s_own(target: Kept) -> None:
    """Each Avro type as the target can say it best."""
    with closing(target.begun()) as opened:
        opened.store([upsert("k", **ITEMS)], at(1), sweep=False)
        opened.finish()
    (row,) = target.rows()
    assert row["_key"] == "k"
    assert (row["number"], row["status"]) == (ITEMS["number"], "valid")
    assert row["serial"] == str(uuid.UUID(int=7))
    path = row["path"] if target.kind == "postgresql" else json.loads(row["path"])
    assert path == ITEMS["path"]
    if target.kind in ("postgresql", "parquet"):
        assert row["_occurred_at"] == AT
        assert {n: row[n] for n in TYPED} == {n: ITEMS[n] for n in TYPED}
    elif target.kind == "sqlite":
        assert (row["capital"], row["count"], row["open"]) == ("123456789012345678.90", -5, 1)
        assert (row["digest"], row["issued_on"]) == (b"\x00\xff", "2026-02-03")
        assert row["_occurred_at"] == "2026-01-01T08:00:00.000001+00:00"
        assert row["before"] is None
    else:
        assert (row["capital"], row["count"], row["open"]) == (
            "123456789012345678.90",
            "-5",
            "true",
        )
        assert (row["digest"], row["before"], row["area"]) == ("AP8=", "", "0.1")


TYPED = ("before", "count", "capital", "area", "open", "digest", "issued_on", "opens_at",
         "changed_at", "heard_at")  # fmt: skip


def test_numbers_that_are_none_and_nulls_differ(target: Kept) -> None:
    """A NaN stays one, and a null stays one."""
    with closing(target.begun()) as opened:
        opened.store([upsert("a", area=float("nan")), upsert("b", area=None)], at(2), sweep=False)
        opened.finish()
    nan, null = (row["area"] for row in target.rows())
    assert nan == "NaN" or isnan(nan)
    assert null in (None, "")


def test_characters_that_break_other_formats_come_through(target: Kept) -> None:
    """PostgreSQL has no U+0000; replacing it is better than stopping the copy for ever."""
    text = "\0\\u0000\t\\N\n\"'"
    with closing(target.begun()) as opened:
        opened.store([upsert("a", status=text, path=[text])], at(1), sweep=False)
        opened.finish()
    (row,) = target.rows()
    expected = text.replace("\0", "\ufffd") if target.kind == "postgresql" else text
    path = row["path"] if target.kind == "postgresql" else json.loads(row["path"])
    assert (row["status"], path) == (expected, [expected])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_two_processes_one_table_knows_one(
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other one changes nothing, and is told."""
    monkeypatch.setattr(postgresql_table, "_PATIENCE_S", 0.2)
    place = str(tmp_path / "copy") if kind == "sqlite" else request.getfixturevalue("postgresql")
    target = kept(kind, place)
    with closing(target.begun()) as first:
        if kind == "postgresql":
            with pytest.raises(AlreadyRunning):
                target.open()
        else:
            with closing(target.open()) as second:
                assert second.holding() is not None
                first.store([upsert("a")], at(1), sweep=False)
                with pytest.raises(Fenced):
                    second.store([upsert("b")], at(1), sweep=False)
            assert target.keys() == ["a"]
    if kind == "postgresql":
        with psycopg.connect(place) as server:
            server.execute("DROP TABLE licence_certificate, sharebus_tables")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_table_of_somebody_else_is_left_alone(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """--table names another one."""
    make = "CREATE TABLE licence_certificate (x text)"
    if kind == "sqlite":
        place = str(tmp_path / "copy")
        with closing(sqlite3.connect(place)) as connection:
            connection.execute(make)
    else:
        place = request.getfixturevalue("postgresql")
        with psycopg.connect(place) as server:
            server.execute(make)
    with closing(kept(kind, place).open()) as target:
        assert target.holding() is None
        with pytest.raises(InvalidInput, match="holds no view") as caught:
            target.begin(at(0))
    assert "--table" in caught.value.remedy
    if kind == "postgresql":
        with psycopg.connect(place) as server:
            server.execute("DROP TABLE licence_certificate, sharebus_tables")


def test_a_table_that_was_dropped_is_made_anew(tmp_path: Path) -> None:
    """Dropping it is how somebody begins again."""
    target = kept("sqlite", str(tmp_path / "copy"))
    target.begun().close()
    with closing(sqlite3.connect(tmp_path / "copy")) as connection:
        connection.execute("DROP TABLE licence_certificate")
    target.begun().close()


def test_a_csv_that_lost_its_position_is_not_appended_to(tmp_path: Path) -> None:
    """Rows would come twice."""
    (tmp_path / "copy").write_text("something")
    with (
        closing(open_csv(tmp_path / "copy", COLUMNS)) as target,
        pytest.raises(InvalidInput, match="no position"),
    ):
        target.holding()


def test_a_csv_cuts_off_what_a_killed_process_left_half(tmp_path: Path) -> None:
    """The position says how much of the file counts."""
    target = kept("csv", str(tmp_path / "copy"))
    with closing(target.begun()) as opened:
        opened.store([upsert("a")], at(1), sweep=False)
    with (tmp_path / "copy").open("ab") as stream:
        stream.write(b'"upsert","b",hal')
    with closing(target.open()) as again:
        again.holding()
        again.store([upsert("b")], at(2), sweep=False)
    assert target.keys() == ["a", "b"]


def test_parquet_files_appear_whole_and_in_time(tmp_path: Path) -> None:
    """Readers never meet a file that is being written; a slow view's records come out, too."""
    clock = Clock()
    log = open_parquet(tmp_path, COLUMNS, clock)
    log.holding()
    log.begin(at(0))
    assert not log.store([upsert("a")], at(1), sweep=False)
    assert [pq.read_table(file).num_rows for file in tmp_path.glob("*.parquet")] == [0]
    clock.now = AT + AGE
    assert log.store([], at(1), sweep=False)
    assert sum(pq.read_table(file).num_rows for file in tmp_path.glob("*.parquet")) == 1
    clock.now = AT + AGE + timedelta(days=1)
    assert log.store([], replace(at(1), places={0: Place(1, clock.now)}), sweep=False)
    log.close()
    with closing(open_parquet(tmp_path, COLUMNS, clock)) as again:
        held = again.holding()
    assert held is not None
    assert held.places[0].current_at == clock.now


@pytest.mark.parametrize("name", ["Large", "a b", "1a", "x" * 64, "pg_x", "sqlite_x",
                                  "sharebus_tables", 'a"; DROP TABLE x; --'])  # fmt: skip
def test_a_table_s_name_is_checked(name: str) -> None:
    """It stands in statements."""
    with pytest.raises(InvalidInput, match="table's name"):
        table_name(name, "a.b")


def test_a_table_is_named_after_its_resource() -> None:
    """With what a database's name may hold."""
    assert table_name("", "legal-entity.organisation") == "legal_entity_organisation"
    assert table_name("mine", "legal-entity.organisation") == "mine"


@pytest.mark.parametrize("name", ["_key", "_KEY"])
def test_an_item_with_a_column_s_name_of_the_bus_is_refused(name: str) -> None:
    """It would overwrite it."""
    with pytest.raises(InvalidInput, match="is taken"):
        item_columns({"type": "record", "name": "R", "fields": [{"name": name, "type": "int"}]})


def test_columns_follow_from_the_view_s_schema() -> None:
    """Kinds of every Avro type; unions of several types only JSON can say."""
    kinds = {column.name: column.kind for column in COLUMNS}
    assert kinds["before"] is Kind.TEXT
    assert kinds["either"] is kinds["path"] is kinds["select"] is Kind.JSON
    assert kinds["digest"] is Kind.BYTES
    assert next(c for c in COLUMNS if c.kind is Kind.DECIMAL).scale == 2


def test_a_server_that_is_not_there_is_worth_another_try() -> None:
    """Its address is told, a password isn't."""
    conninfo = "postgresql://user:secret@127.0.0.1:1/x"
    with pytest.raises(Unavailable) as caught:
        open_target("postgresql", conninfo, "", TOPIC, COLUMNS, Clock())
    assert "127.0.0.1" in caught.value.where
    assert "secret" not in str(caught.value)


def test_a_user_without_rights_is_told(postgresql: str) -> None:
    """SQLSTATE and the place, not the server's message."""
    with psycopg.connect(postgresql) as server:
        server.execute("CREATE ROLE nobody_special LOGIN")
    conninfo = postgresql.replace("sharebus@", "nobody_special@")
    with (
        closing(open_target("postgresql", conninfo, "", TOPIC, COLUMNS, Clock())) as target,
        pytest.raises(AccessDenied, match="refuses the user"),
    ):
        target.holding()


@pytest.mark.parametrize(
    ("kind", "target"), [("csv", ""), ("sqlite", ""), ("postgresql", "a=b=c d")]
)
def test_what_names_no_target_is_refused(kind: str, target: str) -> None:
    """Before anything is read."""
    with pytest.raises(InvalidInput):
        open_target(kind, target, "", TOPIC, COLUMNS, Clock())
