"""Parameters as literals: exactly the value, or a refusal."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clickhouse.binding import bind, literal
from infra.clickhouse.port import Value
from schemas.errors import InvalidInput

MOMENT = datetime(2026, 11, 23, 8, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=8)))
LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("it's", "String", r"'it\'s'"),
        (2**64 - 1, "UInt64", "toUInt64(18446744073709551615)"),
        (-(2**63), "Int64", "toInt64(-9223372036854775808)"),
        (1.5, "Float64", "toFloat64(1.5)"),
        (True, "Bool", "1"),
        (MOMENT, "DateTime", "toDateTime(1795393815, 'UTC')"),
        (date(2026, 11, 23), "Date", "toDate('2026-11-23')"),
        (None, "Nullable(String)", "CAST(NULL AS Nullable(String))"),
        ([], "Array(String)", "CAST([] AS Array(String))"),
        ([[1], []], "Array(Array(UInt8))", "CAST([CAST([toUInt8(1)] AS Array(UInt8)), CAST([] AS"
         " Array(UInt8))] AS Array(Array(UInt8)))"),
    ],
)  # fmt: skip
def test_a_literal_is_made_by_its_type(value: Value, kind: str, text: str) -> None:
    assert literal(value, kind) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", "UInt64"),
        (256, "UInt8"),
        (-1, "UInt64"),
        (128, "Int8"),
        (1.0, "Int8"),
        (None, "String"),
        (5, "String"),
        ("\ud800", "String"),
        (float("nan"), "Float64"),
        (float("inf"), "Float64"),
        ("2026-01-01", "Date"),
        (MOMENT, "Date"),
        (date(2026, 1, 1), "DateTime"),
        (datetime(2026, 1, 1), "DateTime"),  # noqa: DTZ001
        (1, "Bool"),
        ("ab", "Array(String)"),
        (["a", None], "Array(String)"),
        ("a", "Identifier"),
        ("a", "Array"),
        ("a", "Nullable()"),
    ],
)
def test_what_is_not_of_the_type_is_refused(value: Value, kind: str) -> None:
    with pytest.raises(InvalidInput):
        literal(value, kind)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_ends_its_literal(text: str) -> None:
    """The literal is one string token as ClickHouse's lexer sees it, first character to last."""
    assert LITERAL.fullmatch(literal(text, "String"))


def test_strings_names_and_comments_are_left_alone() -> None:
    text = "'{a:UInt8} it''s \\' {a:UInt8}' `{a:UInt8}` \"{a:UInt8}\" -- {a:UInt8}\n/* {a:UInt8} */"
    assert bind(f"SELECT {text} + {{a:UInt8}}", {"a": 1}) == f"SELECT {text} + toUInt8(1)"


def test_a_bound_value_is_not_bound_again() -> None:
    assert bind("{a:String}{b:String}", {"a": "{b:String}", "b": "x"}) == "'{b:String}''x'"


def test_an_error_names_the_parameter_and_not_its_value() -> None:
    with pytest.raises(InvalidInput, match="number") as refusal:
        bind("SELECT {number:UInt64}", {"number": "secret"})
    assert "secret" not in str(refusal.value)
    with pytest.raises(InvalidInput, match="other has no value"):
        bind("SELECT {other:UInt64}", {})


def test_moments_are_utc_whatever_their_zone() -> None:
    assert literal(MOMENT, "DateTime") == literal(MOMENT.astimezone(UTC), "DateTime")
