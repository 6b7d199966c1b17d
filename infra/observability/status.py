"""One screen: every process, how it is, how far behind, and what is wrong in words."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from infra.bus import open_bus
from infra.home import Home
from infra.observability.flows import Flow
from infra.observability.lag import measure
from infra.processes.background import phases
from infra.processes.catalogue import Process
from infra.processes.last_words import last_words
from schemas.clock import EPOCH, Clock
from schemas.errors import SharebusError

DISK_FULL: Final = 0.95
STILL_S: Final = 10
"""Whoever has work and has committed nothing for so many seconds is in trouble."""
STARTING_S: Final = 30
UP: Final = ("ready", "done")
_ONE: Final = {"records": "record", "commands": "command", "entries": "entry"}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """What `sharebus status` shows; `is_up` when every process is, and the broker answers."""

    rows: list[Row]
    is_up: bool


def look(home: Home, processes: Sequence[Process], clock: Clock) -> Status:
    """Look at a bus: a row a process.

    A row has process, phase, pid, restarts, behind, last_commit, problem and purpose. What concerns
    the whole bus, or a worker that isn't one of these, is told as the problem of its first process.
    """
    known, now = phases(home), clock()
    flows: dict[str, Flow] = {}
    whole = [_disk(home)] if known else []
    answers = True
    if known:
        try:
            flows = measure(open_bus(home))
        except SharebusError as error:
            answers = False
            whole.append(f"{error.problem} ({error.where})" if error.where else error.problem)
    elsewhere = flows.keys() - {process.name for process in processes}
    whole += [_of_flow(name, flows[name], now) for name in sorted(elsewhere)]
    rows = [_row(home, p, known.get(p.name, {}), flows.get(p.name), now) for p in processes]
    if rows:
        rows[0]["problem"] = "; ".join(filter(None, [*whole, rows[0]["problem"]]))
    return Status(rows, answers and all(row["phase"] in UP for row in rows))


def for_people(rows: Sequence[Row], now: datetime) -> list[Row]:
    """Return the rows as a table shows them: times as ages."""
    return [row | {"last_commit": age(now, row["last_commit"])} for row in rows]


def age(now: datetime, moment: str | None) -> str:
    """Return how long ago a moment was, in words; nothing where there is none."""
    if moment is None:
        return ""
    return f"{span(max(0.0, (now - datetime.fromisoformat(moment)).total_seconds()))} ago"


def span(seconds: float) -> str:
    """Return a time in its largest unit that is not zero."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _row(
    home: Home, process: Process, state: Mapping[str, Any], flow: Flow | None, now: datetime
) -> Row:
    row = {
        "process": process.name,
        "phase": state.get("phase", "stopped"),
        "pid": state.get("pid") or "",
        "restarts": state.get("restarts", 0),
        "behind": flow.behind if flow else None,
        "last_commit": flow.last_commit.isoformat() if flow and flow.last_commit else None,
    }
    problems = [_of_process(home, process.name, state, now), _of_flow(process.name, flow, now)]
    return row | {"problem": "; ".join(filter(None, problems)), "purpose": process.summary}


def _of_process(home: Home, name: str, state: Mapping[str, Any], now: datetime) -> str:
    if state.get("phase", "stopped") in (*UP, "stopped", "waiting"):
        return ""
    words = last_words(home.log_file(name))
    said = f": {words.problem}" if words else ""
    if state["restarts"]:
        return f"restarting for the {_ordinal(state['restarts'])} time{said}"
    lasted = (now - EPOCH).total_seconds() - state["since"]
    return f"starting for {span(lasted)}{said}" if lasted > STARTING_S else ""


def _of_flow(name: str, flow: Flow | None, now: datetime) -> str:
    if flow is None:
        return ""
    if flow.trouble or not flow.behind:
        return flow.trouble
    still = (now - flow.last_commit).total_seconds() if flow.last_commit else None
    behind = (
        f"{name} is {flow.behind:,} {_ONE[flow.unit] if flow.behind == 1 else flow.unit} behind"
    )
    if flow.unit == "entries":
        return behind
    if still is None or still > STILL_S:
        since = (
            "has committed nothing yet" if still is None else f"not committing for {span(still)}"
        )
        return f"{behind} and {since}"
    return ""


def _disk(home: Home) -> str:
    usage = shutil.disk_usage(home.path)
    full = usage.used / (usage.used + usage.free)
    return f"disk {full:.0%} full ({home.path})" if full >= DISK_FULL else ""


def _ordinal(number: int) -> str:
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
