"""Kafka's jars: one flat directory, held to `jars.lock`, and never used unchecked.

Running the jars is left to `java` and `broker`.

    python -m infra.kafka.jars [DIRECTORY]              fetch what is missing or wrong
    python -m infra.kafka.jars [DIRECTORY] --write-lock first resolve again and rewrite the lock
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.kafka import maven
from infra.kafka.jars_lock import LOCK_FILE, LockedJar, read_lock, write_lock
from schemas.errors import DownloadFailed, SharebusError

Progress = Callable[[int, int, str], None]
"""Called with (jars in place, jars in the lock, name of the last one), from one thread."""

_INTERRUPTED = 130


def default_directory() -> Path:
    """Where this installation keeps its jars: `SHAREBUS_JARS`, or inside the virtualenv."""
    named = os.environ.get("SHAREBUS_JARS")
    return Path(named).absolute() if named else Path(sys.prefix) / "share" / "sharebus" / "jars"


def verify(directory: Path, lock: Path = LOCK_FILE) -> list[Path]:
    """Give the class path, once every jar in it has been hashed and is the locked one.

    Surplus files in the directory are left alone and are not on the class path.

    Args:
        directory: holds the jars, flat.
        lock: names what must be there.

    Raises:
        DownloadFailed: a jar is missing or has other bytes; nothing was changed.
    """
    locked = read_lock(lock)
    wrong = [jar.file_name for jar in locked if not jar.is_in(directory)]
    if wrong:
        raise DownloadFailed(
            f"{len(wrong)} of Kafka's {len(locked)} jars are missing or are not the locked ones: "
            + ", ".join(wrong[:3])
            + (", …" if len(wrong) > 3 else ""),
            where=str(directory),
            remedy="Run `make setup`, or start the bus: both fetch them again",
        )
    return _class_path(directory, locked)


def fetch(directory: Path, progress: Progress | None = None, lock: Path = LOCK_FILE) -> list[Path]:
    """Make the directory hold every locked jar, and give the class path.

    A right jar is kept, so that a complete directory makes no network call and needs no right to
    write, and an interrupted fetch goes on where it stopped. Nothing is written outside the
    directory. A second process waits for the first.

    Args:
        directory: made when it isn't there; holds the jars, flat.
        progress: told about each jar that is in place.
        lock: names what must be there.

    Raises:
        DownloadFailed: a jar could not be fetched, or twice had bytes that the lock refuses; what
            was fetched until then is kept.
    """
    locked = read_lock(lock)
    if not all(jar.is_in(directory) for jar in locked):
        with _alone_in(directory) as scratch:
            wanted = [jar for jar in locked if not jar.is_in(directory)]
            for jar in wanted:
                (directory / jar.file_name).unlink(missing_ok=True)
            fetched = maven.download(wanted, directory, scratch)
            for done, jar in enumerate(fetched, len(locked) - len(wanted) + 1):
                if progress:
                    progress(done, len(locked), jar.file_name)
    return _class_path(directory, locked)


def _class_path(directory: Path, locked: Sequence[LockedJar]) -> list[Path]:
    return [directory / jar.file_name for jar in locked]


@contextmanager
def _alone_in(directory: Path) -> Iterator[Path]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / ".lock").open("w")
    except OSError as error:
        raise DownloadFailed(
            f"the directory for Kafka's jars can't be written: {error.strerror}",
            where=str(directory),
            remedy="Make it writable, or set SHAREBUS_JARS to a directory that is",
        ) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        # Left by a fetch that was killed; with the lock held, nobody is using them.
        for stale in directory.glob(".fetch-*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as scratch:
            yield Path(scratch)


def _show(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r\033[KKafka's jars: {done} of {total} {name}{end}")
    elif done % 20 == 0 or done == total:
        sys.stderr.write(f"Kafka's jars: {done} of {total}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the jars, with progress on standard error, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.kafka.jars")
    parser.add_argument("directory", type=Path, nargs="?", default=default_directory())
    parser.add_argument("--write-lock", action="store_true", help="resolve and rewrite the lock")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.write_lock:
            write_lock(maven.resolve())
        fetch(chosen.directory, _show)
    except SharebusError as error:
        sys.stderr.write(f"\n{error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; run it again and it goes on where it stopped\n")
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
