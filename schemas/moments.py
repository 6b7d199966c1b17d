"""Moments as people write them: in ISO 8601 with their zone, or as a term's last day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from schemas.errors import InvalidInput

LEGAL_TIME: Final = timezone(timedelta(hours=8))
"""A day named without a time is one of China's legal time."""


def read_moment(text: str, *, else_: str = "") -> datetime:
    """Return the aware time that a text in ISO 8601 says.

    Args:
        text: such as 2026-11-01T00:00:00+08:00.
        else_: what else could have been written, for the remedy.

    Raises:
        InvalidInput: it says none, or one without its zone.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        given = f"{else_}, or " if else_ else ""
        raise InvalidInput(
            f"{text!r} is no time", remedy=f"Give {given}2026-11-01T00:00:00+08:00"
        ) from error
    if at.tzinfo is None:
        raise InvalidInput(
            f"{text!r} does not say in which time zone", remedy="Add it, such as +08:00"
        )
    return at


def read_until(text: str) -> datetime:
    """Return when a term ends: at a time, or with a last day 2027-12-31.

    Raises:
        InvalidInput: it is neither.
    """
    try:
        last = date.fromisoformat(text)
    except ValueError:
        return read_moment(text, else_="the last day, 2027-12-31")
    try:
        return datetime.combine(last + timedelta(days=1), time(), LEGAL_TIME)
    except OverflowError as error:
        raise InvalidInput(f"{text} is too late", remedy="Leave the term's end out") from error
