"""One process a name: an advisory lock on `run/NAME.lock` that ends with its holder, however.

The kernel keeps the lock (`flock`), and the holder signs the file with its pid and with when it
started. A signature counts only while that very process lives: between a lock's being taken and its
being signed the file still has the signature of an earlier holder, which is dead, and whose pid
may be a stranger's by now.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from schemas.errors import AlreadyRunning, Unavailable

_TICK_S = 0.01
_SIGNED_WITHIN_S = 10.0
_STARTED = 19  # in /proc/PID/stat, counted from behind the program's name


def hold_lock(file: Path, what: str, *, remedy: str = "Look at: sharebus status") -> int:
    """Take the lock for the rest of this process's life, `exec` included; return its descriptor.

    Args:
        file: of the lock; it is made, and stays when the lock ends.
        what: is running already where somebody else holds it.
        remedy: what to do then.

    Raises:
        AlreadyRunning: another process holds it; the error names its pid.
        Unavailable: a process holds it that doesn't say which it is, or the file can't be written.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Unavailable(
            f"can't write {file}: {error.strerror}", remedy="Look at free space and permissions"
        ) from error
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            holder = lock_holder(file)
            if holder is None:
                # Nobody holds it: `lock_holder` was just looking, here or in another process.
                time.sleep(_TICK_S)
                continue
            os.close(descriptor)
            raise AlreadyRunning(
                f"{what} is running already, process {holder}",
                where=str(file),
                remedy=remedy,
            ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()} {_started(os.getpid())}".encode())
    os.set_inheritable(descriptor, True)
    return descriptor


def lock_holder(file: Path) -> int | None:
    """Return the pid of the process that holds the lock; None when nobody does.

    Raises:
        Unavailable: a process holds it that doesn't say which it is.
    """
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return None
    deadline = time.monotonic() + _SIGNED_WITHIN_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if pid := _signer(os.pread(descriptor, 64, 0)):
                    return pid
                if time.monotonic() > deadline:
                    raise Unavailable(
                        "a process holds the lock and doesn't say which it is",
                        where=str(file),
                        remedy=f"Find it with: fuser {file}",
                    ) from error
                time.sleep(_TICK_S)
            else:
                return None
    finally:
        os.close(descriptor)


class Alive:
    """Tell whether a process that was just started lives: it is let begin before it counts as dead.

    Args:
        holds: whether it holds its lock.
        begins_within_s: how long it may take to get there, in seconds.
    """

    def __init__(self, holds: Callable[[], bool], begins_within_s: float) -> None:
        self._holds = holds
        self._begins_by = time.monotonic() + begins_within_s

    def __call__(self) -> bool:
        """Answer; once it was seen alive, it is dead as soon as it holds its lock no longer."""
        if self._holds():
            self._begins_by = 0.0
            return True
        return time.monotonic() < self._begins_by


def _signer(signature: bytes) -> int | None:
    pid, _, started = signature.decode("ascii", "replace").partition(" ")
    if not pid.isdecimal() or not started or _started(int(pid)) != started:
        return None
    return int(pid)


def _started(pid: int) -> str | None:
    """Return when a process started, in the kernel's ticks since it booted; None if it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return status.rpartition(") ")[2].split()[_STARTED]
