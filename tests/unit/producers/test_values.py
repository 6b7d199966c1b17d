"""Texts of files as values of a schema's types: exact, or refused by item and reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from producers.sources.values import Converters, read_object
from schemas.errors import InvalidRecord

ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [
        {"name": "division", "type": "string"},
        {"name": "since", "type": ["null", {"type": "int", "logicalType": "date"}]},
    ],
}
TYPES: dict[str, Any] = {
    "day": {"type": "int", "logicalType": "date"},
    "at": {"type": "long", "logicalType": "timestamp-millis"},
    "money": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
    "count": ["null", "long"],
    "size": "double",
    "yes": "boolean",
    "digest": {"type": "fixed", "name": "Digest", "size": 2},
    "words": {"type": "array", "items": "string"},
    "numbers": {"type": "array", "items": "int"},
    "home": ["null", ADDRESS],
    "work": "Address",
    "text": ["null", "string"],
}
SCHEMA = {
    "type": "record",
    "name": "Thing",
    "namespace": "tests",
    "fields": [{"name": name, "type": avro} for name, avro in TYPES.items()],
}
CELLS = Converters(SCHEMA, from_text=True).by_item
TYPED = Converters(SCHEMA, from_text=False).by_item
HOME = {"division": "440103", "since": date(2020, 2, 29)}


@pytest.mark.parametrize(
    ("item", "text", "value"),
    [
        ("day", "2024-02-29", date(2024, 2, 29)),
        ("day", "20240229", date(2024, 2, 29)),
        ("at", "2024-02-29T08:00:00.125Z", datetime(2024, 2, 29, 8, 0, 0, 125000, UTC)),
        (
            "at",
            "2024-02-29 08:00+08:00",
            datetime(2024, 2, 29, 8, tzinfo=timezone(timedelta(hours=8))),
        ),
        ("money", "12345.10", Decimal("12345.10")),
        ("count", "-7", -7),
        ("count", "", None),
        ("size", "1e3", 1000.0),
        ("yes", "true", True),
        ("digest", "0aFF", b"\x0a\xff"),
        ("words", "广东省/广州市", ["广东省", "广州市"]),
        ("words", '["a/b", "c"]', ["a/b", "c"]),
        ("words", "", []),
        ("numbers", "1/2", [1, 2]),
        ("home", '{"division": "440103", "since": "2020-02-29"}', HOME),
        ("work", '{"division": "440103", "since": "20200229"}', HOME),
        ("home", "", None),
        ("text", "", None),
    ],
)
def test_a_cell_becomes_a_value(item: str, text: str, value: Any) -> None:
    found = CELLS[item](text)
    assert (found, type(found)) == (value, type(value))


def test_a_record_may_hold_itself() -> None:
    """Its values are read as deep as they go, from a cell and from JSON."""
    node = {"type": "record", "name": "Node", "fields": [
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "next", "type": ["null", "Node"]},
    ]}  # fmt: skip
    schema = {
        **SCHEMA,
        "fields": [{"name": "first", "type": node}, {"name": "list", "type": "Node"}],
    }
    text = '{"day": "2024-02-29", "next": {"day": "20240301", "next": null}}'
    later = {"day": date(2024, 3, 1), "next": None}
    for item in ("first", "list"):
        read = Converters(schema, from_text=True).by_item[item](text)
        assert read == {"day": date(2024, 2, 29), "next": later}
        typed = Converters(schema, from_text=False).by_item[item]
        assert typed({"day": "2024-03-01", "next": None}) == later


@pytest.mark.parametrize(
    ("item", "text", "reason"),
    [
        ("day", "2023-02-29", "not-a-date"),
        ("day", "2024-0229", "not-a-date"),
        ("day", "29.02.2024", "not-a-date"),
        ("day", "２０２４0229", "not-a-date"),
        ("at", "2024-02-29T08:00:00", "not-a-time-with-zone"),
        ("at", "2024-02-30T08:00:00Z", "not-a-time-with-zone"),
        ("at", "2024-02-29T08:00:00.1234Z", "finer-than-3-digits"),
        ("money", "1e3", "not-a-decimal"),
        ("money", "NaN", "not-a-decimal"),
        ("count", "1_000", "not-an-integer"),
        ("count", "1.0", "not-an-integer"),
        ("count", " 1", "not-an-integer"),
        ("count", "９", "not-an-integer"),
        ("count", "9" * 5000, "out-of-range"),
        ("size", "nan", "not-a-number"),
        ("size", "", "not-a-number"),
        ("yes", "True", "not-a-boolean"),
        ("digest", "0a f", "not-hex"),
        ("digest", "abc", "not-hex"),
        ("words", '["a"', "no-json"),
        ("numbers", "1/x", "not-an-integer"),
        ("home", "somewhere", "no-json"),
        ("home", '{"division": "1", "division": "2", "since": null}', "no-json"),
    ],
)
def test_what_is_no_value_is_refused_by_item_and_reason(item: str, text: str, reason: str) -> None:
    """R5.4: what stood there is in no part of the error."""
    with pytest.raises(InvalidRecord) as caught:
        CELLS[item](text)
    assert (caught.value.reason, caught.value.where) == (reason, item)
    assert not text.strip() or text not in str(caught.value)


def test_a_bad_part_of_a_record_is_named_with_its_path() -> None:
    with pytest.raises(InvalidRecord) as caught:
        TYPED["home"]({"division": "440103", "since": "tomorrow"})
    assert (caught.value.reason, caught.value.where) == ("not-a-date", "home.since")


def test_a_decimal_of_json_is_never_a_float() -> None:
    """0.1 + 0.2 is 0.3 for money."""
    read = read_object('{"money": 90071992547409.93, "size": 0.5}')
    assert TYPED["money"](read["money"]) == Decimal("90071992547409.93")
    assert TYPED["size"](read["size"]) == 0.5
    assert type(TYPED["size"](read["size"])) is float


def test_values_that_are_typed_already_pass_untouched() -> None:
    """Whether they fit is the encoder's question."""
    for item, value in (("day", 3), ("yes", "x"), ("digest", b"1"), ("words", {"a": 1})):
        assert TYPED[item](value) == value


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "NaN", '{"a": 1e999999999999999999}'])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    if text.startswith('{"a"'):
        assert not isinstance(read_object(text)["a"], float)
        return
    with pytest.raises(InvalidRecord, match="no-json"):
        read_object(text)
