"""Entry points of the processes that infra itself provides: broker, registry, warehouse."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from infra.bus import Bus, furnish_broker
from infra.kafka.broker import ADMIN, CONTROLLER, BrokerSettings
from infra.processes.notify import notify_ready
from schemas.names import process_principal

BROKER_READY_TIMEOUT_S = 120.0
BROKER_BEGINS_WITHIN_S = 3.0


def run_broker(bus: Bus) -> None:
    """Become Kafka: check jars, format the storage once, then `exec` java."""
    from infra.kafka import broker

    settings = _broker_settings(bus)
    broker.prepare(settings)
    argv = broker.command(settings)
    os.execv(argv[0], argv)  # noqa: S606 - an argument list, no shell; the pid stays ours


def _broker_settings(bus: Bus) -> BrokerSettings:
    from infra.kafka import jars, java

    return BrokerSettings(
        directory=bus.home.folder("kafka"),
        client_port=bus.endpoints.broker_port,
        controller_port=bus.endpoints.controller_port,
        admin_password=bus.secrets.password(ADMIN),
        controller_password=bus.secrets.password(CONTROLLER),
        cluster_id=bus.endpoints.cluster_id,
        jars=jars.default_directory(),
        java=java.find(),
    )


def furnish(bus: Bus) -> None:
    """Wait until the broker is ours and ready, then make what the bus itself needs there."""
    from infra.kafka.readiness import wait_ready
    from infra.processes.locks import Alive, lock_holder

    lock = bus.home.folder("run") / "broker.lock"
    wait_ready(
        bus.endpoints.bootstrap,
        bus.secrets.password(ADMIN),
        bus.endpoints.cluster_id,
        BROKER_READY_TIMEOUT_S,
        alive=Alive(lambda: lock_holder(lock) is not None, BROKER_BEGINS_WITHIN_S),
        log=_broker_settings(bus).log,
    )
    furnish_broker(bus)


def run_registry(bus: Bus) -> None:
    """Serve the schema registry until SIGTERM.

    Provisioning registers under the subjects of the bus's topics, the operator's department under
    all others: with its principal and password of the operator's profile, from any stock client.
    """
    from infra.registry.server import serve
    from infra.registry.writers import may_write

    serve(
        {k: str(v) for k, v in bus.process_access("registry").config().items()},
        bus.endpoints.registry_port,
        bus.secrets.authenticates,
        may_write,
        notify_ready,
        _count_answers(bus, "registry"),
    )


def run_warehouse(bus: Bus) -> None:
    """Serve ClickHouse until SIGTERM; only the sink writes, departments read."""
    from infra.clickhouse.embedded_server import serve
    from infra.clickhouse.role import Role

    def role_of(principal: str) -> Role | None:
        if principal == process_principal("sink"):
            return Role.WRITER
        return Role.READER if principal.startswith("department.") else None

    serve(
        Path(bus.home.folder("warehouse")),
        bus.endpoints.warehouse_port,
        bus.secrets.authenticates,
        role_of,
        notify_ready,
        answered=_count_answers(bus, "warehouse"),
    )


def _count_answers(bus: Bus, process: str) -> Callable[[int], None]:
    from infra.observability.recorder import serve_metrics

    metrics = serve_metrics(bus.home, process)
    return lambda status: metrics.count("sharebus_http_requests", status=status)
