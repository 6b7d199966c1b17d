"""What came of each source, asked of the real engines: the same statement serves both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumers.source_states import SourceState, source_states
from infra.clickhouse.migrate import migrate
from infra.clickhouse.port import Warehouse
from schemas.silence import Liveness
from stream_apps.enforcement.tally import Tally
from stream_apps.metering.facts import METERING_COLUMNS, metering_row
from tests.integration.infra.conftest import WarehouseServer
from tests.integration.infra.running_warehouse import WRITER
from tests.unit.ledger_story import RESOURCE, peopled, publication

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def warehouse(warehouse_server: WarehouseServer) -> Iterator[Warehouse]:
    """Return a writer's client, with empty tables."""
    client = warehouse_server.as_user(WRITER)
    for table in client.query("SELECT name FROM system.tables WHERE database = 'default'"):
        client.execute(f"DROP TABLE `{table['name']}`")
    migrate(client, lambda: NOW)
    yield client
    client.close()


def store(warehouse: Warehouse, offset: int, source: str, kind: str = "live", **said: Any) -> None:
    """Store a metering record twice, as the sink may."""
    tally = Tally(RESOURCE, source, 0, 0, kind, records=said.get("records", 0))
    tally.quarantined.update(said.get("quarantined", []))
    for name, is_heartbeat in (("record", False), ("heartbeat", True)):
        if name in said:
            tally.note(int(said[name].timestamp() * 1000), is_heartbeat=is_heartbeat)
    row = metering_row("metering", 0, offset, tally.encode(NOW, 0, 1))
    for _ in range(2):
        warehouse.insert("metering", METERING_COLUMNS, [row])


def test_each_source_of_the_catalogue_has_its_numbers_and_state(warehouse: Warehouse) -> None:
    """R13: counted once, the newest of each kind, and silent also who never sent anything."""
    story = peopled()
    story.do("zhang", publication(slaProperties=_daily()))
    resource = story.state.resources[RESOURCE]
    resource.sources = dict.fromkeys(["civil-affairs", "health", "justice"])
    day = 24 * HOUR
    store(warehouse, 1, "civil-affairs", records=10, quarantined=["truncated"], record=NOW - HOUR)
    store(warehouse, 2, "civil-affairs", records=5, record=NOW - 2 * HOUR, heartbeat=NOW - HOUR)
    store(warehouse, 3, "health", records=7, record=NOW - day - HOUR)
    store(warehouse, 4, "health", heartbeat=NOW - day)
    store(warehouse, 5, "", "backfill", records=15)
    store(warehouse, 6, "stranger", records=1)
    assert source_states(warehouse, story.state.resources, NOW) == [
        SourceState(RESOURCE, "civil-affairs", 15, 1, NOW - HOUR, NOW - HOUR, Liveness.FLOWING),
        SourceState(RESOURCE, "health", 7, 0, NOW - day - HOUR, NOW - day, Liveness.STILL),
        SourceState(RESOURCE, "justice", 0, 0, None, None, Liveness.SILENT),
    ]
    later = source_states(warehouse, story.state.resources, NOW + day)
    assert {each.state for each in later} == {Liveness.SILENT}


def _daily() -> list[dict[str, str]]:
    document = json.loads(publication().contract)
    return [
        each | {"value": "daily"} if each["property"] == "frequency" else each
        for each in document["slaProperties"]
    ]
