"""What row filters mean for each type: which rows are in, and what can't be decided."""

from __future__ import annotations

import io
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter, parse_policy
from schemas.policy.avro_types import Record
from schemas.policy.condition_reading import conditions, settled
from schemas.policy.conditions import fulfils
from schemas.policy.reference import strict_decode
from schemas.policy.schema_reading import read_record
from tests.unit.stream_apps.drawn_records import ENVELOPE

DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}
MONEY = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B", "C"]}
UUID = {"type": "string", "logicalType": "uuid"}
PLACE = {"type": "record", "name": "Place", "fields": [
    {"name": "code", "type": ["null", "string"]}, {"name": "level", "type": "int"},
]}  # fmt: skip
OWNER = {"type": "record", "name": "Owner", "fields": [{"name": "code", "type": "string"}]}
SORTED = {"type": "record", "name": "Sorted", "fields": [{"name": "code", "type": ENUM}]}
NODE = {"type": "record", "name": "Node", "fields": [
    {"name": "name", "type": "string"}, {"name": "next", "type": ["null", "Node"]},
]}  # fmt: skip


def schema_of(avro: Any) -> dict[str, Any]:
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "key", "type": "string"},
        {"name": "item", "type": avro},
    ]
    return {"type": "record", "name": "Thing", "fields": fields}


def policy_of(*rows: dict[str, Any]) -> Policy:
    return parse_policy({"resource": "a.b", "items": {"key": "keep"}, "rows": list(rows)})


def is_in(avro: Any, value: Any, *rows: dict[str, Any]) -> bool:
    """Tell whether a record that fastavro wrote is in the rows."""
    schema = schema_of(avro)
    envelope = {
        "event_id": bytes(16), "sequence": 1, "source": "s", "resource": "a.b", "occurred_at": 0,
    }  # fmt: skip
    out = io.BytesIO()
    record = {"envelope": envelope, "key": "440103", "item": value}
    fastavro.schemaless_writer(out, schema, record, strict=True)
    decoded = strict_decode(schema, out.getvalue())
    made = conditions(policy_of(*rows), read_record(schema), "key")
    return all(fulfils(each, decoded) for each in made.each)


def at(hour: int, minute: int = 0, micro: int = 0) -> datetime:
    return datetime(2026, 1, 31, hour, minute, 0, micro, UTC)


