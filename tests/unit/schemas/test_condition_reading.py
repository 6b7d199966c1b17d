"""Conditions through unions: what is decided on must compare alike in every branch."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter
from schemas.policy.avro_types import Record
from schemas.policy.condition_reading import conditions
from schemas.policy.schema_reading import read_record
from tests.unit.stream_apps.drawn_records import ENVELOPE

ENUM = {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}
DATE = {"type": "int", "logicalType": "date"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-millis"}
FINER = {"type": "long", "logicalType": "local-timestamp-micros"}
NOON = "1970-01-02T12:00:00"


def event(*types: Any) -> Record:
    """Give an event whose item `at` is a union of records with an `x` of each of the types."""
    holders = [
        {"type": "record", "name": f"Holder{i}", "fields": [{"name": "x", "type": avro}]}
        for i, avro in enumerate(types)
    ]
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "key", "type": "string"},
        {"name": "at", "type": ["null", *holders]},
        {"name": "number", "type": ["int", "long"]},
    ]
    return read_record({"type": "record", "name": "Thing", "fields": fields})


def check(record: Record, item: str, **condition: Any) -> None:
    rows = RowFilter(item, **condition)
    conditions(Policy.kept("test.resource", ["key"], rows), record, "key")


@pytest.mark.parametrize(
    ("types", "values"),
    [
        (["string", ENUM], ("A",)),
        ([LOCAL, FINER], (NOON,)),
    ],
)
def test_a_condition_that_branches_would_compare_differently_is_refused(
    types: list[Any], values: tuple[str, ...]
) -> None:
    """R12.4: a text is compared by its bytes and a symbol by its index, so one search can't do."""
    with pytest.raises(InvalidPolicy, match="compare differently"):
        check(event(*types), "at.x", match=Match.IN, values=values)


def test_a_condition_that_all_branches_compare_alike_is_taken() -> None:
    check(event("int", "long"), "at.x", match=Match.IN, values=(1, 5))
    check(event("null"), "number", match=Match.RANGE, low=3)
    check(event("string", "string"), "at.x", match=Match.PREFIX, values=("44",))
    check(event(DATE, DATE), "at.x", match=Match.RANGE, low="1950-01-01")
