"""Values of persons are found in whatever spelling, and nothing else is taken for one."""

from __future__ import annotations

import json
from datetime import date
from urllib.parse import quote

import pytest
from leaks import Leak, Values

BORN = date(1990, 3, 7)
PERSON = {
    "citizen_number": "110101199003070003",
    "name": "金华",
    "sex": "unspecified",
    "ethnicity": "01",
    "birth_date": BORN,
    "registered_division": "110101",
    "registered_address": {"division": "110101001", "detail": "𠮷祥路1号"},
    "household_number": "110101000007",
    "phone": None,
}


def found(text: str | bytes, before: str = "") -> list[Leak]:
    values = Values()
    values.add(PERSON)
    values.leave_out(before.encode())
    return values.search("here", text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "x110101199003070003",
        "9110101199003070003 in a longer number",
        "谢谢金华。",
        json.dumps("金华"),
        json.dumps({"detail": "𠮷祥路1号"}),
        repr("金华".encode()),
        f"GET /{quote('金华')}",
        "born=1990-03-07T00:00",
        "19900307",
        repr(BORN),
        "110101001",
        "[110101000007]",
        b"\0\x0c110101000007\2",
    ],
)
def test_a_value_is_found(text: str | bytes) -> None:
    assert len(found(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "金",
        "prefix 110101 of sex unspecified",
        "at 1796019900307123",  # a clock that has the birthday inside
        "1990030",
        "11010100000",
        r"\u91d1",
    ],
)
def test_what_is_nobody_s_is_not(text: str) -> None:
    assert found(text) == []


def test_what_stood_there_before_is_nobody_s() -> None:
    """Each line of a log has its day, whoever was born on it; other spellings are looked for."""
    assert found("1990-03-07 金华", json.dumps("金华 on 1990-03-07")) == []
    assert len(found("1990-03-07 19900307", "1990-03-07 1990-03-07")) == 1


def test_a_leak_says_where_and_not_what() -> None:
    assert found("谢谢金华。") == [Leak("here", 6)]
    assert "金华" not in repr(found("金华"))