@pytest.mark.parametrize(
    ("avro", "value", "condition", "is_there"),
    [
        ("string", "广东省", {"in": ["广东省", "x"]}, True),
        ("string", "广东", {"in": ["广东省"]}, False),
        ("string", "440103", {"prefix": ["44", "31"]}, True),
        ("string", "4", {"prefix": ["44"]}, False),
        ("string", "b", {"range": {"from": "a", "to": "b"}}, True),
        ("string", "b\0", {"range": {"to": "b"}}, False),
        ("string", "\U0001f600", {"range": {"from": "\uffff"}}, True),
        (UUID, "550e8400-e29b-41d4-a716-446655440000", {"prefix": ["550e"]}, True),
        ("int", -3, {"in": [3, -3]}, True),
        ("int", 3, {"range": {"from": 4}}, False),
        ("long", 2**53 - 1, {"range": {"from": 2**53 - 1}}, True),
        ("long", 2**62, {"range": {"from": 0}}, True),
        ("boolean", True, {"in": [True]}, True),
        ("boolean", False, {"in": [True]}, False),
        ("boolean", False, {"in": [True, False]}, True),
        (ENUM, "C", {"in": ["A", "C"]}, True),
        (ENUM, "B", {"in": ["A", "C"]}, False),
        (DATE, date(1949, 12, 31), {"range": {"from": "1949-12-31", "to": "1950-01-01"}}, True),
        (DATE, date(1, 1, 1), {"in": ["0001-01-01", "9999-12-31"]}, True),
        (DATE, date(1950, 1, 2), {"range": {"to": "1950-01-01"}}, False),
        (MILLIS, at(0), {"in": ["2026-01-31T08:00:00+08:00"]}, True),
        (MILLIS, at(0), {"in": ["2026-01-31T08:00:00Z"]}, False),
        (MILLIS, at(0, 0, 1000), {"range": {"from": "2026-01-31T00:00:00.001Z"}}, True),
        (MICROS, at(0, 0, 1), {"range": {"to": "2026-01-31T00:00:00.000001Z"}}, True),
        (MICROS, at(0, 0, 2), {"range": {"to": "2026-01-31T00:00:00.000001Z"}}, False),
        (LOCAL, datetime(2026, 1, 31, 9), {"in": ["2026-01-31T09:00:00"]}, True),  # noqa: DTZ001
        (MONEY, Decimal("12.50"), {"in": ["12.5"]}, True),
        (MONEY, Decimal("-0.01"), {"range": {"from": "0"}}, False),
        (MONEY, Decimal("9"), {"range": {"from": "8.99", "to": "10"}}, True),
        ("double", 100.0, {"range": {"from": 100, "to": 100}}, True),
        ("double", 100.00000000000001, {"range": {"from": 100, "to": 100}}, False),
        ("double", -0.0, {"range": {"from": 0, "to": 0}}, True),
        ("double", -5e-324, {"range": {"from": 0}}, False),
        ("double", math.inf, {"range": {"from": 0}}, True),
        ("double", -math.inf, {"range": {"to": 0}}, True),
        ("double", math.nan, {"range": {"from": 0}}, False),
        ("double", math.nan, {"range": {"to": 0}}, False),
        ("float", 2.0**24 + 2, {"range": {"to": 2**24 + 1}}, False),
        ("float", 2.0**24, {"range": {"from": 2**24 + 1}}, False),
        ("float", 2.0**24, {"range": {"to": 2**24 + 1}}, True),
    ],
)  # fmt: skip
def test_a_row_is_in_when_its_value_is_as_the_filter_says(
    avro: Any, value: Any, condition: dict[str, Any], is_there: bool
) -> None:
    """Each type by its own order, ends included; null is out, whatever the filter."""
    row = {"item": "item", **condition}
    assert is_in(avro, value, row) is is_there
    assert is_in(["null", avro], value, row) is is_there
    assert not is_in(["null", avro], None, row)


@pytest.mark.parametrize(
    ("avro", "value", "path", "condition", "is_there"),
    [
        (PLACE, {"code": "4401", "level": 2}, "item.code", {"prefix": ["44"]}, True),
        (PLACE, {"code": None, "level": 2}, "item.code", {"prefix": ["44"]}, False),
        (["null", PLACE], None, "item.level", {"in": [2]}, False),
        (["null", PLACE], {"code": None, "level": 2}, "item.level", {"in": [2]}, True),
        ([PLACE, "string"], "4401", "item.code", {"prefix": ["44"]}, False),
        ([PLACE, "string"], {"code": "44", "level": 1}, "item.code", {"prefix": ["44"]}, True),
        ([PLACE, OWNER], ("Owner", {"code": "A"}), "item.code", {"in": ["A"]}, True),
        ([PLACE, OWNER], ("Place", {"code": "A", "level": 1}), "item.code", {"in": ["A"]}, True),
        ([PLACE, OWNER], ("Owner", {"code": "B"}), "item.code", {"in": ["A"]}, False),
        ([PLACE, OWNER], ("Owner", {"code": "A"}), "item.level", {"in": [1]}, False),
    ],
)
def test_a_path_goes_through_records_and_unions(
    avro: Any, value: Any, path: str, condition: dict[str, Any], is_there: bool
) -> None:
    """A branch that hasn't the item is out, and so is one where it is null."""
    assert is_in(avro, value, {"item": path, **condition}) is is_there


def test_all_conditions_must_hold() -> None:
    """On one item, or on several."""
    rows: list[dict[str, Any]] = [
        {"item": "item", "range": {"from": 3}},
        {"item": "key", "prefix": ["44"]},
    ]
    assert is_in("int", 3, *rows)
    assert not is_in("int", 2, *rows)
    assert not is_in("int", 3, *rows, {"item": "key", "in": ["1"]})
    assert not is_in("int", 5, *rows, {"item": "item", "range": {"to": 4}})


