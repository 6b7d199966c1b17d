"""The bus comes back: after `down` and `up`, after its broker was killed, after its keeper was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message

from consumers.subscription import Subscription
from infra.home import read_json
from infra.kafka.clients import close
from infra.processes.background import status_file
from schemas.ledger.subjects import Grant
from schemas.names import raw_topic
from tests.integration.running_bus import (
    LI,
    RESOURCE,
    SOURCE,
    WANG,
    ZHANG,
    RunningBus,
    finish,
    wait_for,
)
from tests.integration.synthetic_divisions import townships, write_csv

pytestmark = pytest.mark.integration

FEW, MORE = townships("21", 120), townships("22", 60)


@pytest.fixture(scope="module")
def grant(own_bus: RunningBus) -> Grant:
    """Return a grant whose view holds records."""
    grant = own_bus.grant(LI, "restarts")
    own_bus.wait_live(grant)
    with own_bus.publisher() as publisher:
        for row in FEW:
            publisher.upsert(row)
    own_bus.wait_enforced()
    return grant


def read(bus: RunningBus, grant: Grant, group: str) -> set[tuple[int, int]]:
    """Return where what a group had not read yet stood."""
    with Subscription(bus.properties(grant), group=group, until_end=True) as subscription:
        return {(record.partition, record.offset) for record in subscription}


def assert_counts_agree(bus: RunningBus, grant: Grant, group: str) -> None:
    """What was delivered, what a new group reads, and what was counted are the same."""
    bus.wait_enforced()
    bus.wait_stored()
    delivered = {(m.partition() or 0, m.offset() or 0) for m in bus.messages(grant.view)}
    assert read(bus, grant, group) == delivered
    assert bus.counted()[grant.id] == len(delivered)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def is_fenced(message: Message | None) -> bool:
    """Tell whether a consumer says that another took its place."""
    error = message.error() if message else None
    return error is not None and error.code() == KafkaError._FATAL


def pids(bus: RunningBus) -> list[int]:
    """Return the pids of the bus's processes, its supervisor's first."""
    found = [int(row["pid"]) for row in bus.processes().values() if row["pid"]]
    return [int(read_json(status_file(bus.home))["supervisor"]), *found]


def test_down_ends_everything_and_up_brings_it_back(own_bus: RunningBus, grant: Grant) -> None:
    """Nothing runs after `down`; after `up` data, grants, offsets and ports are as they were."""
    assert len(read(own_bus, grant, "steady")) == len(FEW)
    running, endpoints, ledger = pids(own_bus), own_bus.bus.endpoints, own_bus.state().sequence
    subscriber = own_bus.start_cli("subscribe", "--grant", grant.id, "--group", "waiting")
    assert subscriber.stdout is not None
    assert all("offset" in json.loads(subscriber.stdout.readline()) for _ in FEW)

    own_bus.cli("down")
    assert not [pid for pid in running if is_alive(pid)]
    assert "No bus is running" in own_bus.cli("down").stdout
    assert_waits_until_interrupted(subscriber)
    told = own_bus.cli("grants", status=5).stderr
    assert "the bus is not running" in told
    assert "sharebus up" in told

    own_bus.cli("up")
    own_bus.forget_connections()
    assert own_bus.bus.endpoints == endpoints
    state = own_bus.state()
    assert state.sequence == ledger
    assert state.grants[grant.id] == grant
    # The file that was handed out before is still good, and the group goes on where it stopped.
    assert read(own_bus, grant, "steady") == set()
    assert_counts_agree(own_bus, grant, "after-up")


def assert_waits_until_interrupted(subscriber: subprocess.Popen[str]) -> None:
    """A subscriber whose broker went away says so once, waits, and ends at Ctrl-C in order."""
    assert subscriber.stderr is not None
    said = subscriber.stderr.readline()
    assert "is tried again" in said
    subscriber.send_signal(signal.SIGINT)
    out, err = finish(subscriber)
    assert subscriber.returncode == 130, err
    assert out == ""
    assert f"read {len(FEW)} records" in err
    assert "Traceback" not in err


def test_the_bus_recovers_when_its_broker_is_killed(
    own_bus: RunningBus, grant: Grant, tmp_path: Path
) -> None:
    """After `kill -9` of Kafka everything goes on by itself: publishing, granting, counting."""
    own_bus.wait_replaced("broker", own_bus.kill("broker"))
    own_bus.forget_connections()
    file = write_csv(tmp_path / "more.csv", MORE)
    own_bus.cli("publish", RESOURCE, file, "--as", ZHANG)
    assert_counts_agree(own_bus, grant, "after-broker")

    later = own_bus.grant(WANG, "after the kill", ("code", "name"))
    own_bus.wait_live(later)
    assert len(read(own_bus, later, "default")) >= len(FEW) + len(MORE)


def test_a_worker_that_lost_its_place_starts_again(own_bus: RunningBus, grant: Grant) -> None:
    """An enforcement worker whose static member was fenced ends, and is started anew.

    That happens also without an intruder, when the broker was away longer than a session lasts;
    the worker then went on without getting anything any more.
    """
    pid = own_bus.pid("enforcement")
    assert pid is not None

    def intrude() -> bool:
        # Who joins last has the name: the new worker takes it back, or the old one does, when it
        # was just about to join; then the intruder has to come again.
        intruder = own_bus.bus.admin_access().consumer(
            "enforcement",
            {"group.instance.id": "enforcement-0", "partition.assignment.strategy": "range"},
        )
        intruder.subscribe([raw_topic(RESOURCE, SOURCE)])
        wait_for(lambda: is_fenced(intruder.poll(0.1)), "the intruder to be fenced")
        close(intruder)
        return own_bus.pid("enforcement") != pid

    wait_for(intrude, "the worker to end")
    own_bus.wait_replaced("enforcement", pid)
    with own_bus.publisher() as publisher:
        publisher.upsert(FEW[0])
    assert_counts_agree(own_bus, grant, "after-intruder")


def test_up_after_the_supervisor_was_killed(own_bus: RunningBus, grant: Grant) -> None:
    """A killed supervisor leaves no process behind, and `up` starts the bus as it was."""
    supervisor, *others = pids(own_bus)
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not [pid for pid in others if is_alive(pid)], "its processes to end")
    own_bus.cli("up")
    own_bus.forget_connections()
    assert_counts_agree(own_bus, grant, "after-supervisor")
