"""The one place that opens the bus's warehouse: its own, or the server that a setting names."""

from __future__ import annotations

from infra.bus import Bus
from infra.clickhouse.port import Warehouse


def open_warehouse(bus: Bus, principal: str, timeout_s: float = 60) -> Warehouse:
    """Return the warehouse; nothing is connected yet.

    Args:
        bus: tells where it is.
        principal: of the bus, such as `process.sink`. At a server of one's own the user is the one
            in its URL, whoever asks: who may come in there is that server's to say.
        timeout_s: for each answer, in seconds.

    Raises:
        InvalidInput: the setting `clickhouse_url` is none of a ClickHouse server.
    """
    if bus.settings.clickhouse_url:
        from infra.clickhouse.native import NativeWarehouse

        return NativeWarehouse(bus.settings.clickhouse_url, timeout_s)
    from infra.clickhouse.http import HttpWarehouse

    password = bus.secrets.password(principal)
    return HttpWarehouse(bus.endpoints.warehouse_url, principal, password, timeout_s)
