"""A supervisor over real small processes: it starts, restarts and stops them, and leaves none."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.processes.supervisor import FIRST_BACKOFF_S
from tests.unit.eventually import eventually, is_alive

SUPERVISE = """
import json, signal, sys
from pathlib import Path
from threading import Event
from infra.processes import supervisor

folder = Path(sys.argv[1])
supervisor.STOP_TIMEOUT_S = 0.5
stop = Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
specs = [
    supervisor.ProcessSpec(log=folder / f"{spec['name']}.log", **spec)
    for spec in json.loads(sys.argv[2])
]
supervisor.supervise(specs, folder / "status.json", stop)
"""
PAUSE = "import signal; signal.pause()"
TELL_AT_END = """
import signal, sys
def end(*_):
    with open("ended", "a") as out:
        out.write(sys.argv[1] + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("set", flush=True)
signal.pause()
"""
AWAIT = """
import os, sys, time
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
READY_WHEN = (
    AWAIT
    + """
from infra.processes.notify import notify_ready
notify_ready()
import signal
signal.pause()
"""
)


def child(name: str, script: str, *arguments: str, **more: Any) -> dict[str, Any]:
    """Return a process's specification; as a service it counts as ready when it runs."""
    argv = [sys.executable, "-c", script, *arguments]
    return {"name": name, "argv": argv, "notifies": False, **more}


@dataclass
class Supervised:
    """A supervisor in a process of its own, in a folder of its own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    pids: set[int] = field(default_factory=set)

    def start(self, *specs: dict[str, Any]) -> None:
        """Start it over these processes."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(self.folder), json.dumps(specs)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            stderr=subprocess.DEVNULL,
        )

    def status(self) -> dict[str, dict[str, Any]]:
        """Return what the status file says of each process; nothing before it is there."""
        file = self.folder / "status.json"
        found: dict[str, dict[str, Any]] = (
            json.loads(file.read_text())["processes"] if file.exists() else {}
        )
        self.pids |= {row["pid"] for row in found.values() if row["pid"]}
        return found

    def phases(self) -> list[str]:
        """Return the phase of each process, in their order."""
        return [row["phase"] for row in self.status().values()]

    def become(self, *phases: str) -> dict[str, dict[str, Any]]:
        """Wait until the processes are in these phases; return their status."""
        eventually(lambda: self.phases() == list(phases), f"{phases}, not {self.phases()}")
        return self.status()

    def stop(self) -> None:
        """End it as `sharebus down` does, and wait for it."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(30) == 0

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisor that is not started yet, and that leaves nothing behind."""
    supervised = Supervised(tmp_path)
    yield supervised
    if supervised.process is not None and supervised.process.poll() is None:
        supervised.kill()
    for pid in supervised.pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_killed_process_is_started_again(supervised: Supervised) -> None:
    """`kill -9` of one process costs a restart; the others don't notice."""
    supervised.start(child("a", PAUSE), child("b", PAUSE))
    before = supervised.become("ready", "ready")
    os.kill(before["a"]["pid"], signal.SIGKILL)
    eventually(lambda: supervised.status()["a"]["restarts"] == 1, "the restart to be noted")
    after = supervised.become("ready", "ready")
    assert after["a"]["pid"] != before["a"]["pid"]
    assert is_alive(after["a"]["pid"])
    assert after["b"] == before["b"]


def test_a_process_that_keeps_ending_is_started_at_growing_intervals(
    supervised: Supervised,
) -> None:
    """Each wait is at least twice the one before, so that a broken process costs little."""
    supervised.start(
        child("a", "import time; print(time.monotonic(), flush=True); raise SystemExit")
    )
    log = supervised.folder / "a.log"
    eventually(lambda: log.exists() and log.read_text().count("\n") >= 4, "four starts")
    times = [float(text) for text in log.read_text().split()[:4]]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert all(wait >= FIRST_BACKOFF_S * 2**i for i, wait in enumerate(waits))


def test_a_process_that_ended_says_that_it_is_backing_off(supervised: Supervised) -> None:
    """Who looks at the status sees a broken process, not a starting one."""
    supervised.start(child("a", "raise SystemExit(3)"), child("b", PAUSE))
    eventually(lambda: supervised.phases()[:1] == ["backing-off"], "the back-off to be seen")
    row = supervised.status()["a"]
    assert row["restarts"] >= 1


def test_a_oneshot_is_done_before_the_next_is_started(supervised: Supervised) -> None:
    """The registry starts once its topic is there, not before."""
    supervised.start(
        child("first", AWAIT, "go", oneshot=True),
        child("second", "import os; open('second', 'w'); " + PAUSE),
    )
    supervised.become("starting", "waiting")
    (supervised.folder / "go").touch()
    supervised.become("done", "ready")
    eventually((supervised.folder / "second").exists, "the second to run")
    assert supervised.status()["first"]["pid"] is None


def test_a_oneshot_that_fails_is_tried_again(supervised: Supervised) -> None:
    """Only exit status 0 is done."""
    script = "import os, sys; sys.exit(0 if os.path.exists('go') else 1)"
    supervised.start(child("a", script, oneshot=True), child("b", PAUSE))
    eventually(lambda: supervised.status().get("a", {}).get("restarts", 0), "a failed try")
    assert supervised.phases()[1] == "waiting"
    (supervised.folder / "go").touch()
    supervised.become("done", "ready")


def test_a_service_is_ready_when_it_says_so(supervised: Supervised) -> None:
    """READY=1 of a service starts the oneshot behind it."""
    supervised.start(child("a", READY_WHEN, "go", notifies=True), child("b", "", oneshot=True))
    supervised.become("starting", "waiting")
    (supervised.folder / "go").touch()
    supervised.become("ready", "done")