def test_the_key_alone_decides_where_all_conditions_are_on_it() -> None:
    """Then a delete, which has nothing else, goes where its key belongs."""
    record = read_record(schema_of("int"))
    by_key = {"item": "key", "prefix": ["44"]}
    assert conditions(
        policy_of(by_key, {"item": "key", "range": {"from": "4"}}), record, "key"
    ).by_key
    other = policy_of(by_key, {"item": "item", "in": [1]})
    assert not conditions(other, record, "key").by_key
    assert conditions(Policy.kept("a.b", ["key"]), record, "key").by_key


@pytest.mark.parametrize(
    ("avro", "path", "condition", "says"),
    [
        ("string", "other", {"in": ["x"]}, "is not there"),
        ("string", "item.name", {"in": ["x"]}, "is not there"),
        (PLACE, "item.name", {"in": ["x"]}, "is not there"),
        ("null", "item", {"in": ["x"]}, "is not there"),
        (["null"], "item", {"in": ["x"]}, "is not there"),
        (PLACE, "item", {"in": ["x"]}, "of a type that"),
        (["null", PLACE], "item", {"in": ["x"]}, "of a type that"),
        ({"type": "array", "items": "string"}, "item", {"in": ["x"]}, "array or a map"),
        ({"type": "map", "values": PLACE}, "item.code", {"in": ["x"]}, "array or a map"),
        (["null", {"type": "array", "items": PLACE}], "item.code", {"in": ["x"]}, "array or a map"),
        (NODE, "item.name", {"in": ["x"]}, "recursive"),
        (["null", NODE], "item.next.name", {"in": ["x"]}, "recursive"),
        ("bytes", "item", {"in": ["x"]}, "of a type that"),
        ("float", "item", {"in": [1]}, "can't be filtered by in"),
        ("double", "item", {"prefix": ["1"]}, "can't be filtered by prefix"),
        ("double", "item", {"range": {"from": "1"}}, "none of the item's type"),
        ("double", "item", {"range": {"from": 2, "to": 1}}, "ends before it begins"),
        (["float", "double"], "item", {"range": {"to": 1}}, "that compare differently"),
        ({"type": "fixed", "name": "F", "size": 2}, "item", {"in": ["x"]}, "of a type that"),
        ({**MONEY, "precision": 19}, "item", {"in": ["1"]}, "of a type that"),
        ({"type": "int", "logicalType": "time-millis"}, "item", {"in": [1]}, "of a type that"),
        (["string", "bytes"], "item", {"in": ["x"]}, "of a type that"),
        ("int", "item", {"prefix": ["1"]}, "can't be filtered by prefix"),
        (ENUM, "item", {"range": {"from": "A"}}, "can't be filtered by range"),
        (ENUM, "item", {"prefix": ["A"]}, "can't be filtered by prefix"),
        (DATE, "item", {"prefix": ["1950"]}, "can't be filtered by prefix"),
        ("string", "item", {"in": [1]}, "none of the item's type"),
        ("int", "item", {"in": ["1"]}, "none of the item's type"),
        ("int", "item", {"in": [2**31]}, "none of the item's type"),
        ("int", "item", {"range": {"to": 2**31}}, "none of the item's type"),
        ("int", "item", {"in": [True]}, "none of the item's type"),
        ("boolean", "item", {"in": [1]}, "none of the item's type"),
        (ENUM, "item", {"in": ["A", "D"]}, "none of the item's type"),
        (DATE, "item", {"in": [1]}, "none of the item's type"),
        (MONEY, "item", {"in": [1]}, "none of the item's type"),
        (MONEY, "item", {"in": ["10000000000000000"]}, "none of the item's type"),
        (["string", "int"], "item", {"in": ["x"]}, "none of the item's type"),
        ("int", "item", {"range": {"from": 2, "to": 1}}, "ends before it begins"),
        ("string", "item", {"range": {"from": "b", "to": "a"}}, "ends before it begins"),
        (MONEY, "item", {"range": {"from": "10", "to": "9"}}, "ends before it begins"),
        *((DATE, "item", {"in": [text]}, "is no date") for text in (
            "1950-1-1", "19500101", "1950-02-30", "0000-01-01", "1950-01-01 ", "1950-W01-1",
            "１９５０-01-01", "1950-01-01T00:00:00Z",
        )),
        *((MILLIS, "item", {"in": [text]}, "is no timestamp-millis") for text in (
            "2026-01-31", "2026-01-31T08:00:00", "2026-01-31T08:00Z", "2026-01-31 08:00:00Z",
            "2026-01-31T08:00:00.0001Z", "2026-01-31T24:00:00Z", "0001-01-01T00:00:00+08:00",
            "9999-12-31T23:59:59-01:00", "2026-01-31T08:00:00+0800",
        )),
        (MICROS, "item", {"in": ["2026-01-31T08:00:00.0000001Z"]}, "is no timestamp-micros"),
        ([PLACE, SORTED], "item.code", {"in": ["A"]}, "several types that compare differently"),
        (LOCAL, "item", {"in": ["2026-01-31T08:00:00Z"]}, "is no local-timestamp-micros"),
        *((MONEY, "item", {"in": [text]}, "is no decimal") for text in (
            "1.005", "+1", "1e3", ".5", "5.", "一", "0x1", "NaN", "1_000", " 1",
        )),
    ],
)  # fmt: skip
def test_a_filter_that_can_t_be_decided_is_refused(
    avro: Any, path: str, condition: dict[str, Any], says: str
) -> None:
    """With its place and a remedy, and without its values, which may be somebody's (R5.4)."""
    policy = policy_of({"item": path, **condition})
    with pytest.raises(InvalidPolicy) as caught:
        conditions(policy, read_record(schema_of(avro)), "key")
    assert says in caught.value.problem
    assert caught.value.where.startswith("rows.")
    assert caught.value.remedy
    for value in condition.get("in", []):
        assert str(value) not in caught.value.problem or len(str(value)) == 1
    assert caught.value.__cause__ is None


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.timedeltas(timedelta(-700_000), timedelta(2_900_000)).map(lambda past: EPOCH + past)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None, max_examples=200)
@given(TIMES, ZONES, ZONES)
def test_an_instant_has_one_form_in_whatever_zone_it_was_written(
    instant: datetime, one: timezone, other: timezone
) -> None:
    """So equal conditions have equal digests; settling twice changes nothing."""
    record = read_record(schema_of(MICROS))
    texts = [instant.astimezone(zone).isoformat(timespec="microseconds") for zone in (one, other)]
    written = [settled(policy_of({"item": "item", "in": [text]}), record) for text in texts]
    assert written[0] == written[1]
    assert settled(written[0], record) == written[0]
    [text] = written[0].rows[0].texts
    assert datetime.fromisoformat(text) == instant
    [made] = conditions(written[0], record, "key").each
    test: Any = made.then
    assert test.values == ((instant - EPOCH) // timedelta(microseconds=1),)


@settings(deadline=None, max_examples=200)
@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 3))
def test_a_decimal_has_one_form(digits: int, zeros: int) -> None:
    """12.50 and 12.5 are one number, and so are 0 and -0."""
    record = read_record(schema_of(MONEY))
    number = Decimal(digits).scaleb(-2)
    text = f"{number:f}" + "0" * zeros
    written = settled(policy_of({"item": "item", "in": [text]}), record)
    [settled_text] = written.rows[0].texts
    assert Decimal(settled_text) == number
    assert settled_text == settled_text.rstrip("0") or "." not in settled_text
    assert settled(policy_of({"item": "item", "in": [settled_text]}), record) == written
    zero = settled(policy_of({"item": "item", "in": ["-0", "0.00", "0"]}), record)
    assert zero.rows[0].values == ("0",)


def test_settling_leaves_what_has_one_form_already() -> None:
    """Texts, whole numbers, symbols, dates: there is one way to write them."""
    for avro, values in (
        ("string", ("x",)), ("int", (1,)), (ENUM, ("A",)), (DATE, ("1950-01-01",)), (UUID, ("5",)),
    ):  # fmt: skip
        policy = Policy.kept("a.b", ["key"], RowFilter("item", Match.IN, values))
        assert settled(policy, read_record(schema_of(avro))) == policy


def test_values_that_mean_the_same_are_compared_once() -> None:
    """Two ways to write one value, before they are settled."""
    record: Record = read_record(schema_of(["null", MONEY]))
    [made] = conditions(policy_of({"item": "item", "in": ["1.50", "1.5", "2"]}), record, "key").each
    test: Any = made.then
    assert test.branches[1].values == (150, 200)
