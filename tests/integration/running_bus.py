"""A whole bus, started by `sharebus up` in a folder of its own, and the ways a test looks at it.

People's acts that a test is about go through the command line as a subprocess; what merely sets a
scene goes through the same libraries in this process, which is quicker. What is asserted is read
independently of the code under test: with the broker's admin, or with stock clients.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from consumers.properties import GrantProperties, read_properties, write_properties
from infra.bus import Bus, open_bus
from infra.clickhouse.opening import open_warehouse
from infra.clock import new_id, system_clock
from infra.home import Home, read_json
from infra.kafka.clients import READ_TO_END
from infra.kafka.offsets import committed_offsets, end_offsets
from infra.kafka.progress import progress_of, read_progress
from infra.kafka.topics import partition_count
from infra.ledger.client import LedgerClient
from infra.ledger.profiles import load_profile
from infra.processes.background import status_file
from producers.opening import open_publisher
from producers.publisher import Publisher
from schemas.catalogue import ShareType, packaged_resource
from schemas.ledger.acts import Act, Approve, Purpose, Request
from schemas.ledger.entry import Entry
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import ENFORCEMENT, METERING, OPERATOR, department_principal
from schemas.policy import Policy, RowFilter

RESOURCE = "geography.division"
SOURCE, SUBSCRIBER, OTHER = "civil-affairs", "health", "justice"
ZHANG, LI, WANG = "zhang", "li", "wang"
"""Persons of the three departments above, in that order."""

# Limits, not pauses: what is waited for comes in seconds on an idle machine.
LIMIT_S = 120
COMMAND_LIMIT_S = 300
_TICK_S = 0.05
T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, timeout_s: float = LIMIT_S) -> T:
    """Ask until the answer is truthy, and return it; fail, saying for what was waited."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:.0f} s in vain for {what}; last: {answer!r}")
        time.sleep(_TICK_S)


def wait_for_none(left: Callable[[], Collection[object]], what: str) -> None:
    """Ask until nothing is left; fail, saying for what was waited and what is left."""
    last: list[object] = []

    def is_done() -> bool:
        last[:] = left()
        return not last

    try:
        wait_for(is_done, what)
    except AssertionError as failed:
        raise AssertionError(f"{failed}; left: {last}") from None


def is_raw(topic: str) -> bool:
    """Tell whether a topic is one that a source writes."""
    return topic.startswith("raw.")


def finish(process: subprocess.Popen[str], timeout_s: float = LIMIT_S) -> tuple[str, str]:
    """Return what a command printed; fail, showing where it stood, if it does not end."""
    try:
        return process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r} does not end\n{out}\n{err}") from None


