"""What every adapter of the warehouse port promises, on the real server behind each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from infra.clickhouse.port import Value, Warehouse
from schemas.errors import AccessDenied, InvalidInput
from tests.integration.infra.conftest import WarehouseServer
from tests.integration.infra.running_warehouse import READER, STRANGER, WRITER

pytestmark = pytest.mark.integration

FACTS = """
CREATE TABLE facts (
    partition UInt32, offset UInt64, at DateTime('UTC'), note String,
    views Nested(view String, out UInt64)
) ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(at) ORDER BY (partition, offset)
"""
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
DECEMBER = NOVEMBER + timedelta(seconds=1)
COLUMNS = ("partition", "offset", "at", "note", "views.view", "views.out")


def row(offset: int, at: datetime = NOVEMBER, note: str = "") -> Sequence[Value]:
    """Return a row of `facts`."""
    return (0, offset, at, note, ["a", "b"], [offset, 2])


@pytest.fixture
def writer(warehouse_server: WarehouseServer) -> Iterator[Warehouse]:
    """Return a writer's client, with an empty table `facts`."""
    client = warehouse_server.as_user(WRITER)
    client.execute("DROP TABLE IF EXISTS facts")
    client.execute(FACTS)
    yield client
    client.close()


@pytest.fixture
def reader(warehouse_server: WarehouseServer, writer: Warehouse) -> Iterator[Warehouse]:
    """Return a reader's client."""
    client = warehouse_server.as_user(READER)
    yield client
    client.close()


def test_values_come_back_as_they_were_inserted(writer: Warehouse, reader: Warehouse) -> None:
    """Integers to 2^64-1, any text, moments of any zone, and lists survive there and back."""
    shanghai = timezone(timedelta(hours=8))
    notes = ["", "it's \\ a\ttab\nand a line\r\0end", "行政区划 🏛", '"quoted" {x:String}']
    rows = [
        (7, 2**64 - 1 - i, datetime(2026, 12, 1, 8, i, tzinfo=shanghai), note, ["v"], [2**64 - 1])
        for i, note in enumerate(notes)
    ]
    writer.insert("facts", COLUMNS, rows)
    back = reader.query("SELECT * FROM facts ORDER BY offset DESC")
    assert [each["note"] for each in back] == notes
    assert back[1] == {
        "partition": 7,
        "offset": 2**64 - 2,
        "at": datetime(2026, 12, 1, 0, 1, tzinfo=UTC),
        "note": notes[1],
        "views.view": ["v"],
        "views.out": [2**64 - 1],
    }


def test_a_parameter_is_a_value_and_never_a_part_of_the_statement(reader: Warehouse) -> None:
    """Every type of parameter arrives as it was given, whatever characters it has."""
    nasty = "x' OR 1=1 -- \\ \t\n{y:String}"
    answer = reader.query(
        "SELECT {text:String} AS text, {number:UInt64} AS number, {list:Array(String)} AS list,"
        " {at:DateTime} AS at, {day:Date} AS day, {none:Nullable(String)} AS none,"
        " {flag:Bool} AS flag, {counts:Array(UInt64)} AS counts",
        {
            "text": nasty,
            "number": 2**64 - 1,
            "list": [nasty, ""],
            "at": NOVEMBER,
            "day": date(2026, 11, 23),
            "none": None,
            "flag": True,
            "counts": [1, 2],
        },
    )
    assert answer == [
        {
            "text": nasty,
            "number": 2**64 - 1,
            "list": [nasty, ""],
            "at": NOVEMBER,
            "day": date(2026, 11, 23),
            "none": None,
            "flag": True,
            "counts": [1, 2],
        }
    ]


def test_a_moment_without_a_time_zone_is_refused(writer: Warehouse) -> None:
    """A naive datetime has no place in the warehouse."""
    with pytest.raises(InvalidInput, match="time zone"):
        writer.insert("facts", ("at",), [(datetime(2026, 1, 1),)])  # noqa: DTZ001


def test_rows_of_two_table_partitions_are_refused_and_nothing_is_stored(
    writer: Warehouse, reader: Warehouse
) -> None:
    """What can't be stored as one part is not stored at all, because parts commit one by one."""
    with pytest.raises(InvalidInput, match="several partitions"):
        writer.insert("facts", COLUMNS, [row(1), row(2, DECEMBER)])
    assert reader.query("SELECT count() AS rows FROM facts") == [{"rows": 0}]


def test_an_insert_is_one_part(writer: Warehouse, reader: Warehouse) -> None:
    """A large insert is not cut into blocks that could be stored without each other."""
    writer.insert("facts", COLUMNS, [row(offset, note="x" * 100) for offset in range(150_000)])
    assert reader.query("SELECT count() AS rows, uniqExact(_part) AS parts FROM facts") == [
        {"rows": 150_000, "parts": 1}
    ]


