"""Checks that contracts declare: each holds for what it should, and names no value."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from schemas.catalogue.checks import item_check, length_check, pattern_check, range_check, row_check
from schemas.catalogue.code_lists import code_lists
from schemas.catalogue.identifiers import citizen_check_character

PERSON = "44010319900101000" + citizen_check_character("44010319900101000")
RING = [[113.0, 23.0], [113.1, 23.0], [113.1, 23.1], [113.0, 23.0]]


@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        ("code-list gb-t-3304", "01", "57"),
        ("code-list gb-t-4761", "02", "98"),
        ("not-blank", "名", " \u3000"),
        ("division-code", "440103", "990103"),
        ("polygon", {"coordinates": [RING]}, {"coordinates": [RING[:3]]}),
        ("polygon", {"coordinates": [RING]}, {"coordinates": [[*RING[:3], [113.0, 24.0]]]}),
        ("polygon", {"coordinates": [RING]}, {"coordinates": []}),
        ("polygon", {"coordinates": [RING]}, {"coordinates": [[[1.0]] * 4]}),
    ],
)
def test_an_item_s_check_tells_good_from_bad(declaration: str, good: Any, bad: Any) -> None:
    """R13: what the contract declares is what values are held to."""
    check = item_check(declaration)
    assert check.holds(good)
    assert not check.holds(bad)


@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        (
            "in-order a b",
            (date(2020, 1, 1), date(2020, 1, 1)),
            (date(2020, 1, 2), date(2020, 1, 1)),
        ),
        ("begun-with a b", ("11", "11A"), ("11", "12A")),
        ("born-on a b", (PERSON, date(1990, 1, 1)), ("11", date(1990, 1, 1))),
        ("identified-as a b", ("person", PERSON), ("organisation", "x")),
    ],
)
def test_a_row_s_check_tells_good_from_bad(
    declaration: str, good: tuple[Any, Any], bad: tuple[Any, Any]
) -> None:
    """R13: items of one row agree with each other."""
    check = row_check(declaration)
    assert check.check(dict(zip("ab", good, strict=True)))
    assert not check.check(dict(zip("ab", bad, strict=True)))


def test_a_row_s_check_passes_where_an_item_is_null() -> None:
    """A licence without an end has no order to keep."""
    assert row_check("in-order a b").check({"a": date(2020, 1, 1), "b": None})


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (length_check(1, 2), "ab", "abc"),
        (length_check(1, 2), "a", ""),
        (pattern_check("[0-9]{2}"), "12", "123"),
        (range_check(0, None), 0, -1),
        (range_check(None, 5), 5, 5.1),
    ],
)
def test_options_become_checks(check: Any, good: Any, bad: Any) -> None:
    """ODCS's own options are checks like the others."""
    assert check.holds(good)
    assert not check.holds(bad)


def test_every_code_list_has_its_source() -> None:
    """A list is somebody's: its standard, its title, and a title for each code."""
    assert set(code_lists()) >= {"gb-t-3304", "gb-t-4761", "gb-t-4754", "gb-t-21010"}
    for each in code_lists().values():
        assert each.standard
        assert all(isinstance(code, str) and title for code, title in each.titles.items())
