"""One run: a bus of three brokers, records that flow, faults, and then the checker.

The control is the same again with the same faults, on the same bus, but with the protection taken
out of the workers. Only what comes after the protected part is looked at then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from confluent_kafka import IsolationLevel, KafkaException

from infra.clickhouse.opening import open_warehouse
from infra.kafka.offsets import end_offsets
from infra.kafka.topics import partition_count
from schemas.errors import Unavailable
from schemas.ledger.subjects import Grant
from schemas.names import (
    ENFORCEMENT,
    METERING,
    OPERATOR,
    accepted_topic,
    department_principal,
    quarantine_topic,
    raw_topic,
)
from schemas.policy import Match, RowFilter, parse_policy
from tests.faults import workers as commands
from tests.faults.checking import ACCEPTED, QUARANTINE, Checker, Counts
from tests.faults.drawing import Fault, Kind, draw
from tests.faults.law import Law
from tests.faults.load import ELSEWHERE, PROVINCE, Load, load
from tests.faults.reading import Place, read
from tests.faults.striking import Striker
from tests.faults.workers import Command, Workers, running_workers
from tests.integration.running_bus import (
    LI,
    RESOURCE,
    SOURCE,
    SUBSCRIBER,
    WANG,
    RunningBus,
    furnish,
    running_bus,
    wait_for,
)

WORKERS: Final = 3
SECONDS_A_FAULT: Final = 4
RATES: Final = (100, 5000)
DRAIN_LIMIT_S: Final = 600
RAW: Final = raw_topic(RESOURCE, SOURCE)
LATE: Final = (("code", "parent"), ("code", "level"))
"""Items of views that are opened while records flow and faults happen."""
Tell = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Attributes:
        seed: of faults and records.
        faults: how many.
        records: at least so many, in each part.
        control_faults: how many in the control.
    """

    seed: int
    faults: int
    records: int
    control_faults: int

    @property
    def rate(self) -> int:
        """Records a second while faults happen, so that they last as long as the faults."""
        lowest, highest = RATES
        wanted = self.records / (self.faults * SECONDS_A_FAULT)
        return round(min(max(wanted, lowest), highest))


