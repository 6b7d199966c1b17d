"""The whole bus with its facts in a ClickHouse server of somebody's own (18.16 in CI)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from schemas.names import METERING
from tests.integration.infra.clickhouse_server import ClickHouseServer, clickhouse_server
from tests.integration.infra.running_warehouse import READER, WRITER
from tests.integration.running_bus import (
    LI,
    RunningBus,
    furnish,
    running_bus,
    wait_for,
)
from tests.integration.steady_flow import flow

pytestmark = pytest.mark.integration

RATE = 500
"""Changes a second."""
STORED = "SELECT topic, partition, offset FROM metering FINAL"


@dataclass
class Setting:
    """A bus, and the server that its setting names."""

    bus: RunningBus
    server: ClickHouseServer

    def stored(self) -> Counter[tuple[int, int]]:
        """Return how often each metering record is stored, asked of the server directly."""
        client = self.server.as_user(READER)
        try:
            return Counter((row["partition"], row["offset"]) for row in client.query(STORED))
        finally:
            client.close()


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """Run a bus whose SHAREBUS_CLICKHOUSE_URL names a real server."""
    folder = tmp_path_factory.mktemp("setting")
    with (
        clickhouse_server(folder / "clickhouse") as server,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("SHAREBUS_CLICKHOUSE_URL", server.url(WRITER))
        with running_bus(folder / "home") as bus:
            furnish(bus)
            yield Setting(bus, server)


def test_the_bus_runs_no_warehouse_of_its_own(setting: Setting) -> None:
    """The process is not started, and not shown."""
    shown = setting.bus.processes()
    assert "warehouse" not in shown
    assert {row["phase"] for row in shown.values()} == {"ready", "done"}


def test_what_is_published_is_counted_exactly_through_kills_of_both_sides(
    setting: Setting,
) -> None:
    """The sink and the server are killed in the middle; each record is counted once, none twice."""
    bus, server = setting.bus, setting.server
    grant = bus.grant(LI, "own clickhouse", ("code", "name"))
    bus.wait_live(grant)
    with flow(bus, RATE, "62"):
        for victim in ("sink", "server", "sink"):
            before = sum(setting.stored().values())
            wait_for(lambda: sum(setting.stored().values()) > before, "facts to flow")  # noqa: B023
            if victim == "sink":
                bus.wait_replaced("sink", bus.kill("sink"))
            else:
                server.kill()
                server.start()
    bus.wait_enforced()
    bus.wait_stored()

    places = {(m.partition() or 0, m.offset() or 0) for m in bus.messages(METERING)}
    assert setting.stored() == Counter(places)
    delivered = len(bus.messages(grant.view))
    assert delivered > RATE
    wait_for(lambda: bus.counted()[grant.id] == delivered, f"usage to say {delivered}")
