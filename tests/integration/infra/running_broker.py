"""A real broker of its own, for the tests beside this file."""

from __future__ import annotations

import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.kafka import broker, jars, java
from infra.kafka.broker import BrokerSettings
from infra.kafka.clients import Access
from infra.kafka.readiness import wait_ready

START_LIMIT_S = 120
STOP_LIMIT_S = 30


def free_ports() -> tuple[int, int]:
    """Give two ports that nobody listens on."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        return probes[0].getsockname()[1], probes[1].getsockname()[1]


def new_settings(directory: Path) -> BrokerSettings:
    """Give settings on free ports, with secrets of their own."""
    client_port, controller_port = free_ports()
    return BrokerSettings(
        directory=directory,
        client_port=client_port,
        controller_ports=(controller_port,),
        admin_password=secrets.token_urlsafe(24),
        controller_password=secrets.token_urlsafe(24),
        cluster_id=broker.new_cluster_id(),
        jars=jars.default_directory(),
        java=java.find(),
    )


@dataclass
class RunningBroker:
    """One node over one directory; `further` lines of its configuration override the bus's."""

    settings: BrokerSettings
    further: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def admin(self) -> Access:
        """The way in for the principal that may do everything."""
        return Access(self.settings.bootstrap, broker.ADMIN, self.settings.admin_password)

    def start(self) -> None:
        """Start the node and wait until it is ready."""
        broker.prepare(self.settings)
        with (self.settings.directory / "server.properties").open("a", encoding="utf-8") as file:
            file.write(self.further)
        self.process = subprocess.Popen(broker.command(self.settings))
        self.wait_ready(self.admin, self.settings.cluster_id)

    def wait_ready(self, administrator: Access, cluster_id: str) -> None:
        """Wait until the node lets the administrator in, as this cluster."""
        wait_ready(
            administrator,
            cluster_id,
            START_LIMIT_S,
            lambda: self.process.poll() is None,
            self.settings.log,
        )

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(STOP_LIMIT_S)

    def stop(self) -> int:
        """End it in order; give the exit status."""
        self.process.terminate()
        return self.process.wait(STOP_LIMIT_S)


@contextmanager
def running_broker(directory: Path, further: str = "") -> Iterator[RunningBroker]:
    """Run a broker over a directory, and end it afterwards in any case."""
    running = RunningBroker(new_settings(directory), further)
    try:
        running.start()
        yield running
    finally:
        if hasattr(running, "process"):
            running.kill()
