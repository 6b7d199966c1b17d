"""Values on their way to and from ClickHouse's text forms."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from infra.clickhouse.encoding import parameter, rows_as_json, rows_from_json
from infra.clickhouse.port import Value
from schemas.errors import InvalidInput

MOMENT = datetime(2026, 11, 23, 8, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("it's\ta \\ line\n", "it's\\ta \\\\ line\\n"),
        (2**64 - 1, "18446744073709551615"),
        (True, "1"),
        (None, "\\N"),
        (MOMENT, "1795393815"),
        (date(2026, 11, 23), "2026-11-23"),
        (["it's", "a\\b", 3, None], "['it\\'s','a\\\\b',3,NULL]"),
        ([["a"], []], "[['a'],[]]"),
    ],
)
def test_a_parameter_has_the_escaped_form(value: Value, text: str) -> None:
    """Each kind of value is written as ClickHouse reads parameters."""
    assert parameter(value) == text


def test_rows_are_one_json_list_a_line() -> None:
    """Moments become seconds, rounded down; text keeps its characters."""
    rows = rows_as_json([("行", 1, MOMENT, ["a\nb"]), ("", 2, MOMENT, [])])
    assert [json.loads(line) for line in rows.splitlines()] == [
        ["行", 1, 1795393815, ["a\nb"]],
        ["", 2, 1795393815, []],
    ]


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), b"bytes", object()])  # noqa: DTZ001
def test_a_value_without_a_form_is_refused(value: Any) -> None:
    """A naive moment, bytes and unknown objects are not guessed at."""
    with pytest.raises(InvalidInput):
        rows_as_json([(value,)])


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("UInt64", "18446744073709551615", 2**64 - 1),
        ("Nullable(Int32)", None, None),
        ("LowCardinality(Nullable(String))", "a", "a"),
        ("Array(Nullable(UInt64))", ["1", None], [1, None]),
        ("DateTime", "2026-11-23 00:30:15", MOMENT.replace(microsecond=0)),
        ("DateTime('Asia/Shanghai')", "2026-11-23 08:30:15", MOMENT.replace(microsecond=0)),
        ("DateTime64(6, 'UTC')", "2026-11-23 00:30:15.999999", MOMENT),
        ("Date", "2026-11-23", date(2026, 11, 23)),
        ("Float64", 1.5, 1.5),
        ("String", "2026-11-23", "2026-11-23"),
    ],
)
def test_a_cell_is_read_by_its_column_s_type(kind: str, cell: Any, value: Any) -> None:
    """Sixty-four-bit numbers may come quoted, moments come in their column's zone."""
    answer = {"meta": [{"name": "a", "type": kind}], "data": [[cell]]}
    [row] = rows_from_json(json.dumps(answer).encode())
    assert row == {"a": value}
    if isinstance(row["a"], datetime):
        assert row["a"].tzinfo is UTC
