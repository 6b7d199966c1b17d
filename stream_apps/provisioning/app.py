"""The provisioning process (Faust): follows the ledger, carries out what waits, reports it."""

from __future__ import annotations

from collections.abc import AsyncIterable
from functools import partial

from infra.bus import Bus
from infra.clock import new_id, system_clock
from infra.kafka.authorized import check
from infra.kafka.faust_app import build_app, run_app, run_beside
from infra.kafka.process_permissions import PROCESS_PERMISSIONS
from infra.ledger.client import LedgerClient
from infra.observability.recorder import serve_metrics
from infra.processes.notify import notify_ready
from infra.registry.client import RegistryClient
from schemas.ledger.state import PROVISIONING
from schemas.names import LEDGER, OPERATOR
from stream_apps.provisioning.cuts import Cuts
from stream_apps.provisioning.endings import Cutter
from stream_apps.provisioning.releases import Releases
from stream_apps.provisioning.tasks import Provisioner
from stream_apps.provisioning.worker import Worker


def run(bus: Bus) -> None:
    """Provision until SIGTERM. Effects are idempotent: after a crash the unreported is repeated."""
    access = bus.process_access("provisioning")
    # Faust waits in silence for a topic that it may not read.
    check(access, PROCESS_PERMISSIONS[access.principal])
    client = LedgerClient(
        access,
        "provisioning.reports",
        PROVISIONING,
        OPERATOR,
        bus.secrets.signing_key(PROVISIONING),
        clock=system_clock,
        new_id=new_id,
    )
    act_from = client.state().sequence
    provisioner = Provisioner(
        access,
        RegistryClient(bus.registry_as("provisioning")),
        bus.secrets.password,
        client.state,
        system_clock,
        bus.brokers,
    )
    metrics = serve_metrics(bus.home, "provisioning")
    worker = Worker(provisioner.pending, client.send, act_from, metrics)
    cutter = Cutter(access)
    releases = Releases(cutter, system_clock)
    cuts = Cuts(worker, cutter.end, client.submit, releases, system_clock, metrics)
    app = build_app(
        "provisioning",
        access,
        lambda assigned: dict.fromkeys(assigned, 0),
        bus.home.folder("run/provisioning"),
        notify_ready,
    )

    @app.agent(app.topic(LEDGER), concurrency=1)
    async def provision(entries: AsyncIterable[bytes]) -> None:
        async for message in entries:
            worker.follow(message)

    run_beside(app, partial(worker.take_turns, worker.carry_out), "tasks")
    run_beside(app, partial(worker.take_turns, cuts.carry_out), "cuts")
    run_app(app)
