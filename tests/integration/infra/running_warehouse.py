"""A real embedded warehouse in a process of its own, for the tests beside this file."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.clickhouse.http import HttpWarehouse

WRITER = ("process.sink", "a-writer's-password")
READER = ("department.d1", "a-reader's-password")
STRANGER = ("grant.g1", "a-stranger's-password")
_STOP_LIMIT_S = 5


@dataclass
class RunningWarehouse:
    """One server process over one directory."""

    directory: Path
    seconds: int = 30
    process: subprocess.Popen[str] = field(init=False)
    url: str = field(init=False)

    def start(self) -> None:
        """Start it on a free port, and wait until it says that it answers."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.directory), str(port), str(self.seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self._wait()

    def stop(self) -> None:
        """End it in order, within the limit that it promises."""
        self.process.send_signal(signal.SIGTERM)
        self._wait()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        try:
            self.process.wait(_STOP_LIMIT_S)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def as_user(self, credentials: tuple[str, str]) -> HttpWarehouse:
        """Return the port's adapter with a user's credential."""
        return HttpWarehouse(self.url, *credentials)


@contextmanager
def running_warehouse(directory: Path, seconds: int = 30) -> Iterator[RunningWarehouse]:
    """Run a warehouse over a directory, with a time limit for readers, and end it."""
    warehouse = RunningWarehouse(directory, seconds)
    warehouse.start()
    try:
        yield warehouse
    finally:
        if warehouse.process.poll() is None:
            warehouse.stop()


def _main() -> None:
    from infra.clickhouse.embedded_server import serve
    from infra.clickhouse.engine import Limits
    from infra.clickhouse.role import Role

    passwords = dict((WRITER, READER, STRANGER))
    roles = {WRITER[0]: Role.WRITER, READER[0]: Role.READER}
    serve(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        authenticate=lambda user, password: passwords.get(user) == password,
        role_of=roles.get,
        ready=lambda: print("ready", flush=True),  # noqa: T201 - the parent waits for it
        limits=Limits(seconds=int(sys.argv[3]), rows=1000),
    )


if __name__ == "__main__":
    _main()
