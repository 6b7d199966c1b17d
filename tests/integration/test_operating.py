"""A bus as its operators meet it: status, metrics, and processes that end when they are told."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.observability.recorder import endpoints
from infra.processes.supervisor import STOP_TIMEOUT_S
from tests.integration.running_bus import (
    COMMAND_LIMIT_S,
    LI,
    RESOURCE,
    ZHANG,
    RunningBus,
    finish,
    wait_for,
)
from tests.integration.synthetic_divisions import townships, write_csv

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

SERVICES = (
    "sink",
    "inspection",
    "enforcement",
    "provisioning",
    "ledger",
    "warehouse",
    "registry",
    "broker",
)
ROWS = 300


def shown(bus: RunningBus) -> str:
    """Return all metrics of the bus, as Prometheus would read them."""
    found = endpoints(bus.home, ["supervisor", *SERVICES])
    assert found.keys() == {"supervisor", *SERVICES} - {"broker"}
    texts = []
    for address in found.values():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
            texts.append(answer.read().decode())
    return "\n".join(texts)


def test_metrics_count_what_was_done_and_status_shows_that_nothing_is_left(
    own_bus: RunningBus, tmp_path: Path
) -> None:
    """Records in and out, answers, rows: as many as there were; and no word of a record."""
    grant = own_bus.grant(LI, "metrics", ("code", "name"))
    own_bus.wait_live(grant)
    rows = townships("63", ROWS)
    own_bus.cli("publish", RESOURCE, write_csv(tmp_path / "rows.csv", rows), "--as", ZHANG)
    own_bus.wait_enforced()
    own_bus.wait_stored()

    def settled() -> bool:
        found = own_bus.processes()
        flowing = ("enforcement", "inspection", "sink", "provisioning", "ledger")
        return all(found[name]["behind"] == 0 for name in flowing)

    wait_for(settled, "status to show nothing behind")
    found = own_bus.processes()
    assert not any(row["problem"] for row in found.values())
    assert found["enforcement"]["last_commit"]
    assert found["inspection"]["last_commit"]
    text = shown(own_bus)
    let_out = f'sharebus_enforcement_records_out_total{{resource="{RESOURCE}",view="'
    assert f'sharebus_enforcement_records_in_total{{resource="{RESOURCE}"}} {ROWS}.0' in text
    assert let_out in text
    for row in rows:
        assert row["code"] not in text
        assert row["name"] not in text


def test_status_names_work_that_stands_still(own_bus: RunningBus, tmp_path: Path) -> None:
    """Records wait while enforcement is stopped: status counts them at the broker, and says so."""
    pid = own_bus.pid("enforcement")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        rows = townships("64", ROWS)
        own_bus.cli("publish", RESOURCE, write_csv(tmp_path / "rows.csv", rows), "--as", ZHANG)
        said: Callable[[], str] = lambda: own_bus.processes()["enforcement"]["problem"]  # noqa: E731
        told = wait_for(said, "status to say that enforcement stands still")
        assert f"{ROWS} records behind" in told
    finally:
        os.kill(pid, signal.SIGCONT)


def test_status_names_a_ledger_that_answers_nobody(own_bus: RunningBus) -> None:
    """A command waits while the ledger's writer stands still: status counts it, and says so."""
    pid = own_bus.pid("ledger")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    asking = own_bus.start_cli("register", "department", "waiting", "--name", "等待部门")
    try:
        said: Callable[[], str] = lambda: own_bus.processes()["ledger"]["problem"]  # noqa: E731
        told = wait_for(said, "status to say that the ledger stands still")
        assert "1 command behind" in told
    finally:
        os.kill(pid, signal.SIGCONT)
        finish(asking, COMMAND_LIMIT_S)
    wait_for(lambda: own_bus.processes()["ledger"]["behind"] == 0, "the ledger to answer")


def test_each_process_ends_when_it_is_told(own_bus: RunningBus) -> None:
    """SIGTERM ends `sharebus run NAME` in order, long before anybody would kill it."""
    seconds = {}
    for name in SERVICES:
        pid = own_bus.pid(name)
        assert pid is not None
        began = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists(), f"{name} to end")  # noqa: B023
        seconds[name] = round(time.monotonic() - began, 2)
        own_bus.wait_replaced(name, pid)
    print(seconds)  # noqa: T201 - measured for whoever reads the log of the tests
    assert max(seconds.values()) < STOP_TIMEOUT_S


def test_each_process_ends_while_the_broker_says_nothing(own_bus: RunningBus) -> None:
    """What it waits for then is not waited for: no process has to be killed to end."""
    broker, names = own_bus.pid("broker"), SERVICES[:-1]
    pids = {name: pid for name in names if (pid := own_bus.pid(name)) is not None}
    assert broker is not None
    assert pids.keys() == set(names)
    os.kill(broker, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
        seconds = {}
        for name, pid in pids.items():
            wait_for(lambda: not Path(f"/proc/{pid}/cmdline").exists(), f"{name} to end")  # noqa: B023
            seconds[name] = round(time.monotonic() - began, 2)
        print(seconds)  # noqa: T201 - measured for whoever reads the log of the tests
        assert max(seconds.values()) < STOP_TIMEOUT_S
    finally:
        os.kill(broker, signal.SIGCONT)
    for name, pid in pids.items():
        own_bus.wait_replaced(name, pid)


def test_status_is_useful_while_the_broker_is_down(own_bus: RunningBus) -> None:
    """It says that nobody answers, with exit status 5, and still shows every process."""
    own_bus.cli("down")
    assert {row["phase"] for row in own_bus.json("status")} == {"stopped"}
    own_bus.cli("up")
    pid = own_bus.pid("broker")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        ended = own_bus.cli("status", status=5)
        assert "does not answer" in ended.stdout
        assert "sink" in ended.stdout
    finally:
        os.kill(pid, signal.SIGCONT)
