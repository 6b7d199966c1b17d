"""Processes of the measurement: started, watched, ended in order; and waiting with a limit."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

TICK_S, LIMIT_S = 0.02, 300.0
T = TypeVar("T")


class Ended(RuntimeError):
    """A process ended by itself; what it said last."""


class Running:
    """A process of the measurement, and where it writes what it has to say."""

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self.name = log.stem
        self._log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(argv, stdout=stream, stderr=stream)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def check(self) -> None:
        """Raise Ended if it runs no more."""
        if self._process.poll() is not None:
            last = self._log.read_text("utf-8", "replace").strip().splitlines()[-15:]
            raise Ended(
                f"{self.name} ended with {self._process.returncode}:\n  " + "\n  ".join(last)
            )

    def cpu_s(self) -> float:
        """Return the CPU seconds that it has used, all its threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self) -> None:
        """Wait until it ends by itself; raises Ended unless with success."""
        if self._process.wait(LIMIT_S):
            self.check()

    def end(self) -> None:
        """Send SIGTERM and wait; after a minute, SIGKILL."""
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(argv: Sequence[str], log: Path) -> Iterator[Running]:
    """Run a process, and end it."""
    process = Running(argv, log)
    try:
        yield process
    finally:
        process.end()


@contextmanager
def all_running(several: Sequence[tuple[Sequence[str], Path]]) -> Iterator[list[Running]]:
    """Run several processes, and end them."""
    with ExitStack() as held:
        yield [held.enter_context(running(*each)) for each in several]


def wait_for(ask: Callable[[], T | None], what: str, watched: Sequence[Running] = ()) -> T:
    """Ask until the answer is truthy, and return it.

    Raises:
        TimeoutError: it never was.
        Ended: one of the processes that it depends on ended.
    """
    deadline = time.monotonic() + LIMIT_S
    while not (answer := ask()):
        for process in watched:
            process.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {LIMIT_S:.0f} s in vain for {what}")
        time.sleep(TICK_S)
    return answer
