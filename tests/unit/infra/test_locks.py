"""One process a name, whatever becomes of it; the holders are real processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.processes import locks
from infra.processes.locks import Alive, hold_lock, lock_holder
from schemas.errors import AlreadyRunning, Unavailable
from tests.unit.eventually import eventually

HOLD = """
import sys
from pathlib import Path
from infra.processes.locks import hold_lock
print("trying", flush=True)
hold_lock(Path(sys.argv[1]), "it")
print("held", flush=True)
sys.stdin.read()
"""
ASK = """
import sys
from pathlib import Path
from infra.processes.locks import lock_holder
print(lock_holder(Path(sys.argv[1])))
"""
HOLD_AND_EXEC = """
import os, sys
from pathlib import Path
from infra.processes.locks import hold_lock
hold_lock(Path(sys.argv[1]), "it")
os.execv(sys.executable, [sys.executable, "-c",
    "import sys; print('another program', flush=True); sys.stdin.read()"])
"""


@contextmanager
def running(script: str, file: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a script that lives until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    """Asking makes no file."""
    assert lock_holder(tmp_path / "it.lock") is None
    assert not list(tmp_path.iterdir())


def test_a_second_holder_is_refused_and_told_the_first_one_s_pid(tmp_path: Path) -> None:
    """Two `up` on one home would fight for its data."""
    file = tmp_path / "it.lock"
    with running(HOLD, file) as process:
        assert [line(process), line(process)] == ["trying", "held"]
        assert lock_holder(file) == process.pid
        with pytest.raises(AlreadyRunning, match=f"process {process.pid}") as caught:
            hold_lock(file, "the broker")
        assert caught.value.where == str(file)


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """The lock ends with its process, also by `kill -9`; the next one gets it."""
    file = tmp_path / "it.lock"
    with running(HOLD, file) as process:
        assert [line(process), line(process)] == ["trying", "held"]
        process.kill()
        process.wait()
        assert lock_holder(file) is None
        os.close(hold_lock(file, "it"))


def test_a_lock_goes_over_to_the_program_that_a_process_becomes(tmp_path: Path) -> None:
    """The broker takes its lock and then becomes Java by `exec`."""
    file = tmp_path / "it.lock"
    with running(HOLD_AND_EXEC, file) as process:
        assert line(process) == "another program"
        assert lock_holder(file) == process.pid
        with pytest.raises(AlreadyRunning):
            hold_lock(file, "it")


def test_the_pid_of_an_earlier_holder_is_forgotten(tmp_path: Path) -> None:
    """A longer pid in the file leaves no digits behind."""
    file = tmp_path / "it.lock"
    file.write_text("999999999999")
    descriptor = hold_lock(file, "it")
    try:
        assert lock_holder(file) == os.getpid()
    finally:
        os.close(descriptor)
    assert lock_holder(file) is None


def test_asking_who_holds_a_lock_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    """`sharebus status` looks while a process starts; the process waits and gets its lock."""
    file = tmp_path / "it.lock"
    file.touch(mode=0o600)
    with file.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with running(HOLD, file) as process:
            assert line(process) == "trying"
            eventually(lambda: _opened(process.pid, file), "the process to open the lock")
            fcntl.flock(looking, fcntl.LOCK_UN)
            assert line(process) == "held"


def _opened(pid: int, file: Path) -> bool:
    links = Path(f"/proc/{pid}/fd").iterdir()
    return any(os.path.realpath(link) == str(file) for link in links)


def _reads(pid: int) -> int:
    """Return how often a process has read anything."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("syscr:")).split()[1])


@pytest.mark.parametrize("left", ["", "stranger", "dead"])
def test_a_holder_that_has_not_signed_yet_is_waited_for(tmp_path: Path, left: str) -> None:
    """What is in the file meanwhile is nobody's pid: `down` would signal a stranger, or all."""
    file = tmp_path / "it.lock"
    with running(HOLD, file) as earlier:
        assert [line(earlier), line(earlier)] == ["trying", "held"]
        signature = file.read_text()
    if left == "stranger":  # who has the pid by now, and started later
        signature = f"{os.getpid()} {signature.split()[1]}"
    file.write_text(signature if left else "")
    with file.open("r+b", buffering=0) as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        with running(ASK, file) as asking:
            eventually(lambda: _opened(asking.pid, file), "the question")
            before = _reads(asking.pid)
            eventually(lambda: _reads(asking.pid) > before + 10, "it to look again and again")
            assert asking.poll() is None
            os.close(hold_lock(tmp_path / "mine.lock", "it"))
            file.write_text((tmp_path / "mine.lock").read_text())
            assert line(asking) == str(os.getpid())


def test_a_holder_that_never_signs_is_no_holder_to_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks is told to look for it, and isn't kept for ever."""
    monkeypatch.setattr(locks, "_SIGNED_WITHIN_S", 0.1)
    file = tmp_path / "it.lock"
    file.write_text("4242424")
    with file.open("rb") as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match=f"fuser {file}"):
            lock_holder(file)


def test_a_process_may_take_a_while_to_begin_and_is_dead_once_it_lets_go() -> None:
    """Whoever was started beside it doesn't take its beginning for its end."""
    holds = False
    beginning, late = Alive(lambda: holds, 3600), Alive(lambda: holds, 0)
    assert beginning()
    assert not late()
    holds = True
    assert beginning()
    assert late()
    holds = False
    assert not beginning()
