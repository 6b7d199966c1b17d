"""The strict reference, case by case: what it refuses and why, and what it keeps as it was."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidPolicy, InvalidRecord
from schemas.policy import (
    Action,
    Audience,
    Keep,
    Limits,
    Match,
    Policy,
    Pseudonym,
    Reason,
    RowFilter,
    Shown,
    parse_policy,
    view_schema,
)
from schemas.policy.decoding import decode, varint
from schemas.policy.reference import encode, frame, plain, project, strict_decode, view_key
from schemas.policy.schema_reading import read_schema

DIVISION = json.loads(Path("schemas/resources/geography.division/v1.avsc").read_text())
NULLABLE = ["null", "string"]
ARRAY = {"type": "array", "items": "string"}
NULLS = {"type": "array", "items": "null"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 4}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
DATE = {"type": "int", "logicalType": "date"}
TIME = {"type": "int", "logicalType": "time-millis"}
LIMITS = Limits(max_items=10)


@pytest.mark.parametrize(
    ("schema", "payload", "reason"),
    [
        ("int", "", Reason.TRUNCATED),
        ("int", "80", Reason.TRUNCATED),
        ("string", "0461", Reason.TRUNCATED),
        ("string", "feffffffffffffffff01", Reason.TRUNCATED),
        ("double", "00" * 7, Reason.TRUNCATED),
        (FIXED, "00" * 3, Reason.TRUNCATED),
        (ARRAY, "020261", Reason.TRUNCATED),
        (ARRAY, "011461" + "00", Reason.TRUNCATED),
        ("null", "00", Reason.TRAILING_BYTES),
        ("int", "0000", Reason.TRAILING_BYTES),
        ("int", "8000", Reason.VARINT_OVERLONG),
        ("long", "80808080808080808002", Reason.VARINT_OVERLONG),
        ("long", "8080808080808080808001", Reason.VARINT_OVERLONG),
        ("string", "8000", Reason.VARINT_OVERLONG),
        ("int", "8080808010", Reason.INT_RANGE),
        (DATE, "8080808010", Reason.INT_RANGE),
        ("boolean", "02", Reason.BOOLEAN_VALUE),
        (NULLABLE, "04", Reason.UNION_INDEX),
        (NULLABLE, "01", Reason.UNION_INDEX),
        (ENUM, "04", Reason.ENUM_INDEX),
        (ENUM, "01", Reason.ENUM_INDEX),
        ("string", "02ff", Reason.UTF8),
        ("string", "06eda080", Reason.UTF8),
        ("string", "04c080", Reason.UTF8),
        ("string", "08f4908080", Reason.UTF8),
        ("string", "01", Reason.NEGATIVE_LENGTH),
        ("bytes", "01", Reason.NEGATIVE_LENGTH),
        (ARRAY, "0101" + "0061" + "00", Reason.NEGATIVE_LENGTH),
        (NULLS, "1600", Reason.ITEM_LIMIT),
        (NULLS, "1402" + "00", Reason.ITEM_LIMIT),
        (NULLS, "ffffffffffffffffff01" + "00", Reason.ITEM_LIMIT),
        (ARRAY, "16" + "00" * 12, Reason.ITEM_LIMIT),
        (ARRAY, "0106" + "0261" + "00", Reason.BLOCK_SIZE),
        (ARRAY, "0102" + "0261" + "00", Reason.BLOCK_SIZE),
        (NULLS, "0102" + "0000", Reason.BLOCK_SIZE),
        (MICROS, varint(-62_135_596_800_000_001).hex(), Reason.TIMESTAMP_RANGE),
        (MICROS, varint(253_402_300_800_000_000).hex(), Reason.TIMESTAMP_RANGE),
        (MILLIS, varint(253_402_300_800_000).hex(), Reason.TIMESTAMP_RANGE),
        (DATE, varint(-719_163).hex(), Reason.TIMESTAMP_RANGE),
        (DATE, varint(2_932_897).hex(), Reason.TIMESTAMP_RANGE),
        (TIME, varint(86_400_000).hex(), Reason.TIMESTAMP_RANGE),
        (TIME, varint(-1).hex(), Reason.TIMESTAMP_RANGE),
    ],
)
def test_each_wrong_way_to_write_a_value_is_refused_for_its_reason(
    schema: Any, payload: str, reason: Reason
) -> None:
    """What libraries let pass, or crash on, is refused, and the reason says why."""
    with pytest.raises(InvalidRecord) as caught:
        strict_decode(schema, bytes.fromhex(payload), LIMITS)
    assert caught.value.reason == reason.text


@pytest.mark.parametrize(
    ("schema", "least", "most"),
    [
        (MICROS, -62_135_596_800_000_000, 253_402_300_799_999_999),
        (MILLIS, -62_135_596_800_000, 253_402_300_799_999),
        (DATE, -719_162, 2_932_896),
        (TIME, 0, 86_399_999),
        ("int", -(2**31), 2**31 - 1),
        ("long", -(2**63), 2**63 - 1),
    ],
)
def test_every_number_within_its_bounds_is_one_that_stock_decoders_take(
    schema: Any, least: int, most: int
) -> None:
    """The first and the last number are accepted here, and by a library that makes dates."""
    for number in (least, most):
        payload = varint(number)
        assert strict_decode(schema, payload, LIMITS) == number
        fastavro.schemaless_reader(io.BytesIO(payload), schema, None)


def test_blocks_keep_their_splits_and_lose_their_sizes() -> None:
    """Two blocks stay two; a size is taken out: it would tell the length of what is gone."""
    sized = bytes.fromhex("02" + "0261" + "0304" + "0000" + "00")
    value = strict_decode(ARRAY, sized, LIMITS)
    assert plain(value) == ["a", "", ""]
    assert encode(ARRAY, value) == bytes.fromhex("02" + "0261" + "04" + "0000" + "00")


def test_elements_without_bytes_are_counted() -> None:
    """Nulls and empty records take no bytes, so only the item limit bounds them."""
    assert plain(strict_decode(NULLS, bytes.fromhex("1400"), LIMITS)) == [None] * 10
    empty = {"type": "array", "items": {"type": "record", "name": "R", "fields": []}}
    payload = varint(10) + varint(0)
    assert encode(empty, strict_decode(empty, payload, LIMITS)) == payload


def test_the_item_limit_is_for_the_whole_record() -> None:
    """Arrays inside arrays and side by side share one limit."""
    nested = {"type": "array", "items": NULLS}
    with pytest.raises(InvalidRecord, match="item-limit"):
        strict_decode(nested, bytes.fromhex("04" + "0800" + "0a00" + "00"), LIMITS)


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=4, max_size=4), st.binary(min_size=8, max_size=8))
def test_floats_keep_their_bits(single: bytes, double: bytes) -> None:
    """Every NaN comes out as the one that went in, signalling ones too."""
    for schema, raw in (("float", single), ("double", double)):
        assert encode(schema, strict_decode(schema, raw)) == raw
    number = plain(strict_decode("double", double))
    (expected,) = struct.unpack("<d", double)
    assert number == expected or (number != number and expected != expected)


def test_a_refusal_carries_no_part_of_the_record() -> None:
    """Neither the error nor what it was raised from holds the record's bytes (R5.4)."""
    with pytest.raises(InvalidRecord) as caught:
        strict_decode("string", b"\x10secret\xff\xff")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def division(**changes: Any) -> bytes:
    envelope = {
        "event_id": bytes(16),
        "sequence": 1,
        "source": "civil-affairs",
        "resource": "geography.division",
        "occurred_at": 0,
    }
    record = {
        "envelope": envelope | changes.pop("envelope", {}),
        "code": "440103",
        "name": "荔湾区",
        "level": "county",
        "parent": "4401",
        "path": ["广东省", "广州市", "荔湾区"],
        "area": 59.1,
        "population": 1,
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, DIVISION, record | changes)
    return frame(7) + out.getvalue()