@dataclass
class RunningBus:
    """One home, and the bus in it."""

    home: Home
    _admin: AdminClient | None = None

    def start_cli(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start `sharebus ARGUMENTS` on this home."""
        return subprocess.Popen(
            [sys.executable, "-m", "sharebus", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "SHAREBUS_HOME": str(self.home.path),
                "PYTHONFAULTHANDLER": "1",  # for `finish`; the bus's processes inherit it
                **environment,
            },
        )

    def cli(
        self, *arguments: str | Path, status: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `sharebus ARGUMENTS` to its end; `status` is the exit status it must have."""
        process = self.start_cli(*arguments, **environment)
        out, err = finish(process, COMMAND_LIMIT_S)
        said = f"sharebus {' '.join(map(str, arguments))}: {process.returncode}\n{out}\n{err}"
        assert status is None or process.returncode == status, said
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """Return what a command prints with `-o json`, whatever its exit status."""
        rows: list[dict[str, Any]] = json.loads(
            self.cli(*arguments, "-o", "json", status=None).stdout
        )
        return rows

    @property
    def bus(self) -> Bus:
        """Addresses and secrets."""
        return open_bus(self.home)

    def admin(self) -> AdminClient:
        """Return the client of the principal that may do everything."""
        if self._admin is None:
            self._admin = self.bus.admin_access().admin()
        return self._admin

    def forget_connections(self) -> None:
        """Start with new clients after the broker was restarted."""
        self._admin = None

    # What people do.

    @contextmanager
    def client(self, person: str) -> Iterator[LedgerClient]:
        """Give a person's client of the ledger."""
        profile = load_profile(self.home, person)
        with LedgerClient.of_profile(
            profile, self.bus.cluster, clock=system_clock, new_id=new_id
        ) as client:
            yield client

    def act(self, person: str, act: Act) -> Entry:
        """Do something as a person; return the entry that carried it out."""
        with self.client(person) as client:
            return client.send(act)

    def state(self) -> LedgerState:
        """Return what the ledger adds up to now."""
        with self.client("operator") as client:
            return client.state()

    def grant(
        self,
        person: str,
        matter: str,
        items: tuple[str, ...] | None = None,
        rows: RowFilter | None = None,
    ) -> Grant:
        """Ask for items and rows, let zhang approve where that is needed; return the live grant.

        Args:
            person: who asks.
            matter: tells one request from another with the same policy.
            items: all unconditional ones if left out.
            rows: all if left out.
        """
        contract, _ = packaged_resource(RESOURCE)
        kept = items or contract.shared(ShareType.UNCONDITIONAL)
        return self.grant_policy(person, matter, Policy.kept(RESOURCE, kept, rows))

    def grant_policy(self, person: str, matter: str, policy: Policy) -> Grant:
        """Ask for what a policy lets through, let zhang approve; return the live grant."""
        asked = Request(policy.canonical_json().decode(), Purpose("verification", matter, "测试"))
        with self.client(person) as client:
            case = client.state().requests[f"r{client.send(asked).sequence}"]
            grant = case.grant or f"g{self.act(ZHANG, Approve(case.id, '')).sequence}"
            state = client.wait_until(
                lambda now: grant in now.grants and now.grants[grant].status is GrantStatus.ACTIVE,
                f"{grant} to be active",
                LIMIT_S,
            )
        return state.grants[grant]

    def properties_file(self, grant: Grant) -> Path:
        """Return the file that the grant's subscriber is handed."""
        return write_properties(self.bus, grant)

    def properties(self, grant: Grant) -> GrantProperties:
        """Return what that file says."""
        return read_properties(self.properties_file(grant))

    def publisher(self, person: str = ZHANG) -> Publisher:
        """Return a publisher of the resource."""
        return open_publisher(self.bus, load_profile(self.home, person), RESOURCE)

    # What there is.

    def messages(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Return what a topic holds now, read by the admin: all partitions, from the start."""
        places = [(topic, p) for p in range(partition_count(self.admin(), topic))]
        open_places = set(places)
        consumer = self.bus.admin_access().consumer(
            "tests.reader", {**READ_TO_END, "isolation.level": isolation}
        )
        consumer.assign([TopicPartition(*place, 0) for place in places])
        found: list[Message] = []
        deadline = time.monotonic() + LIMIT_S
        try:
            while open_places:
                assert time.monotonic() < deadline, f"{topic} could not be read"
                for message in consumer.consume(10_000, 0.1):
                    error = message.error()
                    if error is None:
                        found.append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_places.discard((topic, message.partition() or 0))
        finally:
            consumer.close()
        return found

    def raw_places(self) -> list[tuple[str, int]]:
        """Return the partitions of each source's topic."""
        known = self.admin().list_topics(timeout=LIMIT_S).topics
        return [(t, p) for t, each in known.items() if is_raw(t) for p in each.partitions]

    def raw_ends(self) -> dict[tuple[str, int], int]:
        """Return the end of each partition of each source's topic."""
        return end_offsets(self.admin(), self.raw_places())

    def enforced(self) -> dict[tuple[str, int], int]:
        """Return the offsets that enforcement has committed."""
        return committed_offsets(self.bus.admin_access(), ENFORCEMENT, self.raw_places())

    def wait_enforced(self) -> None:
        """Wait until enforcement is through with everything that was published until now."""
        # The last records: behind them may stand markers of transactions, which none consumes.
        raw = {topic for topic, _ in self.raw_places()}
        ends: dict[tuple[str, int], int] = {}
        for message in (message for topic in raw for message in self.messages(topic)):
            place = (message.topic() or "", message.partition() or 0)
            ends[place] = max(ends.get(place, 0), (message.offset() or 0) + 1)
        wait_for(
            lambda: all(self.enforced().get(place, 0) >= end for place, end in ends.items()),
            "enforcement to catch up",
        )
        topics = list(self.admin().list_topics(timeout=LIMIT_S).topics)
        self.wait_decided(*(t for t in topics if t.startswith("view.") or t == METERING))

    def wait_decided(self, *topics: str) -> None:
        """Wait until no transaction is open on these topics: what was committed can be read.

        A commit is acknowledged before its markers are written.
        """
        admin = self.admin()
        places = [(t, p) for t in topics for p in range(partition_count(admin, t))]
        wait_for(
            lambda: (
                end_offsets(admin, places)
                == end_offsets(admin, places, IsolationLevel.READ_UNCOMMITTED)
            ),
            "transactions to be decided",
        )

    def wait_live(self, grant: Grant) -> None:
        """Wait until the grant's view holds the present state, and is kept."""
        view = self.state().views[grant.view]
        partitions = range(packaged_resource(RESOURCE)[0].partitions)

        def live() -> bool:
            known = read_progress(self.bus.admin_access(), "tests.progress")
            return all(progress_of(known, view, partition).live for partition in partitions)

        wait_for(live, f"{grant.view} to be filled")

    def wait_stored(self) -> None:
        """Wait until ClickHouse holds each metering record that there is now, once."""
        written = len(self.messages(METERING))
        warehouse = open_warehouse(self.bus, department_principal(OPERATOR))
        count = "SELECT count() AS stored FROM metering FINAL"
        wait_for(lambda: warehouse.query(count)[0]["stored"] >= written, "the sink to catch up")

    def counted(self) -> dict[str, int]:
        """Return what `sharebus usage` says each grant was supplied with."""
        return {row["grant"]: row["counted"] for row in self.json("usage")}

    # Processes.

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return what `sharebus status` says, by process."""
        return {row["process"]: row for row in self.json("status")}

    def kill(self, process: str) -> int:
        """Send SIGKILL to a process of this bus, by the pid that `status` shows; return the pid."""
        pid = self.pid(process)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, process: str) -> int | None:
        """Return a process's pid, None while it has none; without starting a process to look."""
        pid: int | None = read_json(status_file(self.home))["processes"][process]["pid"]
        return pid

    def wait_replaced(self, process: str, pid: int) -> None:
        """Wait until a process that was killed is back as another one."""

        def is_back() -> bool:
            row = read_json(status_file(self.home))["processes"][process]
            return bool(row["phase"] == "ready" and row["pid"] != pid)

        try:
            wait_for(is_back, f"{process} to come back")
        except AssertionError:
            if self.pid(process) == pid:
                os.kill(pid, signal.SIGABRT)  # its log then says where it stood
            raise

    def log_tails(self, lines: int = 40) -> str:
        """Return how every process's log ends."""
        files = sorted(self.home.folder("logs").glob("*.log"))
        tails = {file.name: file.read_text("utf-8", "replace").splitlines() for file in files}
        return "\n".join(
            "\n".join((f"----- {name}", *tail[-lines:])) for name, tail in tails.items() if tail
        )


@contextmanager
def running_bus(path: Path, *up: str) -> Iterator[RunningBus]:
    """Start a bus in a folder with `sharebus up`, and end it with `sharebus down` in any case."""
    running = RunningBus(Home(path))
    try:
        running.cli("up", *up)
        yield running
    finally:
        running.cli("down", status=None)


def furnish(running: RunningBus) -> None:
    """Register the three departments with a person each, and publish the catalogue entry."""
    departments = {SOURCE: "民政部", SUBSCRIBER: "卫生健康委", OTHER: "司法部"}
    persons = {ZHANG: SOURCE, LI: SUBSCRIBER, WANG: OTHER}
    with ThreadPoolExecutor(3) as pool:
        for each in [
            pool.submit(running.cli, "register", "department", department, "--name", name)
            for department, name in departments.items()
        ]:
            each.result()
        for each in [
            pool.submit(running.cli, "register", "person", person, "--department", department)
            for person, department in persons.items()
        ]:
            each.result()
    running.cli("catalogue", "publish", RESOURCE, "--as", ZHANG)
