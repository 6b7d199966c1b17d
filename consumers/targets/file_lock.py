"""One process writes files of a copy at a time: a lock that the kernel ends with its holder."""

from __future__ import annotations

from pathlib import Path

from infra.processes.locks import hold_lock


def lock_target(target: Path, file: Path) -> int:
    """Take the lock for as long as the descriptor that is returned is open, also after `kill -9`.

    The file stays afterwards: who removed it could not know whether another process waits at it.

    Args:
        target: file or folder, for the error.
        file: of the lock.

    Raises:
        AlreadyRunning: another process writes the target; the error names its pid.
        Unavailable: the lock can't be written.
    """
    return hold_lock(
        file,
        f"a copy into {target}",
        remedy="Let that one end (its pid stands above), or name another target: one process at a "
        "time writes a target",
    )