BEIJING = RowFilter("code", Match.PREFIX, ("11",))


def projected(policy: Policy | None = None, **changes: Any) -> bytes | None:
    record: dict[str, Any] = {"key": b"440103", "message": division()} | changes
    return project(
        policy or Policy.kept("geography.division", ("code", "name")),
        DIVISION,
        schema_id=7,
        key_item="code",
        resource="geography.division",
        sources=["civil-affairs"],
        view_schema_id=9,
        **{"limits": Limits(max_record_bytes=200)} | record,
    )


def test_a_view_holds_what_is_kept_and_a_stock_decoder_reads_it() -> None:
    """The message has the view's schema id, and decodes to the kept items."""
    message = projected()
    assert message is not None
    assert message[:5] == b"\x00\x00\x00\x00\x09"
    schema = view_schema(
        Policy.kept("geography.division", ("code", "name")), DIVISION, key_item="code"
    )
    read: Any = fastavro.schemaless_reader(io.BytesIO(message[5:]), schema, None)
    assert {name: read[name] for name in ("code", "name")} == {"code": "440103", "name": "荔湾区"}
    assert set(read) == {"envelope", "code", "name"}


@pytest.mark.parametrize(
    ("rows", "let_through"),
    [
        (RowFilter("code", Match.PREFIX, ("44", "31")), True),
        (RowFilter("code", Match.PREFIX, ("45", "4401030")), False),
        (RowFilter("code", Match.IN, ("440103",)), True),
        (RowFilter("code", Match.IN, ("4401", "440104")), False),
    ],
)
def test_rows_outside_the_filter_are_not_let_through(rows: RowFilter, let_through: bool) -> None:
    """A filter on the key item decides whether there is a message at all."""
    policy = Policy.kept("geography.division", ("code",), rows)
    assert (projected(policy) is not None) is let_through


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": None, "message": b""}, Reason.MISSING_KEY),
        ({"key": b"", "message": b""}, Reason.MISSING_KEY),
        ({"message": bytes(201)}, Reason.OUTPUT_LIMIT),
        ({"message": b""}, Reason.BAD_FRAME),
        ({"message": bytes(4)}, Reason.BAD_FRAME),
        ({"message": b"\x01" + division()[1:]}, Reason.BAD_FRAME),
        ({"message": frame(8)}, Reason.UNKNOWN_SCHEMA),
        ({"message": frame(7)}, Reason.TRUNCATED),
        ({"message": division() + b"\x00", "key": b"x"}, Reason.TRAILING_BYTES),
        (
            {"message": division(envelope={"resource": "a.b", "source": "x"}), "key": b"x"},
            Reason.WRONG_RESOURCE,
        ),
        ({"message": division(envelope={"source": "x"}), "key": b"\xff"}, Reason.UNKNOWN_SOURCE),
        ({"key": b"\xff"}, Reason.KEY_UTF8),
        ({"key": b"4401030", "scope": BEIJING}, Reason.KEY_MISMATCH),
        ({"scope": BEIJING}, Reason.FOREIGN_ROW),
    ],
)
def test_of_several_reasons_the_first_in_the_stated_order_is_given(
    changes: dict[str, Any], reason: Reason
) -> None:
    """The order of the checks is part of the law, because the kernel must agree on reasons too."""
    with pytest.raises(InvalidRecord) as caught:
        projected(**changes)
    assert caught.value.reason == reason.text


