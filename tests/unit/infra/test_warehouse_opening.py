"""Which warehouse is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bus import Bus
from infra.clickhouse.http import HttpWarehouse
from infra.clickhouse.native import NativeWarehouse
from infra.clickhouse.opening import open_warehouse
from infra.home import Endpoints, Home
from infra.secrets import Secrets
from infra.settings import Settings
from schemas.errors import InvalidInput, Unavailable


def bus(tmp_path: Path, url: str) -> Bus:
    """Return a bus with that setting."""
    settings = Settings(clickhouse_url=url)
    return Bus(Home(tmp_path), Endpoints("c", 1, 2, 3, 4), Secrets(b"k" * 32), settings)


def test_the_setting_decides(tmp_path: Path) -> None:
    assert isinstance(open_warehouse(bus(tmp_path, ""), "process.sink"), HttpWarehouse)
    url = "clickhouse://u:p@127.0.0.1:1/d"
    assert isinstance(open_warehouse(bus(tmp_path, url), "process.sink"), NativeWarehouse)


@pytest.mark.parametrize(
    "url", ["http://u:p@h:8123", "clickhouse:///x", "h:9000", "clickhouse://u:sesame@h:x/d"]
)
def test_an_address_that_is_none_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="SHAREBUS_CLICKHOUSE_URL") as refusal:
        open_warehouse(bus(tmp_path, url), "process.sink")
    assert "sesame" not in str(refusal.value)


def test_a_server_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    warehouse = open_warehouse(bus(tmp_path, "clickhouse://u:sesame@127.0.0.1:1/d"), "x")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1") as error:
        warehouse.query("SELECT 1")
    assert "sesame" not in f"{error.value}{error.value.__cause__}"
