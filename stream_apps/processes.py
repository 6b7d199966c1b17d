"""Entry points of the stream processes; each is a composition root: clock and ids come in here."""

from __future__ import annotations

import os

from infra.bus import Bus
from infra.clock import system_clock
from infra.processes.catalogue import Process, run_until_stopped
from infra.processes.notify import notify_ready

PROCESSES = (
    Process("ledger", "stream_apps.processes:run_ledger", "answers signed commands"),
    Process("genesis", "stream_apps.ledger.genesis:run", "the ledger's first entry", oneshot=True),
    Process("provisioning", "stream_apps.provisioning.app:run", "broker and registry by ledger"),
    Process("enforcement", "stream_apps.processes:run_enforcement", "raw to views, metered"),
    Process("inspection", "stream_apps.processes:run_inspection", "finds what should not be"),
    Process("sink", "stream_apps.metering.sink:run", "metering and findings into ClickHouse"),
)


def run_ledger(bus: Bus) -> None:
    """Answer commands until SIGTERM."""
    from infra.observability.recorder import serve_metrics
    from stream_apps.ledger.appender import LedgerAppender

    metrics = serve_metrics(bus.home, "ledger")
    appender = LedgerAppender(bus.process_access("ledger"), system_clock, metrics)
    run_until_stopped(lambda stop: appender.run(stop, notify_ready))


def run_enforcement(bus: Bus) -> None:
    """Enforce until SIGTERM, as slot 0."""
    # numba's cache is pickle: only this service's user may write it. Read when numba is imported.
    os.environ["NUMBA_CACHE_DIR"] = str(bus.home.folder("cache/numba"))
    from infra.observability.recorder import serve_metrics
    from stream_apps.enforcement.loop import EnforcementLoop

    metrics = serve_metrics(bus.home, "enforcement")
    loop = EnforcementLoop(bus.process_access("enforcement"), 0, system_clock, metrics)
    run_until_stopped(lambda stop: loop.run(stop, notify_ready))


def run_inspection(bus: Bus) -> None:
    """Inspect until SIGTERM, as slot 0."""
    from infra.observability.recorder import serve_metrics
    from stream_apps.inspection.loop import InspectionLoop

    metrics = serve_metrics(bus.home, "inspection")
    loop = InspectionLoop(bus.process_access("inspection"), 0, system_clock, metrics)
    run_until_stopped(lambda stop: loop.run(stop, notify_ready))