def test_a_record_is_judged_whatever_its_row() -> None:
    """A bad record is refused also where the filter would have left it out."""
    policy = Policy.kept("geography.division", ("code",), RowFilter("code", Match.IN, ("1",)))
    with pytest.raises(InvalidRecord):
        projected(policy, message=division() + b"\x00")


def test_a_policy_of_another_resource_is_refused() -> None:
    """A policy is never applied to a resource that it doesn't name."""
    with pytest.raises(InvalidPolicy):
        projected(Policy.kept("geography.place", ("code",)))


def test_every_reason_has_its_own_text_and_number() -> None:
    """Quarantine carries texts, the kernel numbers; each leads back to its reason."""
    assert all(Reason.from_text(reason.text) is reason for reason in Reason)
    assert all(Reason(int(reason)) is reason and reason.meaning for reason in Reason)
    assert Reason.TRAILING_BYTES.text == "trailing-bytes"


UUID = {"type": "string", "logicalType": "uuid"}
BIG = {"type": "bytes", "logicalType": "decimal", "precision": 19}
SHORT = {"type": "bytes", "logicalType": "decimal", "precision": 2}
FIXED_DECIMAL = {
    "type": "fixed", "name": "D", "size": 2, "logicalType": "decimal", "precision": 4,
}  # fmt: skip
LIST = {"type": "record", "name": "List", "fields": [
    {"name": "name", "type": "string"}, {"name": "next", "type": ["null", "List"]},
]}  # fmt: skip
TREE = {"type": "record", "name": "Tree", "fields": [
    {"name": "of", "type": {"type": "array", "items": "Tree"}},
]}  # fmt: skip


