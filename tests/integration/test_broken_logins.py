"""A connection that breaks while it logs in is no refusal: the grant has not ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consumers.subscription import Subscription
from infra.kafka.clients import Access
from infra.kafka.readiness import wait_ready
from schemas.ledger.subjects import Grant
from schemas.policy import Match, RowFilter
from tests.faults.proxy import Harm, Proxy, Rule
from tests.faults.wire import Api
from tests.integration.running_bus import LI, LIMIT_S, RunningBus
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

PROVINCE = "87"
ROWS = townships(PROVINCE, 20)
KEYS = {row["code"] for row in ROWS}
TIMES = 3


@pytest.fixture(scope="module")
def grant(bus: RunningBus) -> Grant:
    """A grant whose view, which no other test has, holds every row."""
    rows = RowFilter("code", Match.PREFIX, (PROVINCE,))
    granted = bus.grant(LI, "broken", ("code", "name"), rows)
    bus.wait_live(granted)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()
    return granted


@contextmanager
def breaking_logins(bus: RunningBus) -> Iterator[tuple[str, Rule]]:
    """Give an address of the broker at which the first logins break, and what breaks them."""
    port = int(bus.bus.admin_access().bootstrap.rpartition(":")[2])
    with Proxy([port]) as proxy:
        proxy.rule = Rule(Harm.CUT, {Api.SASL_HANDSHAKE}, TIMES)
        yield f"127.0.0.1:{proxy.ports[port]}", proxy.rule


def test_a_reader_goes_on(bus: RunningBus, grant: Grant) -> None:
    """As when a broker is killed in that moment: before, the reader said that the grant ended."""
    properties = bus.properties(grant)
    with breaking_logins(bus) as (address, rule):
        config = {**properties.config, "bootstrap.servers": address}
        with Subscription(replace(properties, config=config), until_end=True) as subscription:
            read = {record.key for record in subscription}
    assert rule.times == 0
    assert read == KEYS


def test_the_program_of_the_kit_goes_on(bus: RunningBus, grant: Grant, tmp_path: Path) -> None:
    """What is handed to a department that has nothing of ours but a folder."""
    kit = tmp_path / "kit"
    bus.cli("grants", "kit", grant.id, "--out", kit)
    properties = kit / "client.properties"
    address = bus.bus.admin_access().bootstrap
    with breaking_logins(bus) as (broken, rule):
        properties.write_text(properties.read_text("utf-8").replace(address, broken), "utf-8")
        done = subprocess.run(
            [sys.executable, "-I", kit / "read_view.py", str(len(ROWS)), "--group", "kit"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        )
    assert rule.times == 0
    assert len(done.stdout.splitlines()) == len(ROWS)


def test_a_broker_that_breaks_them_is_waited_for(bus: RunningBus) -> None:
    """`sharebus up` waits for its own broker, which may end once while it starts."""
    access = bus.bus.admin_access()
    cluster = str(access.admin().list_topics(timeout=LIMIT_S).cluster_id)
    with breaking_logins(bus) as (address, rule):
        administrator = Access(address, access.principal, access.password)
        wait_ready(administrator, cluster, LIMIT_S, lambda: True)
    assert rule.times == 0
