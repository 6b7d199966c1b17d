"""Entry points of the stream processes; each is a composition root: clock and ids come in here."""

from __future__ import annotations

import gc
import os

from infra.bus import Bus
from infra.clock import system_clock
from infra.home import Home
from infra.processes.catalogue import Process, run_until_stopped
from infra.processes.notify import notify_ready
from schemas.names import ENFORCEMENT

_BEFORE = (
    Process("ledger", "stream_apps.processes:run_ledger", "answers signed commands"),
    Process("genesis", "stream_apps.ledger.genesis:run", "the ledger's first entry", oneshot=True),
    Process("provisioning", "stream_apps.provisioning.app:run", "broker and registry by ledger"),
)
_AFTER = (
    Process("inspection", "stream_apps.processes:run_inspection", "finds what should not be"),
    Process("sink", "stream_apps.metering.sink:run", "metering and findings into ClickHouse"),
)


def stream_processes(workers: int) -> tuple[Process, ...]:
    """Return the stream processes of a bus on which so many workers enforce, in their order."""
    return (*_BEFORE, *map(enforcement_process, range(workers)), *_AFTER)


def enforcement_process(slot: int) -> Process:
    """Return one worker of enforcement: `enforcement`, or `enforcement-N` behind the first.

    A slot is one transactional id and one static member of the group; the process's name is its
    lock, so that a slot has one process.
    """
    return Process(
        worker_name(slot),
        "stream_apps.processes:run_enforcement",
        "raw to views, metered" + (f"; slot {slot}" if slot else ""),
        number=slot,
    )


def worker_name(slot: int) -> str:
    """Return the name of the process that enforces as this slot."""
    return f"{ENFORCEMENT}-{slot}" if slot else ENFORCEMENT


def run_ledger(bus: Bus) -> None:
    """Answer commands until SIGTERM."""
    from infra.observability.recorder import serve_metrics
    from stream_apps.ledger.appender import LedgerAppender

    metrics = serve_metrics(bus.home, "ledger")
    appender = LedgerAppender(bus.process_access("ledger"), system_clock, metrics)
    run_until_stopped(lambda stop: appender.run(stop, notify_ready))


def run_enforcement(bus: Bus, slot: int = 0) -> None:
    """Enforce until SIGTERM, as one worker of the group."""
    set_compiler_cache(bus.home)
    from infra.observability.recorder import serve_metrics
    from stream_apps.enforcement.loop import EnforcementLoop
    from stream_apps.enforcement.warming import compile_kernel

    compile_kernel()
    collect_rarely()
    metrics = serve_metrics(bus.home, ENFORCEMENT, worker_name(slot))
    access, limits = bus.process_access(ENFORCEMENT), bus.settings.limits
    loop = EnforcementLoop(access, slot, system_clock, bus.secrets, metrics, limits)
    run_until_stopped(lambda stop: loop.run(stop, notify_ready))


def collect_rarely() -> None:
    """Let Python look for cycles rarely: records make none, and are many.

    With a thousand views a sixth of the time went into it.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def run_inspection(bus: Bus) -> None:
    """Inspect until SIGTERM, as slot 0."""
    from infra.observability.recorder import serve_metrics
    from stream_apps.inspection.loop import InspectionLoop

    metrics = serve_metrics(bus.home, "inspection")
    loop = InspectionLoop(bus.process_access("inspection"), 0, system_clock, metrics)
    run_until_stopped(lambda stop: loop.run(stop, notify_ready))


def set_compiler_cache(home: Home) -> None:
    """Tell numba where to keep what it compiled; to be called before it is imported.

    Its cache is pickle, so only the service's user may write it.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home.folder("cache/numba")))
