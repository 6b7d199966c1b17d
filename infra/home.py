"""Where a bus keeps its things: one folder, `.sharebus` or `SHAREBUS_HOME`.

    secrets/master.key    0600  every password and pseudonym key follows from it
    bus.json                    where the running bus answers: ports, cluster id
    kafka/ warehouse/           data
    profiles/NAME.json    0600  a person's signing key and department credential
    grants/ID/                  what a subscriber is handed
    run/ logs/                  locks, process states; one log a process

Folders with secrets are 0700. This module knows places and how files are written safely; what
they mean belongs to others.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.errors import BusNotRunning, Unavailable


@dataclass(frozen=True, slots=True)
class NodePorts:
    """Where one node of Kafka listens."""

    broker_port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a bus answers. Ports are chosen once, so that handed-out files stay valid.

    `further_nodes` are those of Kafka behind the first one: none, or two. `brokers_elsewhere` are
    those of the existing cluster that the bus uses instead; 0: it runs its own. `workers` is how
    many processes of enforcement were started last.
    """

    cluster_id: str
    broker_port: int
    controller_port: int
    registry_port: int
    warehouse_port: int
    further_nodes: tuple[NodePorts, ...] = ()
    brokers_elsewhere: int = 0
    workers: int = 1

    @property
    def nodes(self) -> tuple[NodePorts, ...]:
        """Kafka's nodes; the first has id 1."""
        return (NodePorts(self.broker_port, self.controller_port), *self.further_nodes)

    @property
    def bootstrap(self) -> str:
        """Bootstrap servers of the bus's own Kafka: every node."""
        return ",".join(f"127.0.0.1:{node.broker_port}" for node in self.nodes)

    @property
    def registry_url(self) -> str:
        """URL of the schema registry."""
        return f"http://127.0.0.1:{self.registry_port}"

    @property
    def warehouse_url(self) -> str:
        """URL of the warehouse's HTTP interface."""
        return f"http://127.0.0.1:{self.warehouse_port}"


@dataclass(frozen=True, slots=True)
class Home:
    """One bus's folder."""

    path: Path

    def folder(self, name: str) -> Path:
        """Return a private (0700) folder of that name, made if missing.

        Raises:
            Unavailable: the folder can't be made or written.
        """
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"can't make the folder {folder}: {error.strerror}",
                remedy="Make it writable, or set SHAREBUS_HOME to a folder that is",
            ) from error
        return folder

    @property
    def master_key_file(self) -> Path:
        """The file that holds the master key."""
        return self.folder("secrets") / "master.key"

    def log_file(self, process: str) -> Path:
        """The log of one process."""
        return self.folder("logs") / f"{process}.log"

    def profile_file(self, person: str) -> Path:
        """The profile of one person."""
        return self.folder("profiles") / f"{person}.json"

    def grant_folder(self, grant: str) -> Path:
        """The folder that is handed to a grant's subscriber."""
        return self.folder(f"grants/{grant}")

    def endpoints(self) -> Endpoints:
        """Return where the bus answers.

        Raises:
            BusNotRunning: no bus was ever started here.
            Unavailable: the file that says so is damaged.
        """
        file = self.path / "bus.json"
        try:
            document = json.loads(file.read_text("utf-8"))
            further = tuple(NodePorts(**node) for node in document.pop("further_nodes", ()))
            return Endpoints(**document, further_nodes=further)
        except FileNotFoundError as error:
            raise BusNotRunning(
                "no bus was started here", where=str(self.path), remedy="Run: sharebus up"
            ) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Unavailable(
                "the bus's addresses are damaged", where=str(file), remedy="Restore its backup"
            ) from error

    def save_endpoints(self, endpoints: Endpoints) -> None:
        """Remember where the bus answers."""
        write_private(self.folder("") / "bus.json", json.dumps(asdict(endpoints), indent=2) + "\n")


def default_home() -> Home:
    """Return `SHAREBUS_HOME`, or `.sharebus` in the present folder."""
    return Home(Path(os.environ.get("SHAREBUS_HOME") or ".sharebus").absolute())


def write_private(file: Path, text: str) -> None:
    """Write a 0600 file whole or not at all, also when the process is killed meanwhile.

    Raises:
        Unavailable: the disk is full, or the folder can't be written; the file is as it was.
    """
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise Unavailable(
            f"can't write {file}: {error.strerror}", remedy="Look at free space and permissions"
        ) from error


def read_json(file: Path) -> dict[str, Any]:
    """Return a JSON file's object."""
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return document
