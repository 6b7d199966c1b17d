"""Entry points of the processes that infra itself provides: broker, registry, warehouse."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from infra.bus import Bus, broker_is_running, furnish_broker
from infra.kafka.broker import ADMIN, CONTROLLER, BrokerSettings
from infra.processes.notify import notify_ready
from schemas.names import process_principal

BROKER_READY_TIMEOUT_S = 120.0
BROKER_BEGINS_WITHIN_S = 3.0
# Three nodes on one machine: each keeps what one keeps, and serves a third of it.
HEAP_ALONE_MB, HEAP_OF_THREE_MB = 512, 320


def run_broker(bus: Bus, number: int) -> None:
    """Become a node of Kafka: check jars, format the storage once, then `exec` java."""
    from infra.kafka import broker

    settings = _broker_settings(bus, number)
    broker.prepare(settings)
    argv = broker.command(settings)
    os.execv(argv[0], argv)  # noqa: S606 - an argument list, no shell; the pid stays ours


def _broker_settings(bus: Bus, number: int) -> BrokerSettings:
    from infra.kafka import jars, java

    nodes = bus.endpoints.nodes
    alone = len(nodes) == 1
    return BrokerSettings(
        directory=bus.home.folder("kafka" if alone else f"kafka/{number}"),
        client_port=nodes[number - 1].broker_port,
        controller_ports=tuple(node.controller_port for node in nodes),
        node=number,
        heap_mb=HEAP_ALONE_MB if alone else HEAP_OF_THREE_MB,
        admin_password=bus.secrets.password(ADMIN),
        controller_password=bus.secrets.password(CONTROLLER),
        cluster_id=bus.endpoints.cluster_id,
        jars=jars.default_directory(),
        java=java.find(),
    )


def furnish(bus: Bus) -> None:
    """Wait until the broker is ours and ready, then make what the bus itself needs there."""
    from infra.kafka.readiness import wait_ready
    from infra.processes.locks import Alive

    own = bus.existing is None
    wait_ready(
        bus.admin_access(),
        bus.endpoints.cluster_id,
        BROKER_READY_TIMEOUT_S,
        alive=Alive(lambda: broker_is_running(bus), BROKER_BEGINS_WITHIN_S) if own else _always,
        log=_broker_settings(bus, 1).log if own else None,
        nodes=bus.brokers,
    )
    furnish_broker(bus)


def _always() -> bool:
    return True


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
