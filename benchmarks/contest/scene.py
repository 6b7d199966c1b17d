"""A bus of its own for one case: broker, resource, views, and the backlog that all contenders read.

Only the broker runs beside a contender; registry and ledger process are ended when the grants are
there. The peers write to topics of their own, as many partitions as enforcement's and kept alike.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import AdminClient

from contest.cases import SHAREBUS, Case
from contest.catalogue_entry import PARTITIONS
from contest.governance import Desk
from contest.outputs import Fingerprint, Outputs
from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, ViewJob
from contest.processes import Running, running, wait_for
from contest.records import KEY, SOURCE, events
from infra.bus import Bus, prepare_bus
from infra.home import Home
from infra.kafka import topics
from infra.kafka.broker import new_cluster_id
from infra.kafka.offsets import end_offsets
from infra.kafka.topics import Topic
from infra.processes.locks import lock_holder
from schemas.errors import Unavailable
from schemas.ledger.subjects import View
from schemas.names import accepted_topic, raw_topic
from schemas.policy import view_schema

SEED = 51
DISTINCT = 50_000
"""Records that differ; a backlog of more repeats them in turn, as changes of the same keys."""
FEW = "bench.few"
BUS = (sys.executable, "-m", "sharebus", "run")
Offsets = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Backlog:
    """What a contender works off: a topic, from where to where, and what has to come out."""

    topic: str
    start: Offsets
    end: Offsets
    expected: Outputs
    copied: Outputs
    """What comes of it where records are copied and not projected."""

    @property
    def records(self) -> int:
        """How many records it is."""
        return sum(self.end.values()) - sum(self.start.values())


@dataclass(frozen=True)
class Scene:
    """A case, ready to be measured."""

    case: Case
    bus: Bus
    broker: Running
    logs: Path
    admin: AdminClient
    schema_id: int
    views: tuple[View, ...]
    job: Job
    """Of the peers; group, threads and number are filled in."""
    whole: Backlog
    few: Backlog

    def output_topics(self, contender: str) -> list[str]:
        """Return the topics that a contender writes: accepted, then each view."""
        if contender == SHAREBUS:
            return [accepted_topic(self.case.kind.resource), *(view.topic for view in self.views)]
        return [self.job.accepted, *(view.topic for view in self.job.views)]


@contextmanager
def scene(case: Case, records: int, few: int, logs: Path) -> Iterator[Scene]:
    """Set the scene for a case, and clear it away.

    Raises:
        NotSupported: the bus doesn't take the case's policies.
    """
    with TemporaryDirectory(prefix="sharebus-bench-") as folder:
        os.environ["SHAREBUS_HOME"] = folder
        bus = prepare_bus(Home(Path(folder)), new_cluster_id())
        with running([*BUS, "broker"], logs / "broker.log") as broker:
            lock = bus.home.folder("run") / "broker.lock"
            wait_for(lambda: lock_holder(lock), "the broker to start", [broker])
            once("furnish", logs)
            views, schema_id = _granted(case, bus, logs)
            yield _ready(case, bus, broker, logs, views, schema_id, records, few)


def once(name: str, logs: Path) -> None:
    """Run a process of the bus that ends by itself."""
    process = Running([*BUS, name], logs / f"{name}.log")
    process.wait()


def _granted(case: Case, bus: Bus, logs: Path) -> tuple[list[View], int]:
    with (
        running([*BUS, "registry"], logs / "registry.log") as registry,
        running([*BUS, "ledger"], logs / "ledger.log") as ledger,
    ):
        port = bus.endpoints.registry_port
        wait_for(lambda: _is_open(port), "the registry", [registry, ledger])
        once("genesis", logs)
        desk = Desk(bus)
        try:
            views = desk.furnish(case)
            return views, desk.state().resources[case.kind.resource].schema_id
        finally:
            desk.close()


def _ready(
    case: Case,
    bus: Bus,
    broker: Running,
    logs: Path,
    views: list[View],
    schema_id: int,
    records: int,
    few: int,
) -> Scene:
    admin = bus.admin_access().admin()
    job = _job(case, bus, views)
    compacted = topics.of_view("", 1).config
    topics.create(
        admin,
        [
            Topic(FEW, PARTITIONS),
            Topic(job.accepted, PARTITIONS, compacted),
            *(Topic(view.topic, view.partitions, compacted) for view in job.views),
        ],
    )
    pool = list(events(case.kind, schema_id, min(DISTINCT, records), case.divisions, SEED))
    whole = preload(bus, admin, job, job.source, pool, records)
    return Scene(
        case, bus, broker, logs, admin, schema_id, tuple(views), job, whole,
        preload(bus, admin, job, FEW, pool, few),
    )  # fmt: skip


def _job(case: Case, bus: Bus, views: list[View]) -> Job:
    access = bus.admin_access()
    return Job(
        bootstrap=access.bootstrap,
        user=access.principal,
        password=access.password,
        group="",
        source=raw_topic(case.kind.resource, SOURCE),
        partitions=PARTITIONS,
        accepted="bench.accepted",
        schema=case.kind.schema,
        key_item=KEY,
        views=tuple(_view_job(case, bus, view, place) for place, view in enumerate(views)),
        commit_interval_ms=100,
    )


def _view_job(case: Case, bus: Bus, view: View, place: int) -> ViewJob:
    policy = case.policies[place]
    rows = policy.get("rows", {})
    items = policy["items"]
    schema = view_schema(view.policy, case.kind.schema, key_item=KEY)
    masks = {item: action for item, action in items.items() if action != "keep"}
    return ViewJob(
        topic=f"bench.view.{place}",
        partitions=view.partitions,
        schema_id=view.schema_id,
        schema=schema,
        prefixes=tuple(rows.get("prefix", ())),
        masks=masks or None,
        key=_pseudonym_key(bus, view) if "pseudonym" in masks.values() else "",
    )


def _pseudonym_key(bus: Bus, view: View) -> str:
    key = bus.secrets.pseudonym_key(view.policy)
    assert key is not None
    return key.hex()


def ends_of(admin: AdminClient, places: Collection[tuple[str, int]]) -> Offsets:
    """Return where partitions end, with all that was begun: a commit is told before it is written.

    Topics that were just made may have no leader for a moment; it is waited for.
    """

    def ask() -> Offsets | None:
        try:
            return end_offsets(admin, places, IsolationLevel.READ_UNCOMMITTED)
        except Unavailable:
            return None

    return wait_for(ask, "the ends of topics")


def preload(
    bus: Bus, admin: AdminClient, job: Job, topic: str, pool: list[tuple[bytes, bytes]], count: int
) -> Backlog:
    """Send records to a topic, those of the pool in turn, and work out what has to come of them."""
    places = [(topic, number) for number in range(PARTITIONS)]
    start = ends_of(admin, places)
    producer = bus.admin_access().producer(
        {"linger.ms": 20, "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000}
    )
    for number in range(count):
        key, value = pool[number % len(pool)]
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush(120)
    expected, copied = _outputs(job, pool, count)
    return Backlog(topic, start, ends_of(admin, places), expected, copied)


def _outputs(job: Job, pool: list[tuple[bytes, bytes]], count: int) -> tuple[Outputs, Outputs]:
    """Return what has to come of a backlog, projected and copied."""
    views = FastavroViews(job)
    projected = [Fingerprint() for _ in range(1 + len(job.views))]
    copied = list(projected)
    for place, (key, value) in enumerate(pool[:count]):
        times = count // len(pool) + (place < count % len(pool))
        projected[0] = copied[0] = projected[0].and_(key, value, times)
        for view, view_key, message in views.outputs(key, value):
            projected[1 + view] = projected[1 + view].and_(view_key, message, times)
            copied[1 + view] = copied[1 + view].and_(key, value, times)
    return tuple(projected), tuple(copied)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
