"""A registry in a process of its own on a real broker, for the tests beside this file."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.kafka import access_control, topics
from infra.kafka.clients import Access
from tests.integration.infra.running_broker import RunningBroker

PRINCIPAL = "process.registry"
WRITER = ("process.provisioning", "a-writer's-password")
READER = ("department.d1", "a-reader's-password")
_STOP_LIMIT_S = 5


def admitted(node: RunningBroker, topic: topics.Topic | None) -> Access:
    """Make a topic, and the registry's principal with exactly what it needs on it."""
    admin = node.admin.admin()
    password = "a-registry-password"
    access_control.put_user(admin, PRINCIPAL, password)
    access_control.grant(
        admin,
        [
            access_control.read(PRINCIPAL, "_schemas", prefix=True),
            access_control.write(PRINCIPAL, "_schemas", prefix=True),
            access_control.use_group(PRINCIPAL, "registry", prefix=True),
        ],
    )
    if topic is not None:
        topics.create(admin, [topic])
    return Access(node.settings.bootstrap, PRINCIPAL, password)


@dataclass
class RunningRegistry:
    """One server process."""

    access: Access
    process: subprocess.Popen[str] = field(init=False)
    url: str = field(init=False)

    def start(self) -> None:
        """Start it on a free port, and wait until it says that it answers."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(self.access.config()) + "\n")
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


@contextmanager
def running_registry(access: Access) -> Iterator[RunningRegistry]:
    """Run a registry, and end it."""
    registry = RunningRegistry(access)
    registry.start()
    try:
        yield registry
    finally:
        if registry.process.poll() is None:
            registry.stop()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _main() -> None:
    from infra.registry.server import serve

    passwords = dict((WRITER, READER))
    serve(
        json.loads(sys.stdin.readline()),
        int(sys.argv[1]),
        authenticate=lambda user, password: passwords.get(user) == password,
        may_write=lambda user: user == WRITER[0],
        ready=lambda: print("ready", flush=True),  # noqa: T201 - the parent waits for it
    )


if __name__ == "__main__":
    _main()
