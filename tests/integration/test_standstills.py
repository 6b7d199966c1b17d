"""What a provider is told, and what is kept, while enforcement or the broker stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import Producer

from infra.kafka.clients import Access, Config
from infra.ledger.profiles import Profile, load_profile
from producers import enforced
from producers.enforced import wait_judged
from producers.filled import wait_filled
from producers.opening import Opening, open_resource
from producers.publisher import Outcome
from producers.quarantine_command import resend
from schemas.catalogue import packaged_resource
from schemas.errors import Unavailable
from schemas.names import accepted_topic
from tests.integration.running_bus import (
    LIMIT_S,
    RESOURCE,
    SOURCE,
    ZHANG,
    RunningBus,
    finish,
    wait_for,
)
from tests.integration.synthetic_divisions import ITEMS, townships, write_csv

pytestmark = pytest.mark.integration

QIAN = "qian"
PARTITIONS = packaged_resource(RESOURCE)[0].partitions
PATIENCE_S = 1.0
QUEUE = 50


@contextmanager
def standing_still(bus: RunningBus, process: str) -> Iterator[None]:
    """Let a process of the bus stand still; it goes on in any case."""
    pid = bus.pid(process)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wait_told(process: subprocess.Popen[str], text: str) -> None:
    """Read a command's notes until one says this; fail where it ends without."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if text in line:
            return
    raise AssertionError(f"nothing was said of {text!r}: {told}")


def source_of(bus: RunningBus) -> tuple[Profile, Access, Opening]:
    """Return the source's profile, its way to the broker, and its opening of the resource."""
    profile = load_profile(bus.home, ZHANG)
    return profile, profile.access(bus.bus.cluster), open_resource(bus.bus, profile, RESOURCE)


def test_a_snapshot_waits_for_its_view_to_be_filled(own_bus: RunningBus, tmp_path: Path) -> None:
    """A grant is active before its view is filled: what is not there yet is not taken for new."""
    file = write_csv(tmp_path / "all.csv", townships("11", 20_000))
    own_bus.cli("publish", RESOURCE, file, "--as", ZHANG)
    own_bus.cli("register", "person", QIAN, "--department", SOURCE)
    own_bus.wait_enforced()
    profile, access, _ = source_of(own_bus)
    with standing_still(own_bus, "enforcement"):
        grant = own_bus.grant(QIAN, "snapshot", ITEMS)
        view = own_bus.state().views[grant.view]
        with pytest.raises(Unavailable, match="filling stands still") as error:
            wait_filled(access, f"{profile.group_prefix}test", view, PARTITIONS, PATIENCE_S)
        assert f"0 of {PARTITIONS} partitions" in error.value.problem
        assert "sharebus status" in error.value.remedy
        process = own_bus.start_cli("publish", RESOURCE, file, "--as", ZHANG, "--snapshot")
        wait_told(process, "is being filled")
    said, _ = finish(process)
    assert process.returncode == 0
    assert "0 new, 0 changed, 0 deleted, 20,000 same" in said
    assert "published 0 events" in said


def test_who_sends_again_is_told_nothing_that_was_not_judged(
    own_bus: RunningBus, tmp_path: Path
) -> None:
    """Enforcement stands still: the command waits; how many were accepted is told behind that."""
    file = write_csv(tmp_path / "mended.csv", townships("12", 5))
    profile, access, opening = source_of(own_bus)
    with standing_still(own_bus, "enforcement"):
        process = own_bus.start_cli("quarantine", "resend", RESOURCE, "--from", file, "--as", ZHANG)
        wait_told(process, "waiting for enforcement")
        with pytest.raises(Unavailable, match="enforcement stands still") as error:
            wait_judged(access, opening, profile, PATIENCE_S)
        assert f"in 0 of {PARTITIONS} partitions" in error.value.problem
        assert "sharebus status" in error.value.remedy
        assert process.poll() is None
    said, _ = finish(process)
    assert process.returncode == 0
    assert "5 accepted, 0 quarantined again" in said


def test_who_sends_again_in_vain_is_told_where_to_look(
    own_bus: RunningBus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Patience is over: nothing is claimed or lost, and the same command claims nothing."""
    rows = townships("14", 3)
    file = write_csv(tmp_path / "mended.csv", rows)
    monkeypatch.setenv("SHAREBUS_HOME", str(own_bus.home.path))
    monkeypatch.setattr(enforced, "wait_judged", partial(wait_judged, patience_s=PATIENCE_S))
    with (
        standing_still(own_bus, "enforcement"),
        pytest.raises(Unavailable, match="enforcement stands still") as error,
    ):
        resend(RESOURCE, file, ZHANG)
    assert error.value.exit_status != 0
    told = capsys.readouterr()
    assert "published 3 events" in told.out
    assert "accepted" not in told.out
    assert f"sharebus quarantine list {RESOURCE} --as {ZHANG} --since 20" in told.err

    ended = own_bus.cli("quarantine", "resend", RESOURCE, "--from", file, "--as", ZHANG)
    assert "published 0 events" in ended.stdout
    assert "accepted" not in ended.stdout
    own_bus.wait_enforced()
    own_bus.wait_decided(accepted_topic(RESOURCE))
    accepted = Counter(
        (m.key() or b"").decode() for m in own_bus.messages(accepted_topic(RESOURCE))
    )
    assert [accepted[row["code"]] for row in rows] == [1, 1, 1]


@dataclass(frozen=True)
class _SmallQueue(Access):
    """A way to the broker on which few records may wait."""

    def producer(self, overrides: Config | None = None) -> Producer:
        """Return a producer whose queue is soon full."""
        return super().producer({**(overrides or {}), "queue.buffering.max.messages": QUEUE})


def test_a_publisher_waits_where_its_queue_is_full(own_bus: RunningBus) -> None:
    """While the broker stands still, so does `upsert`; nothing fails, and nothing is lost."""
    profile, access, opening = source_of(own_bus)
    small = _SmallQueue(**{each.name: getattr(access, each.name) for each in fields(Access)})
    told: list[Outcome] = []
    publisher = opening.publisher(profile, small, told.append)
    rows = townships("13", 10 * QUEUE)
    publisher.upsert(rows[0])
    publisher.flush()

    def publish() -> None:
        for row in rows[1:]:
            publisher.upsert(row)

    sending = Thread(target=publish, daemon=True)
    with standing_still(own_bus, "broker"):
        sending.start()
        wait_for(lambda: publisher.sent > QUEUE, "the queue to be full")
        full = publisher.sent
        time.sleep(PATIENCE_S)
        assert publisher.sent == full
        assert sending.is_alive()
    sending.join(LIMIT_S)
    assert not sending.is_alive()
    assert publisher.flush() == len(rows)
    assert sorted(each.number for each in told) == list(range(len(rows)))
    assert not any(each.reason for each in told)
