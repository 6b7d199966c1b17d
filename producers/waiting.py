"""Waits for what others do, as long as they get on with it, and tells a person how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""How long nothing may move; a process that was killed works again in some seconds."""
_FIRST_TOLD_S: Final = 2.0
_TOLD_EVERY_S: Final = 10.0
_TICK_S: Final = 0.2


def wait_while_moving(
    ask: Callable[[], T],
    is_done: Callable[[T], bool],
    tell: Callable[[T], None],
    patience_s: float,
) -> T:
    """Return the first answer that is done, or the one that stayed the same for too long.

    Args:
        ask: looks; answers that differ mean that something moved.
        is_done: tells whether an answer is the last one.
        tell: is told of an answer that is not, after two seconds and then every ten.
        patience_s: for how long an answer may stay the same.
    """
    answer, moved = ask(), time.monotonic()
    tell_at = moved + _FIRST_TOLD_S
    while not is_done(answer):
        now = time.monotonic()
        if now - moved > patience_s:
            break
        if now > tell_at:
            tell(answer)
            tell_at = now + _TOLD_EVERY_S
        time.sleep(_TICK_S)
        found = ask()
        if found != answer:
            answer, moved = found, time.monotonic()
    return answer
