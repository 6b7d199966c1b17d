"""Waiting for what another process does: as long as it takes, within a generous limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
LIMIT_S = 30.0
_TICK_S = 0.01


def eventually(look: Callable[[], T], what: str) -> T:
    """Look until there is something true to see, and return it."""
    deadline = time.monotonic() + LIMIT_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {LIMIT_S:.0f} s in vain for {what}"
        time.sleep(_TICK_S)
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet doesn't."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
