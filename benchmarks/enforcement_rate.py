"""Enforcement of a backlog by the real process, beside a bare copy of the same bytes.

    enforcement_rate.py [EVENTS [ROUNDS]]       default: 1000000 5

A bus of its own, in a folder that is removed at the end: one source, one view of all unconditional
items, real divisions and their seeded life. The backlog is published while enforcement is down;
then both contenders work it off in turns (ABBA), each from the same offsets. A round's rate is
taken between the first and the last commit, from the group's committed offsets; CPU seconds are
those of the contender's process, and of the broker, in that time.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

sys.path.append(str(Path(__file__).parents[1] / "examples"))

from divisions import Change, Divisions

from infra.bus import Bus, open_bus
from infra.home import Home
from infra.kafka.clients import end_offsets
from infra.kafka.topics import Topic, create
from infra.ledger.profiles import load_profile
from infra.processes.locks import lock_holder
from producers.opening import open_publisher
from schemas.catalogue import packaged_resource
from schemas.names import raw_topic

RESOURCE = "geography.division"
SOURCE = raw_topic(RESOURCE, "civil-affairs")
COPIES = ["copy.accepted", "copy.view"]
SEED = 51
SHAREBUS = (sys.executable, "-m", "sharebus")
TICK_S, LIMIT_S = 0.05, 300
T = TypeVar("T")
Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Round:
    """What one contender did: events a second, and CPU seconds per million events."""

    rate: float
    cpu: float
    broker_cpu: float

    def __str__(self) -> str:
        return (
            f"{self.rate:9,.0f} events/s   CPU s a million: "
            f"{self.cpu:5.2f} its own, {self.broker_cpu:5.2f} the broker's"
        )


def main(events: int = 1_000_000, rounds: int = 5) -> None:
    """Set the scene, let the contenders alternate, print every round and the medians."""
    with TemporaryDirectory(prefix="sharebus-bench-") as folder:
        os.environ["SHAREBUS_HOME"] = folder
        furnish()
        bus = open_bus(Home(Path(folder)))
        with running(*SHAREBUS, "run", "broker") as broker:
            lock = bus.home.folder("run") / "broker.lock"
            wait_for(lambda: lock_holder(lock), "the broker to start")
            sharebus("run", "furnish")
            backlog = preload(bus, events)
            contenders = {
                "sharebus": ("enforcement", [*SHAREBUS, "run", "enforcement"]),
                "bare copy": ("bare-copy", bare_copy(bus)),
            }
            found: dict[str, list[Round]] = {name: [] for name in contenders}
            for number in range(rounds):
                for name in sorted(contenders, reverse=number % 2 == 0):
                    found[name].append(measure(bus, backlog, broker, *contenders[name]))
                    print(f"round {number + 1}  {name:9}  {found[name][-1]}", flush=True)
    medians = {
        name: Round(*(median(column) for column in zip(*map(astuple, each), strict=True)))
        for name, each in found.items()
    }
    for name, middle in medians.items():
        print(f"median   {name:9}  {middle}")
    print(f"ratio    {medians['sharebus'].rate / medians['bare copy'].rate:.2f} of the bare copy")


def sharebus(*arguments: str) -> None:
    """Run one command of the bus."""
    subprocess.run([*SHAREBUS, *arguments], check=True, stdout=subprocess.DEVNULL)


def furnish() -> None:
    """Make a bus with one resource and one grant, and take it down again."""
    sharebus("up")
    try:
        for department, person in (("civil-affairs", "zhang"), ("health", "wang")):
            sharebus("register", "department", department, "--name", department)
            sharebus("register", "person", person, "--department", department)
        sharebus("catalogue", "publish", RESOURCE, "--as", "zhang")
        purpose = ("--purpose", "verification", "--matter", "benchmark", "--basis", "none")
        sharebus("request", RESOURCE, "--as", "wang", *purpose)
    finally:
        sharebus("down")


def preload(bus: Bus, events: int) -> tuple[Offsets, Offsets]:
    """Publish the backlog; return from where to where it reaches."""
    admin = bus.admin_access().admin()
    partitions = packaged_resource(RESOURCE)[0].partitions
    create(admin, [Topic(name, partitions) for name in COPIES])
    places = [(SOURCE, number) for number in range(partitions)]
    start = end_offsets(admin, places)
    with running(*SHAREBUS, "run", "registry"):
        wait_for(lambda: is_open(bus.endpoints.registry_port), "the registry")
        began = time.monotonic()
        with open_publisher(bus, load_profile(bus.home, "zhang"), RESOURCE) as publisher:
            for change in islice(history(), events):
                if change.row is None:
                    publisher.delete(change.code)
                else:
                    publisher.upsert(change.row)
        took = time.monotonic() - began
    print(f"published {events:,} events at {events / took:,.0f} a second", flush=True)
    return start, end_offsets(admin, places)


def history() -> Iterator[Change]:
    """Yield every division, then what happens to them."""
    divisions = Divisions()
    yield from [Change(code, row) for code, row in divisions.rows.items()]
    yield from divisions.live(SEED)


def bare_copy(bus: Bus) -> list[str]:
    """Return the argument list of the copy."""
    script = str(Path(__file__).with_name("bare_copy.py"))
    login = [bus.cluster.bootstrap, bus.admin_access().password]
    return [sys.executable, script, *login, "bare-copy", SOURCE, *COPIES]


def measure(
    bus: Bus, backlog: tuple[Offsets, Offsets], broker: int, group: str, argv: list[str]
) -> Round:
    """Let one contender work off the backlog; measure from its first commit to its last."""
    admin = bus.admin_access().admin()
    start, end = (sum(offsets.values()) for offsets in backlog)
    rewind(admin, group, backlog[0])
    with running(*argv) as pid:

        def once(offset: int) -> tuple[int, float, float, float] | None:
            reached = committed(admin, group)
            taken = reached, time.monotonic(), cpu_s(pid), cpu_s(broker)
            return taken if reached >= offset else None

        first = wait_for(lambda: once(start + 1), "the first commit")
        last = wait_for(lambda: once(end), "the last commit")
    events, seconds, cpu, broker_cpu = (b - a for a, b in zip(first, last, strict=True))
    return Round(events / seconds, cpu / events * 1e6, broker_cpu / events * 1e6)


def rewind(admin: AdminClient, group: str, offsets: Offsets) -> None:
    """Set a group back; a static member that has ended is in it until its session times out."""
    places = [TopicPartition(*place, offset) for place, offset in offsets.items()]

    def is_set() -> bool:
        asked = [ConsumerGroupTopicPartitions(group, places)]
        try:
            done = admin.alter_consumer_group_offsets(asked)[group].result(LIMIT_S)
        except KafkaException:
            return False
        return all(place.error is None for place in done.topic_partitions or [])

    wait_for(is_set, f"{group} to be empty")


def committed(admin: AdminClient, group: str) -> int:
    """Return the sum of a group's committed offsets on the source."""
    asked = [ConsumerGroupTopicPartitions(group)]
    found = admin.list_consumer_group_offsets(asked)[group].result(LIMIT_S).topic_partitions or []
    return sum(place.offset for place in found if place.topic == SOURCE)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_open(port: int) -> bool:
    """Tell whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*argv: str) -> Iterator[int]:
    """Run a process; yields its pid; ends it in order."""
    started = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield started.pid
    finally:
        started.terminate()
        started.wait(LIMIT_S)


def wait_for(ask: Callable[[], T | None], what: str) -> T:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + LIMIT_S
    while not (answer := ask()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {LIMIT_S} s in vain for {what}")
        time.sleep(TICK_S)
    return answer


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
