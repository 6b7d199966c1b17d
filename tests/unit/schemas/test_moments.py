"""Moments are read with their zone; a term's last day is a whole one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.errors import InvalidInput
from schemas.moments import read_moment, read_until


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2027-12-31", datetime(2027, 12, 31, 16, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, 16, tzinfo=UTC)),
        ("2027-12-31T08:00:00+08:00", datetime(2027, 12, 31, tzinfo=UTC)),
        ("2027-12-31T00:00:00Z", datetime(2027, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_term_ends_behind_its_last_day_or_at_a_time(text: str, at: datetime) -> None:
    """A day is one of China's legal time."""
    assert read_until(text) == at


@pytest.mark.parametrize(
    "text", ["", "soon", "2027-02-29", "2027-12-31T08:00:00", "9999-12-31", "31.12.2027"]
)
def test_what_is_no_end_is_told(text: str) -> None:
    """With what could be written instead."""
    with pytest.raises(InvalidInput) as caught:
        read_until(text)
    assert caught.value.remedy


def test_a_time_has_its_zone() -> None:
    """Nobody guesses where somebody's clock hangs."""
    with pytest.raises(InvalidInput, match="time zone"):
        read_moment("2026-11-01T00:00:00")
