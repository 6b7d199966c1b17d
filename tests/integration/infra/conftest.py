"""The servers behind the warehouse port: its contract is tested on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from infra.clickhouse.port import Warehouse
from tests.integration.infra.clickhouse_server import clickhouse_server
from tests.integration.infra.running_warehouse import running_warehouse


class WarehouseServer(Protocol):
    """A server over one directory, which a test may kill and start again."""

    process: Any

    def as_user(self, credentials: tuple[str, str]) -> Warehouse:
        """Return the port's adapter with a user's credential."""

    def start(self) -> None:
        """Start it again, and wait until it answers."""

    def kill(self) -> None:
        """End it as a power cut would."""


@pytest.fixture(scope="module", params=["embedded", "native"])
def warehouse_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarehouseServer]:
    """Run chDB behind HTTP, then a ClickHouse server; the tests of a file share each."""
    folder = tmp_path_factory.mktemp("warehouse")
    run = running_warehouse if request.param == "embedded" else clickhouse_server
    with run(folder) as server:
        yield server
