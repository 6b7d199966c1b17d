"""A server in a process of its own, which prints "ready" and ends at SIGTERM."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

_STOP_LIMIT_S = 30


class ServerProcess:
    """One server of the module `module`, started anew as often as wanted.

    Attributes:
        process: that runs it.
        url: where it answers; a free port, another one after each start.
    """

    module: str
    process: subprocess.Popen[str]
    url: str

    def arguments(self, port: int) -> list[str]:
        """Return the arguments that its module takes."""
        return [str(port)]

    def first_line(self) -> str:
        """Return what it is told on its standard input."""
        return ""

    def start(self) -> None:
        """Start it, and wait until it says that it answers."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(self.first_line() + "\n")
        self.process.stdin.close()
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


Server = TypeVar("Server", bound=ServerProcess)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Run a server, and end it."""
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def say_ready() -> None:
    """Tell the parent that the server answers."""
    print("ready", flush=True)  # noqa: T201 - the parent waits for it