def nested(depth: int) -> bytes:
    """Write so many records of a list inside each other."""
    return b"\x02a\x02" * (depth - 1) + b"\x02a\x00"


@pytest.mark.parametrize(
    ("written", "is_fine"),
    [
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("550E8400-E29B-41D4-A716-44665544000F", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("", False),
        ("550e8400e29b41d4a716446655440000", False),
        ("{550e8400-e29b-41d4-a716-446655440000}", False),
        ("550e8400-e29b-41d4-a716-44665544000", False),
        ("550e8400-e29b-41d4-a716-4466554400000", False),
        ("550e8400-e29b-41d4-a716-44665544000g", False),
        ("550e8400-e29b41d4--a716-446655440000", False),
        ("550e8400-e29b-41d4-a716-44665544000\n", False),
        ("\uff15\uff15\uff10e8400-e29b-41d4-a716-446655440000", False),
    ],
)
def test_a_uuid_is_what_stock_decoders_take(written: str, is_fine: bool) -> None:
    """Hex digits with dashes at their four places; fastavro and Java crash on others."""
    payload = varint(len(written.encode())) + written.encode()
    if is_fine:
        assert strict_decode(UUID, payload) == written
        fastavro.schemaless_reader(io.BytesIO(payload), UUID, None)
        return
    with pytest.raises(InvalidRecord) as caught:
        strict_decode(UUID, payload)
    assert caught.value.reason == "uuid-format"


@pytest.mark.parametrize(
    ("schema", "payload", "is_fine"),
    [
        (BIG, varint(8) + (10**18).to_bytes(8, "big"), True),
        (BIG, varint(9) + (10**19 - 1).to_bytes(9, "big"), True),
        (BIG, varint(9) + (1 - 10**19).to_bytes(9, "big", signed=True), True),
        (BIG, varint(9) + (10**19).to_bytes(9, "big"), False),
        (BIG, varint(9) + (-(10**19)).to_bytes(9, "big", signed=True), False),
        (BIG, varint(10) + bytes(10), False),
        (BIG, varint(0), False),
        (SHORT, varint(8) + bytes(7) + b"\x63", True),
        (SHORT, varint(9) + bytes(9), False),
        (FIXED_DECIMAL, (9999).to_bytes(2, "big"), True),
        (FIXED_DECIMAL, (-9999).to_bytes(2, "big", signed=True), True),
        (FIXED_DECIMAL, (10_000).to_bytes(2, "big"), False),
        (FIXED_DECIMAL, (-10_000).to_bytes(2, "big", signed=True), False),
    ],
)
def test_a_decimal_has_no_more_digits_than_its_precision(
    schema: Any, payload: bytes, is_fine: bool
) -> None:
    """Of any length, in bytes and in a fixed type."""
    if is_fine:
        assert encode(schema, strict_decode(schema, payload)) == payload
        number = fastavro.schemaless_reader(io.BytesIO(payload), schema, None)
        assert len(number.as_tuple().digits) <= schema["precision"]  # type: ignore[union-attr]
        return
    with pytest.raises(InvalidRecord) as caught:
        strict_decode(schema, payload)
    assert caught.value.reason == "decimal-range"


@pytest.mark.parametrize(
    "schema",
    [
        {**BIG, "precision": 1001},
        {**BIG, "precision": 0},
        {**BIG, "scale": 20},
        {**FIXED_DECIMAL, "precision": 5},
        {**FIXED_DECIMAL, "size": 0},
    ],
)
def test_a_decimal_that_nobody_could_hold_is_no_schema(schema: Any) -> None:
    """Nor one whose fixed type is too small for its digits."""
    with pytest.raises(InvalidPolicy):
        strict_decode(schema, b"")


def test_records_of_a_recursive_type_lie_so_deep_and_no_deeper() -> None:
    """64, or what the limits say; the record is refused when one more is entered."""
    value = strict_decode(LIST, nested(64))
    assert encode(LIST, value) == nested(64)
    deep: Any = plain(value)
    for _ in range(63):
        deep = deep["next"]
    assert deep == {"name": "a", "next": None}
    for payload in (nested(65), nested(65)[:194], b"\x02" * 100_000, nested(50_000)):
        with pytest.raises(InvalidRecord) as caught:
            strict_decode(LIST, payload)
        assert caught.value.reason in ("depth-limit", "truncated")
    with pytest.raises(InvalidRecord, match="depth-limit"):
        strict_decode(LIST, nested(65)[: 3 * 64])
    with pytest.raises(InvalidRecord, match="truncated"):
        strict_decode(LIST, nested(64)[: 3 * 63])
    assert strict_decode(LIST, nested(2), Limits(max_depth=2))
    with pytest.raises(InvalidRecord, match="depth-limit"):
        strict_decode(LIST, nested(3), Limits(max_depth=2))


def test_depth_is_counted_inside_and_not_beside_each_other() -> None:
    """A thousand leaves are as deep as one."""
    leaves = varint(1000) + b"\0" * 1000 + b"\0"
    assert encode(TREE, strict_decode(TREE, leaves)) == leaves
    chain = b"\x02" * 63 + b"\0" * 64
    assert strict_decode(TREE, chain)
    with pytest.raises(InvalidRecord, match="depth-limit"):
        strict_decode(TREE, b"\x02" + chain + b"\0")


def test_types_between_recursive_records_do_not_exhaust_the_stack() -> None:
    """64 records, each as deep as a schema may be, are read, written and told."""
    inner: Any = "Deep"
    for _ in range(28):
        inner = {"type": "array", "items": inner}
    schema = {"type": "record", "name": "Deep", "fields": [{"name": "of", "type": inner}]}
    payload = (b"\x02" * 28) * 63 + b"\0" + b"\0" * (28 * 63)
    value = strict_decode(schema, payload)
    assert encode(schema, value) == payload
    told: Any = plain(value)
    for _ in range(28):
        told = told["of"][0] if isinstance(told, dict) else told[0]
    assert "of" in told


def test_what_masks_could_add_is_bounded_whatever_the_policy() -> None:
    """33 bytes a string and 9 a number, an enum or a decimal; so a record is accepted or not."""
    numbers = {"type": "array", "items": "int"}
    several = {"type": "record", "name": "S", "fields": [
        {"name": "texts", "type": {"type": "map", "values": UUID}},
        {"name": "numbers", "type": numbers},
        {"name": "long", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "enum", "type": ENUM},
        {"name": "price", "type": BIG},
        {"name": "rest", "type": {"type": "record", "name": "Rest", "fields": [
            {"name": "a", "type": "double"}, {"name": "b", "type": "boolean"},
            {"name": "c", "type": "bytes"}, {"name": "d", "type": FIXED},
        ]}},
    ]}  # fmt: skip
    uuid = "48550e8400-e29b-41d4-a716-446655440000"
    payload = (
        varint(1) + b"\x02k" + b"\x48" + uuid[2:].encode() + b"\0"
        + varint(3) + b"\0\0\0" + b"\0"
        + b"\0" + b"\0" + b"\x02\x07" + bytes(9) + b"\x02x" + bytes(4)
    )  # fmt: skip
    value, growth = decode(read_schema(several), payload, Limits())
    assert encode(several, value) == payload
    assert growth == 2 * 33 + 3 * 9 + 9 + 9 + 9


def test_a_record_that_masks_could_make_too_long_is_refused_by_every_view() -> None:
    """After its bytes were checked, and before its claims."""
    message = division()
    # Strings: source, resource, code, name, parent, three of the path; numbers: sequence,
    # occurred_at, level, population.
    grown = len(b"440103") + len(message) + 8 * 33 + 4 * 9
    assert projected(limits=Limits(max_output_bytes=grown))
    other = division(envelope={"resource": "geography.divisiom"})
    cases: list[dict[str, Any]] = [{}, {"message": other}]
    for changes in cases:
        with pytest.raises(InvalidRecord, match="output-growth"):
            projected(limits=Limits(max_output_bytes=grown - 1), **changes)
    with pytest.raises(InvalidRecord, match="trailing-bytes"):
        projected(limits=Limits(max_output_bytes=1), message=message + b"\0")
    with pytest.raises(InvalidRecord, match="output-limit"):
        projected(limits=Limits(max_output_bytes=1, max_record_bytes=1))


def test_keys_of_views() -> None:
    """The raw key where it is kept; elsewhere its pseudonym, the same text as the item's own."""
    audience = Audience("health")
    keep, secret = (("code", it) for it in (Keep(), Pseudonym()))
    name = ("name", Keep())
    cases: list[tuple[tuple[tuple[str, Action], ...], bool]] = [
        ((keep,), True),
        ((secret,), False),
        ((name,), False),
        ((("code", Shown(1, 1)),), False),
    ]
    key = bytes(range(32))
    expected = hashlib.blake2b(b"440103", digest_size=16, key=key).hexdigest()
    for actions, is_plain in cases:
        policy = Policy("geography.division", actions, (), None if is_plain else audience)
        made = view_key(policy, "code", b"440103", key)
        assert made == (b"440103" if is_plain else expected.encode())
    policy = Policy("geography.division", (secret,), (), audience)
    message = projected(policy, pseudonym_key=key)
    assert message is not None
    assert message.endswith(b"\x40" + expected.encode())
    with pytest.raises(InvalidPolicy, match="key"):
        projected(policy)


def test_a_view_of_masks_by_hand() -> None:
    """Each byte of it: frame, envelope, and what the masks made of the items."""
    policy = parse_policy(
        {
            "resource": "geography.division",
            "items": {
                "code": "keep",
                "name": {"mask": {"first": 1}},
                "level": {"mask": {"constant": "county"}},
                "parent": {"mask": {"digits": 2}},
                "path": {"mask": {"constant": "某"}},
                "population": {"mask": {"band": 1000}},
            },
            "rows": [
                {"item": "level", "in": ["county"]},
                {"item": "parent", "prefix": ["44"]},
                {"item": "population", "range": {"from": 1, "to": 12_345}},
            ],
        }
    )
    message = projected(policy, message=division(population=12_345))
    assert message is not None
    levels = next(it["type"] for it in DIVISION["fields"] if it["name"] == "level")["symbols"]
    items = (
        b"\x0c440103" + varint(len("荔**".encode())) + "荔**".encode()
        + varint(levels.index("county")) + b"\x0444"
        + varint(3) + 3 * (b"\x06" + "某".encode()) + b"\0" + b"\x02" + varint(12_000)
    )  # fmt: skip
    assert message.endswith(items)
    assert message[5 : -len(items)] == division()[5 : len(message) - len(items)]
    for changes in ({"level": "province"}, {"parent": "45"}, {"population": None}):
        assert projected(policy, message=division(**({"population": 1} | changes))) is None
