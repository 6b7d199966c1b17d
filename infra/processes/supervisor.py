"""Keeps a list of processes alive: starts them in order, restarts with back-off, stops in reverse.

Knows argument lists and nothing of what they do. A service is ready when it says READY=1; a
oneshot is done when it exits with 0. If the supervisor itself is killed, the kernel sends its
children SIGTERM (PR_SET_PDEATHSIG), so that nothing is left behind.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from threading import Event

from infra.home import write_private
from infra.processes.notify import ReadySocket
from schemas.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.2, 10.0
HEALTHY_AFTER_S = 30.0
STOP_TIMEOUT_S = 20.0
_TICK_S = 0.05
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Phase(StrEnum):
    """Where a process stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    BACKING_OFF = "backing-off"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """An argument list to keep alive.

    Attributes:
        name: also its log's.
        argv: program and arguments; no shell.
        log: where its output goes, appended.
        oneshot: runs once, to exit status 0, before what follows is started.
        notifies: says READY=1; otherwise it counts as ready as soon as it runs.
        environment: added to the supervisor's.
    """

    name: str
    argv: Sequence[str]
    log: Path
    oneshot: bool = False
    notifies: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


class _Child:
    def __init__(self, spec: ProcessSpec, restarted: Callable[[str], None]) -> None:
        self.spec = spec
        self._restarted = restarted
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = ReadySocket()
        self.phase = Phase.WAITING
        self.restarts = 0
        self.backoff_s = FIRST_BACKOFF_S
        self.changed_at = time.time()
        self._due = self._started = 0.0

    def step(self) -> None:
        """Look once: start, note readiness, or back off after an end."""
        now = time.monotonic()
        # Read in every phase: a queue that nobody empties fills up.
        said_ready = self.ready.was_notified()
        if self.phase in (Phase.WAITING, Phase.BACKING_OFF):
            if now >= self._due:
                self._start(now)
        elif self.process is not None and self.process.poll() is not None:
            self._ended(self.process.returncode, now)
        elif self.phase is Phase.STARTING and (
            not (self.spec.notifies or self.spec.oneshot) or said_ready
        ):
            self._enter(Phase.READY)
        elif self.phase is Phase.READY and now - self._started > HEALTHY_AFTER_S:
            self.backoff_s = FIRST_BACKOFF_S

    def _start(self, now: float) -> None:
        self.ready.was_notified()  # what the process before said last is not this one's word
        with self.spec.log.open("ab") as out:
            self.process = subprocess.Popen(
                list(self.spec.argv),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    **self.spec.environment,
                    "NOTIFY_SOCKET": self.ready.address,
                },
                # Safe beside the thread that shows metrics: it takes no lock of another's.
                preexec_fn=partial(_die_with_parent, os.getpid()),
            )
        self._started = now
        self._enter(Phase.STARTING)

    def _ended(self, status: int, now: float) -> None:
        if self.spec.oneshot and status == 0:
            self._enter(Phase.DONE)
            self.process = None
            return
        told = {"child": self.spec.name, "status": status, "again_in_s": self.backoff_s}
        log.warning("%s ended with %d", self.spec.name, status, extra=told)
        self.process = None
        self.restarts += 1
        self._restarted(self.spec.name)
        self._due = now + self.backoff_s
        self.backoff_s = min(self.backoff_s * 2, LAST_BACKOFF_S)
        self._enter(Phase.BACKING_OFF)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self.changed_at = time.time()
        log.info("%s is %s", self.spec.name, phase, extra={"child": self.spec.name, "phase": phase})

    def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL to its own pid if it stays."""
        self.ready.close()
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                log.warning("%s did not end in time and is killed", self.spec.name)
                self.process.kill()
                self.process.wait()
        self.process = None
        self._enter(Phase.STOPPED)

    @property
    def is_up(self) -> bool:
        return self.phase in (Phase.READY, Phase.DONE)

    def report(self) -> dict[str, object]:
        return {
            "phase": self.phase,
            "pid": self.process.pid if self.process else None,
            "restarts": self.restarts,
            "since": self.changed_at,
        }


def supervise(
    specs: Sequence[ProcessSpec],
    status_file: Path,
    stop: Event,
    restarted: Callable[[str], None] = lambda _: None,
) -> None:
    """Keep the processes alive until `stop` is set; then stop them in reverse order.

    A oneshot waits until everything before it is up; everything behind it waits for the oneshot;
    between oneshots processes start side by side. `restarted` is called with the name of each that
    ended and is started again. `status_file` always says how they are:
    `{"supervisor": pid, "processes": {name: {"phase", "pid", "restarts", "since"}}}`.
    """
    children = [_Child(spec, restarted) for spec in specs]
    written: str | None = None
    try:
        while not stop.wait(_TICK_S):
            for index, child in enumerate(children):
                if child.phase is Phase.WAITING and not _may_start(child, children[:index]):
                    continue
                child.step()
            written = _write_status(children, status_file, written)
    finally:
        for child in reversed(children):
            child.stop()
            written = _write_status(children, status_file, written)


def _may_start(child: _Child, before: Sequence[_Child]) -> bool:
    return all(other.is_up for other in before if child.spec.oneshot or other.spec.oneshot)


def _write_status(children: Sequence[_Child], file: Path, written: str | None) -> str:
    document = {
        "supervisor": os.getpid(),
        "processes": {child.spec.name: child.report() for child in children},
    }
    text = json.dumps(document, indent=2) + "\n"
    if text != written:
        try:
            write_private(file, text)
        except Unavailable as error:
            # A full disk ends no process. Tried again at the next look, and told once.
            if written != "":
                log.warning("%s", error)
            return ""
    return text


def _die_with_parent(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)