def test_a_row_that_is_not_of_the_table_leaves_nothing_behind(
    writer: Warehouse, reader: Warehouse
) -> None:
    """One bad row refuses its whole insert, and the error does not quote the row."""
    rows = [row(offset) for offset in range(70_000)]
    with pytest.raises(InvalidInput) as caught:
        writer.insert("facts", COLUMNS, [*rows, (0, "a secret", NOVEMBER, "", [], [])])
    assert "secret" not in str(caught.value)
    assert reader.query("SELECT count() AS rows FROM facts") == [{"rows": 0}]


HOSTILE = [
    "'",
    "\\",
    "\\'",
    "\\\\'); DROP TABLE facts; --",
    "' OR '1'='1",
    "x') UNION ALL SELECT name FROM system.tables --",
    "{text:String}",
    '`"/* */ -- #',
    "%(text)s %s %",
    "\0\b\f\n\r\t\a\v\x1a\u2028",
    "行政区划 🏛 \u202e",
    "\\N",
    "\\x41",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_ever_text(reader: Warehouse, text: str) -> None:
    """Whatever ends a literal somewhere ends none here, alone, in a list, and beside others."""
    asked = (
        "SELECT {text:String} AS text, length({text:String}) AS bytes, '{text:String}' AS quoted,"
        " {several:Array(String)} AS several, {maybe:Nullable(String)} AS maybe -- {none:String}"
    )
    answer = reader.query(asked, {"text": text, "several": [text, "a", text], "maybe": text})
    assert answer == [
        {
            "text": text,
            "bytes": len(text.encode()),
            "quoted": "{text:String}",
            "several": [text, "a", text],
            "maybe": text,
        }
    ]


def test_hostile_text_is_stored_as_it_is(writer: Warehouse, reader: Warehouse) -> None:
    """What is inserted goes as data, and is found by an equal parameter."""
    writer.insert("facts", COLUMNS, [row(i, note=text) for i, text in enumerate(HOSTILE)])
    for offset, text in enumerate(HOSTILE):
        found = reader.query("SELECT offset FROM facts WHERE note = {note:String}", {"note": text})
        assert found == [{"offset": offset}]


def test_a_parameter_without_a_value_is_refused(reader: Warehouse) -> None:
    """Nothing is guessed."""
    with pytest.raises(InvalidInput):
        reader.query("SELECT {text:String}")


def test_a_value_of_another_type_is_refused(reader: Warehouse) -> None:
    """What is no number doesn't become a part of the statement where a number stands."""
    with pytest.raises(InvalidInput):
        reader.query("SELECT {number:UInt64}", {"number": "1 OR 1=1"})
    with pytest.raises(InvalidInput):
        reader.query("SELECT {day:Date}", {"day": "x' OR 1=1"})


def test_what_a_server_refuses_is_told_by_kind(writer: Warehouse, reader: Warehouse) -> None:
    """A mistake is final, a missing right is named, and neither quotes the statement."""
    for wrong in ("SELECT secret FROM", "SELECT secret FROM facts", "SELECT 1 FROM secret"):
        with pytest.raises(InvalidInput) as mistake:
            reader.query(wrong)
        assert "secret" not in str(mistake.value)
    with pytest.raises(AccessDenied):
        reader.execute("DROP TABLE facts")
    assert writer.query("SELECT count() AS rows FROM facts") == [{"rows": 0}]


def test_a_stranger_is_turned_away(warehouse_server: WarehouseServer) -> None:
    """No statement runs for an unknown user, nor with a wrong password."""
    for user in (STRANGER, (READER[0], WRITER[1])):
        client = warehouse_server.as_user(user)
        with pytest.raises(AccessDenied):
            client.query("SELECT 1")
        client.close()


def test_an_adapter_may_be_shared_by_threads(writer: Warehouse) -> None:
    """Inserts and questions from several threads don't meet on a connection."""

    def insert_and_ask(offset: int) -> int:
        writer.insert("facts", COLUMNS, [row(offset)])
        asked = "SELECT count() AS n FROM facts WHERE offset = {offset:UInt64}"
        return int(writer.query(asked, {"offset": offset})[0]["n"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(insert_and_ask, range(40))) == [1] * 40


def test_the_same_rows_under_the_same_token_count_once(writer: Warehouse) -> None:
    """Sent again after an answer that was lost, rows are one row each when read with FINAL."""
    for _ in range(2):
        writer.insert("facts", COLUMNS, [row(1), row(2)], token="1-2")
    assert writer.query("SELECT count() AS rows FROM facts FINAL") == [{"rows": 2}]
