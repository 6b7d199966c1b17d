"""One process a name: an advisory lock on `run/NAME.lock` that ends with its holder, however."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from schemas.errors import AlreadyRunning

_TICK_S = 0.01


def hold_lock(file: Path, what: str) -> int:
    """Take the lock for the rest of this process's life, `exec` included; return its descriptor.

    Raises:
        AlreadyRunning: another process holds it; the error names its pid.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
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
                remedy="Look at: sharebus status",
            ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    os.set_inheritable(descriptor, True)
    return descriptor


def lock_holder(file: Path) -> int | None:
    """Return the pid of the process that holds the lock; None when nobody does."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                # Empty between its being taken and its being signed; 0 would be everybody's pid.
                if pid := os.pread(descriptor, 32, 0):
                    return int(pid)
                time.sleep(_TICK_S)
            else:
                return None
    finally:
        os.close(descriptor)
