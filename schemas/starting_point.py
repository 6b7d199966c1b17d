"""Where reading begins: at the start, at the end, or at a time; as people write it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

from schemas.moments import read_moment

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
    return read_moment(text, else_="start, end")