def test_services_between_oneshots_start_side_by_side(supervised: Supervised) -> None:
    """A service waits for no other service."""
    supervised.start(child("a", READY_WHEN, "never", notifies=True), child("b", PAUSE))
    supervised.become("starting", "ready")


def test_a_service_is_not_ready_by_the_word_of_the_process_before(supervised: Supervised) -> None:
    """A process that dies with READY=1 on its lips doesn't vouch for its successor."""
    dying = """
import os, signal
from infra.processes.notify import notify_ready
if os.path.exists("dying"):
    open("successor", "w").close()
    signal.pause()
with open("pid", "w") as out:
    out.write(str(os.getpid()))
os.kill(os.getppid(), signal.SIGSTOP)  # so that the word is heard after the end only
notify_ready()
os.replace("pid", "dying")
os._exit(1)
"""
    # Ends again and again once the successor runs: its restarts tell that the supervisor looked.
    other = child("other", AWAIT, "successor")
    supervised.start(other, child("a", dying, notifies=True))
    eventually((supervised.folder / "dying").exists, "the first process to say its word")
    first = int((supervised.folder / "dying").read_text())
    eventually(lambda: not is_alive(first), "the first process to end")
    assert supervised.process is not None
    supervised.process.send_signal(signal.SIGCONT)
    eventually(lambda: supervised.status()["other"]["restarts"] >= 2, "the supervisor to look")
    assert supervised.status()["a"]["phase"] == "starting"


def test_what_a_process_says_later_is_read(supervised: Supervised) -> None:
    """The queue of a process that is ready is emptied, so that it never fills up."""
    script = """
import os, socket
address = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(100):
    out.sendto(b"READY=1", address)
open("said", "w").close()
import signal
signal.pause()
"""
    supervised.start(child("a", script, notifies=True))
    eventually((supervised.folder / "said").exists, "all to be said")
    supervised.become("ready")


def test_processes_are_stopped_in_reverse_order(supervised: Supervised) -> None:
    """What depends on another ends before it."""
    supervised.start(*(child(name, TELL_AT_END, name) for name in "abc"))
    supervised.become("ready", "ready", "ready")
    for name in "abc":
        log = supervised.folder / f"{name}.log"
        eventually(log.read_text, f"{name} to listen for its end")
    pids = [row["pid"] for row in supervised.status().values()]
    supervised.stop()
    assert (supervised.folder / "ended").read_text().split() == ["c", "b", "a"]
    assert supervised.phases() == ["stopped"] * 3
    assert not any(is_alive(pid) for pid in pids)


def test_a_process_that_does_not_end_is_killed(supervised: Supervised) -> None:
    """`down` ends everything that `up` started, in bounded time."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    supervised.start(child("a", f"{deaf}\n{PAUSE}"))
    pid = supervised.become("ready")["a"]["pid"]
    eventually((supervised.folder / "a.log").read_text, "the process to be deaf")
    supervised.stop()
    assert not is_alive(pid)


def test_what_was_not_started_yet_is_not_started_at_the_end(supervised: Supervised) -> None:
    """Stopping in the middle of a start stops what there is."""
    supervised.start(child("a", AWAIT, "never", oneshot=True), child("b", "open('b', 'w')"))
    supervised.become("starting", "waiting")
    supervised.stop()
    assert not (supervised.folder / "b").exists()


def test_a_killed_supervisor_leaves_no_process(supervised: Supervised) -> None:
    """After `kill -9` of the supervisor its children get SIGTERM from the kernel."""
    supervised.start(child("a", TELL_AT_END, "a"), child("b", PAUSE))
    rows = supervised.become("ready", "ready")
    eventually((supervised.folder / "a.log").read_text, "a to listen for its end")
    supervised.kill()
    pids = [row["pid"] for row in rows.values()]
    eventually(lambda: not any(is_alive(pid) for pid in pids), "the children to end")
    assert (supervised.folder / "ended").read_text() == "a\n"


def test_the_status_file_is_private_and_names_the_supervisor(supervised: Supervised) -> None:
    """Whoever runs `sharebus status` finds every process by its own pid."""
    supervised.start(child("a", PAUSE))
    row = supervised.become("ready")["a"]
    file = supervised.folder / "status.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert supervised.process is not None
    assert json.loads(file.read_text())["supervisor"] == supervised.process.pid
    assert set(row) == {"phase", "pid", "restarts", "since"}


def test_a_status_that_can_t_be_written_ends_nothing(supervised: Supervised) -> None:
    """On a full disk processes are kept alive as before; the status follows when there is room."""
    supervised.start(child("a", "print('started', flush=True)\n" + PAUSE))
    before = supervised.become("ready")["a"]
    file, log = supervised.folder / "status.json", supervised.folder / "a.log"
    file.unlink()
    file.mkdir()  # what can't be replaced by a file, also for root
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: log.read_text().count("started") == 2, "the second start")
    file.rmdir()
    eventually(lambda: supervised.phases() == ["ready"], "the status to be written")
    assert supervised.status()["a"]["restarts"] == 1


def test_a_process_gets_its_environment_and_its_log(supervised: Supervised) -> None:
    """Both streams go to one log, appended; what was set for the process is there."""
    script = "import os, sys; print(os.environ['ROOM']); sys.exit('told on stderr')"
    (supervised.folder / "a.log").write_text("before\n")
    supervised.start(child("a", script, environment={"ROOM": "infra"}))
    log = supervised.folder / "a.log"
    eventually(lambda: "told on stderr" in log.read_text(), "the log")
    assert log.read_text().splitlines()[0] == "before"
    assert "infra" in log.read_text()
