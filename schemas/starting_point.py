"""Where reading begins: at the start, at the end, or at a time; as people write it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from schemas.errors import InvalidInput

START: Final = "start"
END: Final = "end"
Start: TypeAlias = datetime | str
"""An aware time, `START` or `END`."""


def read_start(text: str) -> Start:
    """Return what `start`, `end` or a time in ISO 8601 says.

    Raises:
        InvalidInput: it says nothing of the kind, or a time without its zone.
    """
    if text in (START, END):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!r} is no time", remedy="Give start, end, or 2026-11-01T00:00:00+08:00"
        ) from error
    if at.tzinfo is None:
        raise InvalidInput(
            f"{text!r} does not say in which time zone", remedy="Add it, such as +08:00"
        )
    return at
