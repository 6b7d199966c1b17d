"""Records flow from the providers' process; meanwhile enforcement is killed and a grant revoked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rich.console import Console

from infra.bus import Bus
from infra.home import read_json
from infra.processes.background import status_file
from infra.terminal import progress_bar
from schemas.errors import SharebusError

PERSONS, ORGANISATIONS, PARCELS, LICENCES = 130_000, 20_000, 40_000, 80_000
EVENTS = 330_000
KILL_AT, REVOKE_AT = 200_000, 270_000
PATIENCE_S = 120


def flow(
    bus: Bus,
    console: Console,
    title: Callable[[str], None],
    sharebus: Callable[..., None],
    to_revoke: str,
    has_read: Callable[[], bool],
) -> None:
    """Publish everything; meanwhile kill what the demo kills, and revoke one grant.

    Not before its subscriber has read something, for which enforcement has to be back.
    """
    title(f"{EVENTS:,} events; {KILL_AT:,} in, a kill -9; {REVOKE_AT:,} in, a revocation")
    providing = Path(__file__).with_name("providing.py")
    counts = map(str, (PERSONS, ORGANISATIONS, PARCELS, LICENCES))
    process = subprocess.Popen(
        [sys.executable, str(providing), *counts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    killed = revoked = told = False
    sent = 0
    with progress_bar() as bar:
        task = bar.add_task("  published", total=EVENTS, count="")
        for sent in _counts(process.stdout):
            total = max(EVENTS, sent + (0 if told else 1))
            bar.update(task, completed=sent, total=total, count=f"{sent:,} events")
            if sent >= KILL_AT and not killed:
                killed = True
                _kill(bus, console, sent)
            if sent >= REVOKE_AT and not revoked:
                revoked = True
                _wait(has_read)
                console.print(f"  after {sent:,} events:")
                reason = ("--reason", "事项已办结")
                sharebus("revoke", to_revoke, "--as", "public-security", *reason)
            if sent >= EVENTS and not told:
                told = True
                _tell(process.stdin)
    if process.wait(120) != 0 or not told:
        raise SharebusError("the providers failed; their errors stand above")
    console.print(f"  {sent:,} events were delivered")


def _wait(has_read: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not has_read() and time.monotonic() < deadline:
        threading.Event().wait(0.2)


def _counts(stream: IO[str]) -> map[int]:
    return map(int, stream)


def _tell(stream: IO[str]) -> None:
    stream.write("enough\n")
    stream.flush()


def _kill(bus: Bus, console: Console, sent: int) -> None:
    """Kill enforcement, and a broker too where there are three."""
    processes = read_json(status_file(bus.home))["processes"]
    for name in ("enforcement", "broker-2"):
        if name in processes:
            pid = processes[name]["pid"]
            console.print(f"  kill -9 {pid}  ({name}, after {sent:,} events)")
            os.kill(pid, signal.SIGKILL)
