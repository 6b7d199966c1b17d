"""A record as one line of JSON: where it was read, what happened, and its items."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from consumers.jsonl import json_line
from consumers.records import Record

EVENT = uuid.UUID("01920000-0000-7000-8000-000000000000")
RECORD = Record(
    topic="view.geography.division.0123456789abcdef",
    partition=3,
    offset=17,
    key="440103",
    event_id=EVENT.bytes,
    sequence=1_767_225_600_000_000,
    source="civil-affairs",
    occurred_at=datetime(2026, 1, 1, 8, 0, 0, 1, UTC),
    items={"code": "440103", "name": "荔湾区", "path": ["广东省", "广州市"], "area": None},
)


def parsed(record: Record) -> dict[str, Any]:
    """Return what a program reads of the line."""
    line = json_line(record)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_an_upsert_says_where_it_was_and_what_it_holds() -> None:
    """Topic, partition and offset tell one delivery from another; items are as delivered."""
    assert parsed(RECORD) == {
        "topic": RECORD.topic,
        "partition": 3,
        "offset": 17,
        "key": "440103",
        "operation": "upsert",
        "envelope": {
            "event_id": str(EVENT),
            "sequence": 1_767_225_600_000_000,
            "source": "civil-affairs",
            "occurred_at": "2026-01-01T08:00:00.000001+00:00",
        },
        "items": RECORD.items,
    }


def test_a_delete_has_a_key_and_no_items() -> None:
    """Whoever keeps a copy deletes the key."""
    found = parsed(replace(RECORD, items=None))
    assert (found["operation"], found["key"], found["items"]) == ("delete", "440103", None)


def test_chinese_stays_readable() -> None:
    """A line is UTF-8, not escapes."""
    assert "荔湾区" in json_line(RECORD)


def test_line_breaks_inside_a_value_stay_inside_the_line() -> None:
    """One record, one line."""
    assert parsed(replace(RECORD, items={"name": "荔湾\r\n区"}))["items"]["name"] == "荔湾\r\n区"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (date(2026, 1, 1), "2026-01-01"),
        (b"\x00\xff", "AP8="),
        (EVENT, str(EVENT)),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_what_json_lacks_is_written_as_text(value: object, text: str) -> None:
    """Times in ISO 8601, bytes in base64."""
    assert parsed(replace(RECORD, items={"value": [value]}))["items"]["value"] == [text]
