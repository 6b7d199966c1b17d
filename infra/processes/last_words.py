"""Why a process ended, from the end of its log: what `up` and `status` tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TAIL_BYTES: Final = 65_536
_LINES: Final = 20
_ERRORS: Final = frozenset({"error", "critical"})


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a log says last: the problem, where, and what to do; the latter two may be empty."""

    problem: str
    where: str = ""
    remedy: str = ""


def last_words(log: Path) -> LastWords | None:
    """Return the last error in a log's last 20 lines, or else its last line; None if it is empty.

    The broker's lines, and those of a process that crashed, are no JSON and are taken as they are.
    """
    lines = list(_last_lines(log))
    for line in reversed(lines):
        entry = _entry(line)
        if entry.get("level") in _ERRORS:
            return LastWords(
                str(entry.get("event", "")),
                str(entry.get("where", "")),
                str(entry.get("remedy", "")),
            )
    if not lines:
        return None
    # A process that could not even begin ends as a command does: a line each, for people.
    told = {word: rest for word, _, rest in (line.partition(": ") for line in lines[-3:]) if rest}
    if "error" in told:
        return LastWords(told["error"], told.get("where", ""), told.get("to do", ""))
    return LastWords(str(_entry(lines[-1]).get("event", lines[-1])))


def _last_lines(log: Path) -> Iterator[str]:
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return
    lines = [line.strip() for line in text.splitlines()]
    yield from [line for line in lines if line][-_LINES:]


def _entry(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
