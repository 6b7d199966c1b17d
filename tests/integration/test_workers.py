"""Several workers enforce side by side, each its share; joining and leaving moves shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from infra.observability import workers
from infra.processes.locks import lock_holder
from schemas.names import ENFORCEMENT
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    ZHANG,
    RunningBus,
    finish,
    furnish,
    is_raw,
    running_bus,
    wait_for,
)
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration
ROWS = townships("63", 400)
Shares = dict[str, frozenset[tuple[str, int]]]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """Return a bus on which two workers enforce."""
    home = tmp_path_factory.mktemp("workers") / "home"
    with running_bus(home, "--workers", "2") as running:
        furnish(running)
        yield running


def shares(bus: RunningBus) -> Shares:
    """Return which partitions each static member of the group has; nothing while it is unsettled.

    A member that has ended keeps its share until its session is over.
    """
    group = bus.admin().describe_consumer_groups([ENFORCEMENT])[ENFORCEMENT].result(LIMIT_S)
    found = {
        member.group_instance_id: frozenset(
            (place.topic, place.partition) for place in member.assignment.topic_partitions
        )
        for member in group.members
    }
    every = [place for share in found.values() for place in share]
    known = bus.admin().list_topics(timeout=LIMIT_S).topics
    raw = {(t, p) for t, each in known.items() if is_raw(t) for p in each.partitions}
    is_whole = len(every) == len(raw) and set(every) == raw
    return found if is_whole and all(found.values()) else {}


def wait_shared(bus: RunningBus, *slots: int) -> Shares:
    """Wait until exactly these slots share all partitions, each with some."""
    members = {f"enforcement-{slot}" for slot in slots}

    def shared() -> Shares:
        found = shares(bus)
        return found if found.keys() == members else {}

    return wait_for(shared, f"{members} to share the partitions")


def publish(bus: RunningBus, turns: int) -> int:
    with bus.publisher(ZHANG) as publisher:
        for _ in range(turns):
            for row in ROWS:
                publisher.upsert(row)
            publisher.flush()
    return turns * len(ROWS)


def test_every_worker_has_a_row_and_a_share(bus: RunningBus) -> None:
    """Two processes under one supervisor; each key's partition is one worker's."""
    found = bus.processes()
    assert found["enforcement"]["phase"] == found["enforcement-1"]["phase"] == "ready"
    assert found["enforcement"]["pid"] != found["enforcement-1"]["pid"]
    wait_shared(bus, 0, 1)


def test_a_worker_joins_and_leaves_while_records_flow(bus: RunningBus) -> None:
    """Every record comes out once and in order of its key, whoever had its partition meanwhile."""
    grant = bus.grant(LI, "workers", ("code", "name"))
    bus.wait_live(grant)
    sent = publish(bus, 2)
    third = bus.start_cli("run", "enforcement", "--slot", "2")
    try:
        sent += publish(bus, 2)
        wait_shared(bus, 0, 1, 2)
        assert (
            "enforcement-2 is running already"
            in bus.cli("run", "enforcement", "--slot", "2", status=5).stderr
        )
        assert lock_holder(bus.home.folder("run") / "enforcement-2.lock") == third.pid
        sent += publish(bus, 2)
    finally:
        third.send_signal(signal.SIGTERM)
        _, err = finish(third)
    assert third.returncode == 0, err
    sent += publish(bus, 2)
    wait_shared(bus, 0, 1)
    bus.wait_enforced()
    delivered: dict[bytes | None, list[int]] = {}
    raw: dict[bytes | None, list[int]] = {}
    events = {"view": delivered, "raw": raw}
    for name, topic in (("view", grant.view), ("raw", "raw.geography.division.civil-affairs")):
        for message in bus.messages(topic):
            # Behind the frame: the event id, 36 characters, which the view keeps.
            events[name].setdefault(message.key(), []).append(hash((message.value() or b"")[5:42]))
    assert delivered == raw
    assert sum(map(len, delivered.values())) == sent
    bus.wait_stored()
    assert bus.counted()[grant.id] == sent


def test_status_tells_which_worker_has_which_lag(bus: RunningBus) -> None:
    """Each has that of its partitions; what no worker has is told apart, and not as anybody's."""
    publish(bus, 1)
    bus.wait_enforced()
    members = wait_shared(bus, 0, 1)
    assert workers.shares(bus.bus.admin_access(), LIMIT_S) == {
        "enforcement": members["enforcement-0"],
        "enforcement-1": members["enforcement-1"],
    }
    names = ("enforcement", "enforcement-1")

    def settled() -> bool:
        found = [bus.processes()[name] for name in names]
        return all(row["behind"] == 0 and row["last_commit"] for row in found)

    wait_for(settled, "each worker to have committed, and nothing to be left")
    pids = [pid for pid in map(bus.pid, names) if pid is not None]
    assert len(pids) == len(names)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        publish(bus, 1)
        # When their sessions are over; they are not members then.
        told = f"{workers.NOBODY} is {len(ROWS)} records behind"
        wait_for(lambda: told in bus.processes()["broker"]["problem"], told)
        assert [bus.processes()[name]["behind"] for name in names] == [None, None]
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_for(settled, "the workers to come back")


def test_the_number_of_workers_is_kept_until_said_anew(bus: RunningBus) -> None:
    bus.cli("down")
    bus.cli("up")
    bus.forget_connections()
    assert {"enforcement", "enforcement-1"} <= bus.processes().keys()
    bus.cli("down")
    bus.cli("up", "--workers", "1")
    bus.forget_connections()
    found = bus.processes()
    assert "enforcement-1" not in found
    assert found["enforcement"]["phase"] == "ready"
