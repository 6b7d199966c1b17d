"""The workers of enforcement, each behind a network of its own; they come, go, and are restarted.

A worker finds the bus by its home. Here each has a home of its own which is the bus's, linked, but
for the file that says where the brokers are: there stand the ports of the worker's proxy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Final

from infra.home import Home, read_json
from infra.processes.supervisor import ProcessSpec, supervise
from stream_apps.processes import worker_name
from tests.faults.proxy import Proxy

Command = Callable[[int], Sequence[str]]
"""A worker's argument list, by its slot."""
STOP_LIMIT_S: Final = 60
ROOT: Final = Path(__file__).parents[2]


def protected(slot: int) -> list[str]:
    """Return the argument list of a worker as it is on the bus."""
    return [sys.executable, "-m", "sharebus", "run", "enforcement", "--slot", str(slot)]


def unprotected(slot: int) -> list[str]:
    """Return the argument list of the control."""
    return [sys.executable, "-m", "tests.faults.unprotected", str(slot)]


@dataclass(slots=True)
class Worker:
    """One worker that is kept alive until it is stopped."""

    slot: int
    proxy: Proxy
    _status: Path
    _stop: Event
    _keeper: Thread

    @property
    def name(self) -> str:
        """The name of its process."""
        return worker_name(self.slot)

    @property
    def pid(self) -> int | None:
        """Its process just now."""
        pid = self._row().get("pid")
        return pid if isinstance(pid, int) else None

    @property
    def is_ready(self) -> bool:
        """Whether it enforces."""
        return self._row().get("phase") == "ready"

    def stop(self) -> None:
        """End it in order, as when the bus is made smaller."""
        self._stop.set()
        self._keeper.join(STOP_LIMIT_S)
        assert not self._keeper.is_alive(), f"{self.name} does not end"

    def _row(self) -> dict[str, object]:
        try:
            row: dict[str, object] = read_json(self._status)["processes"][self.name]
        except FileNotFoundError:
            return {}
        return row


class Workers:
    """The present ones, by slot.

    Args:
        home: the bus's.
        folder: for the workers' own homes.
        command: what a worker is.
        held: ends their proxies with it.
    """

    def __init__(self, home: Home, folder: Path, command: Command, held: ExitStack) -> None:
        self._home, self._folder, self._command, self._held = home, folder, command, held
        self.present: dict[int, Worker] = {}

    def add(self, slot: int) -> Worker:
        """Start a worker; it joins the group when it is ready."""
        endpoints = self._home.endpoints()
        ports = [node.broker_port for node in endpoints.nodes]
        proxy = self._held.enter_context(Proxy(ports))
        first, *further = (
            replace(node, broker_port=proxy.ports[node.broker_port]) for node in endpoints.nodes
        )
        own = self._linked_home(slot)
        own.save_endpoints(
            replace(endpoints, broker_port=first.broker_port, further_nodes=tuple(further))
        )
        spec = ProcessSpec(
            worker_name(slot),
            self._command(slot),
            self._home.log_file(worker_name(slot)),
            environment={"SHAREBUS_HOME": str(own.path), "PYTHONFAULTHANDLER": "1"},
        )
        status, stop = own.path / "status.json", Event()
        status.unlink(missing_ok=True)
        keeper = Thread(target=supervise, args=([spec], status, stop), name=spec.name)
        worker = Worker(slot, proxy, status, stop, keeper)
        self.present[slot] = worker
        keeper.start()
        return worker

    def remove(self, slot: int) -> None:
        """End a worker for good; its share goes to the others."""
        self.present.pop(slot).stop()

    def stop(self) -> None:
        """End them all, side by side."""
        for worker in self.present.values():
            worker._stop.set()
        for slot in list(self.present):
            self.remove(slot)

    def _linked_home(self, slot: int) -> Home:
        self._home.folder("cache/numba")
        own = Home(self._folder / f"worker-{slot}")
        own.folder("")
        for each in self._home.path.iterdir():
            link = own.path / each.name
            if each.is_dir() and not link.exists():
                link.symlink_to(each)
        return own


@contextmanager
def running_workers(home: Home, folder: Path, command: Command, count: int) -> Iterator[Workers]:
    """Run slots 0 to `count` - 1, and end whoever is left at the end."""
    with ExitStack() as held:
        workers = Workers(home, folder, command, held)
        try:
            for slot in range(count):
                workers.add(slot)
            yield workers
        finally:
            workers.stop()  # before their networks
