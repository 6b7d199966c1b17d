"""The bus in the background: `up` starts a supervisor that outlives the command, `down` ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from infra.bus import prepare_bus
from infra.home import Home, read_json
from infra.processes.catalogue import Process, run_until_stopped
from infra.processes.last_words import LastWords, last_words
from infra.processes.locks import lock_holder
from infra.processes.supervisor import ProcessSpec, supervise
from schemas.errors import AlreadyRunning, Unavailable

SUPERVISOR: Final = "supervisor"
START_TIMEOUT_S: Final = 240.0
STOP_TIMEOUT_S: Final = 90.0
_TICK_S: Final = 0.1
_FAILURES_SHOWN: Final = 3

Tell = Callable[[str], None]


def start(home: Home, processes: Sequence[Process], tell: Tell) -> None:
    """Start the bus and return when every process is up.

    Raises:
        AlreadyRunning: a bus runs under this home.
        Unavailable: a process did not come up; its log is named. What did come up is stopped.
    """
    from infra.kafka.broker import new_cluster_id

    holder = lock_holder(_lock(home, SUPERVISOR))
    if holder is not None:
        raise AlreadyRunning(
            f"the bus is running already, supervisor {holder}",
            where=str(home.path),
            remedy="Look at: sharebus status. Stop it with: sharebus down",
        )
    _await_no_leftovers(home, processes)
    prepare_bus(home, new_cluster_id())
    status_file(home).unlink(missing_ok=True)
    with home.log_file(SUPERVISOR).open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "sharebus", "run", SUPERVISOR],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "SHAREBUS_HOME": str(home.path)},
            start_new_session=True,
        )
    try:
        _await_up(home, supervisor, tell)
    except BaseException:
        supervisor.terminate()
        supervisor.wait(STOP_TIMEOUT_S)
        raise


def stop(home: Home, tell: Tell) -> bool:
    """Stop the bus; return whether there was one.

    Raises:
        Unavailable: it did not end in time.
    """
    lock = _lock(home, SUPERVISOR)
    holder = lock_holder(lock)
    if holder is None:
        return False
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    told: set[str] = set()
    while lock_holder(lock) == holder:
        if time.monotonic() > deadline:
            raise Unavailable(
                "the bus did not stop in time",
                where=f"supervisor {holder}",
                remedy=f"See {home.log_file(SUPERVISOR)}",
            )
        stopped = {name for name, row in _phases(home).items() if row["phase"] == "stopped"}
        for name in sorted(stopped - told):
            tell(f"stopped {name}")
        told |= stopped
        time.sleep(_TICK_S)
    return True


def phases(home: Home) -> dict[str, dict[str, Any]]:
    """Return phase, pid, restarts and since of every process; nothing when no bus runs here."""
    return _phases(home) if lock_holder(_lock(home, SUPERVISOR)) is not None else {}


def supervise_home(home: Home, processes: Sequence[Process]) -> None:
    """Be the supervisor of a home's processes until SIGTERM."""
    from infra.observability.recorder import serve_metrics

    specs = [
        ProcessSpec(
            name=process.name,
            argv=[sys.executable, "-m", "sharebus", "run", process.name],
            log=home.log_file(process.name),
            oneshot=process.oneshot,
            notifies=process.notifies,
            environment={"SHAREBUS_HOME": str(home.path)},
        )
        for process in processes
    ]
    metrics = serve_metrics(home, SUPERVISOR)
    run_until_stopped(
        lambda stopped: supervise(
            specs,
            status_file(home),
            stopped,
            lambda name: metrics.count("sharebus_restarts", child=name),
        ),
        within_s=None,
    )


def status_file(home: Home) -> Path:
    """The file in which the supervisor says how its processes are."""
    return home.folder("run") / "status.json"


def _lock(home: Home, name: str) -> Path:
    return home.folder("run") / f"{name}.lock"


def _phases(home: Home) -> dict[str, dict[str, Any]]:
    try:
        phases: dict[str, dict[str, Any]] = read_json(status_file(home))["processes"]
    except FileNotFoundError:
        return {}
    return phases


def _await_up(home: Home, supervisor: subprocess.Popen[bytes], tell: Tell) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    seen: set[str] = set()
    while True:
        phases = _phases(home)
        for name, row in phases.items():
            if row["phase"] in ("ready", "done") and name not in seen:
                seen.add(name)
                tell(f"{name} is {row['phase']}")
            if row["restarts"] >= _FAILURES_SHOWN and name not in seen:
                # What it waits for may be the cause: the broker counts as ready once it runs.
                first = next(each for each, row in phases.items() if row["restarts"])
                raise _did_not_start(home, first)
        if phases and len(seen) == len(phases):
            return
        if supervisor.poll() is not None:
            raise _did_not_start(home, SUPERVISOR)
        if time.monotonic() > deadline:
            waiting = next((name for name in phases if name not in seen), SUPERVISOR)
            raise _did_not_start(home, waiting)
        time.sleep(_TICK_S)


def _did_not_start(home: Home, name: str) -> Unavailable:
    log = home.log_file(name)
    told = last_words(log) or LastWords("its log is empty")
    return Unavailable(
        f"{name} did not start: {told.problem}",
        where=", ".join(filter(None, (told.where, str(log)))),
        remedy=told.remedy or "Check with: sharebus doctor",
    )


def _await_no_leftovers(home: Home, processes: Sequence[Process]) -> None:
    """After the supervisor was killed its children end by themselves; wait for that."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while holders := [p.name for p in processes if lock_holder(_lock(home, p.name))]:
        if time.monotonic() > deadline:
            raise AlreadyRunning(
                f"{', '.join(holders)} of an earlier bus did not end",
                where=str(home.path),
                remedy="End the processes that hold run/*.lock",
            )
        time.sleep(_TICK_S)
