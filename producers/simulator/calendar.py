"""Days: years later, and a day between two others."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

YEAR: Final = 365.2425


def years_after(day: date, years: int) -> date:
    """Return the same day of another year; the 28th of February for a 29th that it lacks."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def age_on(born: date, day: date) -> int:
    """Return completed years of age."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def day_between(first: date, last: date, lot: int) -> date:
    """Return the day that a lot below 65,536 picks; the first where the last lies before it."""
    span = max(last.toordinal() - first.toordinal(), 0)
    return date.fromordinal(first.toordinal() + (lot * (span + 1) >> 16))


def midnight(day: date) -> datetime:
    """Return the beginning of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