@dataclass(slots=True)
class Part:
    """The protected part, or the control."""

    name: str
    command: Command
    faults: list[Fault]
    records: int
    starts: dict[Place, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    sent: int = 0
    struck: int = 0


def run(plan: Plan, path: Path, tell: Tell) -> dict[str, Any]:
    """Do a whole run; return the report: what there was, what went wrong, and the control's."""
    tell(f"seed {plan.seed}: {plan.faults} faults, {plan.records:,} records, {plan.rate} a second")
    with running_bus(path / "home", "--brokers", "3", "--workers", "0") as bus:
        furnish(bus)
        stage = Stage(bus, path, plan, tell)
        drawn = draw(plan.seed, max(plan.faults, plan.control_faults))
        good = Part("protected", commands.protected, drawn[: plan.faults], plan.records)
        stage.play(good, late=True)
        share = plan.records * plan.control_faults // plan.faults
        plain = Part("control", commands.unprotected, drawn[: plan.control_faults], share)
        stage.play(plain, late=False)
    return {
        "seed": plan.seed,
        **_told(good),
        "kinds": sorted({fault.kind.value for fault in good.faults}),
        "control": _told(plain),
    }


def _told(part: Part) -> dict[str, int]:
    return {"faults": part.struck, "records": part.sent, **asdict(part.counts)}


MOVING: Final[list[dict[str, object]]] = [
    {
        "resource": RESOURCE,
        "items": {"code": "keep", "name": {"mask": {"first": 1}}, "population": "keep"},
        "rows": {"item": "parent", "prefix": [ELSEWHERE]},
    },
    {
        "resource": RESOURCE,
        "items": {"name": "pseudonym", "population": "keep"},
        "rows": {"item": "parent", "prefix": [ELSEWHERE]},
        "audience": {"department": SUBSCRIBER, "key_version": 1},
    },
]
"""Policies out of whose rows records move, and into them again."""


class Stage:
    """A furnished bus on which parts are played, one after the other."""

    def __init__(self, bus: RunningBus, folder: Path, plan: Plan, tell: Tell) -> None:
        self._bus, self._folder, self._plan, self._tell = bus, folder, plan, tell
        matter = f"faults {plan.seed}"
        some = RowFilter("code", Match.PREFIX, (f"{PROVINCE}00000", f"{PROVINCE}00012"))
        self._grants = [
            bus.grant(LI, matter, ("code", "name", "path", "population")),
            bus.grant(WANG, matter, ("code", "area", "population")),
            bus.grant(LI, matter, ("code", "name", "area"), some),
            *(bus.grant_policy(LI, matter, parse_policy(each)) for each in MOVING),
        ]
        self._asking: list[Thread] = []
        self._unanswered: list[str] = []
        self._late: list[Grant] = []
        self._law: Law | None = None

    def play(self, part: Part, *, late: bool) -> None:
        """Let records flow and faults happen, wait until all is done, and check it."""
        # What is opened late is filled with everything there ever was.
        part.starts = {} if late else self._insist(self._ends)
        with running_workers(self._bus.home, self._folder / part.name, part.command, 1) as workers:
            # The first compiles for all of them.
            wait_for(lambda: workers.present[0].is_ready, "the first worker", DRAIN_LIMIT_S)
            for grant in self._grants:
                self._insist(partial(self._bus.wait_live, grant))
            for slot in range(1, WORKERS):
                workers.add(slot)
            wait_for(lambda: all(w.is_ready for w in workers.present.values()), "all workers")
            shared = partial(self._insist, lambda: self._share(workers))
            wait_for(shared, "the workers to share the partitions", DRAIN_LIMIT_S)
            self._tell(f"{part.name}: {len(workers.present)} workers enforce")
            with load(self._bus, self._plan.seed, self._plan.rate, part.records) as flowing:
                self._strike(part, workers, flowing, late=late)
                part.sent = flowing.finish()
            self._drain(part)
        self._check(part, late=late)

    def _share(self, workers: Workers) -> bool:
        """Tell whether each worker has partitions of its own."""
        found = self._bus.admin().describe_consumer_groups([ENFORCEMENT])[ENFORCEMENT]
        members = found.result(DRAIN_LIMIT_S).members
        owners = {m.group_instance_id for m in members if m.assignment.topic_partitions}
        return owners == {f"{ENFORCEMENT}-{slot}" for slot in workers.present}

    def _strike(self, part: Part, workers: Workers, flowing: Load, *, late: bool) -> None:
        protected = part.command is commands.protected
        striker = Striker(self._bus, workers, in_transactions=protected, check=flowing.check)
        step = part.records / (len(part.faults) + 1)
        for number, fault in enumerate(part.faults, 1):

            def reached(mark: float = number * step) -> bool:
                striker.check()
                return flowing.sent >= mark

            wait_for(reached, "records to flow", DRAIN_LIMIT_S)
            if late and fault.kind in (Kind.KILL_LEDGER, Kind.KILL_PROVISIONING):
                self._ask(number)
            told = striker.strike(fault)
            of = f"{part.name}: fault {number} of {len(part.faults)}"
            self._tell(f"{of}, at {flowing.sent:,} records: {told}")
        striker.wait_mended()
        part.struck = striker.struck
        for thread in self._asking:
            thread.join()
        assert not self._unanswered, f"not answered: {self._unanswered}"

    def _ask(self, number: int) -> None:
        """Ask for a grant while whoever answers is struck; there are few views and many grants."""
        items = LATE[number % len(LATE)]

        def ask() -> None:
            try:
                matter = f"faults {self._plan.seed}, {number}"
                self._late.append(self._bus.grant(WANG, matter, items))
            except BaseException as error:
                self._unanswered.append(f"fault {number}: {error}")

        thread = Thread(target=ask, name=f"ask {number}")
        self._asking.append(thread)
        thread.start()

    def _drain(self, part: Part) -> None:
        self._tell(f"{part.name}: {part.sent:,} records sent; waiting for the last")

        def done() -> bool:
            return self._bus.enforced() == self._bus.raw_ends()

        def decided() -> bool:
            return self._ends() == self._ends(IsolationLevel.READ_UNCOMMITTED)

        for grant in self._late:
            self._insist(partial(self._bus.wait_live, grant))
        wait_for(partial(self._insist, done), "enforcement to catch up", DRAIN_LIMIT_S)
        wait_for(partial(self._insist, decided), "transactions to be decided", DRAIN_LIMIT_S)

    def _insist(self, ask: Callable[[], T]) -> T:
        """Ask anew, with new connections, as long as a broker is away; return the answer."""
        deadline = time.monotonic() + DRAIN_LIMIT_S
        while True:
            try:
                return ask()
            except (KafkaException, Unavailable):
                if time.monotonic() > deadline:
                    raise
                self._bus.forget_connections()

    def _ends(self, isolation: IsolationLevel = IsolationLevel.READ_COMMITTED) -> dict[Place, int]:
        """Return the present ends of all topics that are compared."""
        admin = self._bus.admin()
        topics = [RAW, accepted_topic(RESOURCE), quarantine_topic(RESOURCE), METERING]
        views = [each for each in admin.list_topics(timeout=60).topics if each.startswith("view.")]
        places = [(t, p) for t in (*topics, *views) for p in range(partition_count(admin, t))]
        return end_offsets(admin, places, isolation)

    def _check(self, part: Part, *, late: bool) -> None:
        self._tell(f"{part.name}: comparing with the reference")
        connection = {
            name: str(value) for name, value in self._bus.bus.admin_access().config().items()
        }
        ends = self._insist(self._ends)

        def found(topic: str, partition: int | None = None) -> Any:
            starts = {
                place: part.starts.get(place, 0)
                for place in ends
                if place[0] == topic and partition in (None, place[1])
            }
            return read(connection, starts)

        self._law = self._law or Law(self._bus.state(), RESOURCE, self._bus.bus.secrets)
        early = {grant.view for grant in self._grants}
        partitions = partition_count(self._bus.admin(), RAW)
        late_views = frozenset(self._law.views.keys() - early) if late else frozenset()
        checker = Checker(self._law, partitions, late_views)
        for partition in range(partitions):
            checker.take_raw(partition, found(RAW, partition))
        checker.take(ACCEPTED, found(accepted_topic(RESOURCE)))
        checker.take(QUARANTINE, found(quarantine_topic(RESOURCE)))
        for topic in self._law.views:
            checker.take(topic, found(topic))
        metering = [(record.partition, record.offset, record.content) for record in found(METERING)]
        checker.take_metering(content[1] or b"" for _, _, content in metering)
        part.counts = checker.finish()
        part.counts.miscounted += self._unstored(part, {each[:2] for each in metering})
        part.counts.lost += part.sent - len(checker.refused)
        for note in checker.notes if late else ():  # of the control they are what was wanted
            self._tell(f"{part.name}: {note}")
        self._tell(f"{part.name}: {len(checker.refused):,} records, {part.counts}")

    def _unstored(self, part: Part, metered: set[tuple[int, int]]) -> int:
        """Return how many metering records ClickHouse lacks, or has without there being any."""
        warehouse = open_warehouse(self._bus.bus, department_principal(OPERATOR))

        def stored() -> set[tuple[int, int]]:
            rows = warehouse.query("SELECT partition, offset FROM metering FINAL")
            every = {(int(row["partition"]), int(row["offset"])) for row in rows}
            return {(p, o) for p, o in every if o >= part.starts.get((METERING, p), 0)}

        wait_for(lambda: stored() >= metered, "the sink to catch up")
        return len(stored() ^ metered)
