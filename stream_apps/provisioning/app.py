"""The provisioning process: follows the ledger, carries out what waits, sends the reports."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterable
from typing import Final

from infra.bus import Bus
from infra.clock import new_id, system_clock
from infra.kafka.faust_app import build_app, run_app
from infra.ledger.client import LedgerClient
from infra.ledger.follower import LedgerFollower
from infra.processes.notify import notify_ready
from infra.registry.client import RegistryClient
from schemas.errors import CommandRefused, SharebusError
from schemas.ledger.chain import fold
from schemas.ledger.entry import decode_entry
from schemas.ledger.state import PROVISIONING, LedgerState
from schemas.names import LEDGER, OPERATOR
from stream_apps.provisioning.tasks import Provisioner, Task

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
REPORTS: Final = uuid.UUID("5b0a2f5e-35a0-5f0e-9a6e-0d7c3c1f51a0")
"""Name space of the reports' command ids: one per subject, so that none counts twice."""


def run(bus: Bus) -> None:
    """Provision until SIGTERM. Effects are idempotent: after a crash the unreported is repeated."""
    access = bus.process_access("provisioning")
    with LedgerFollower(access, "provisioning.start") as follower:
        follower.catch_up()
        act_from = follower.state.sequence
    provisioner = Provisioner(
        access,
        RegistryClient(bus.endpoints.registry_url, access.principal, access.password),
        bus.secrets.password,
    )
    client = LedgerClient(
        access,
        "provisioning.reports",
        PROVISIONING,
        OPERATOR,
        bus.secrets.signing_key(PROVISIONING),
        clock=system_clock,
        new_id=new_id,
    )
    worker = _Worker(provisioner, client, act_from)
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
            await worker.follow(message)

    run_app(app)


class _Worker:
    def __init__(self, provisioner: Provisioner, client: LedgerClient, act_from: int) -> None:
        self._provisioner, self._client, self._act_from = provisioner, client, act_from
        self._state = LedgerState()
        self._carried_out: set[str] = set()

    async def follow(self, message: bytes) -> None:
        # A new assignment starts from entry 0 again; what is folded is passed over.
        if decode_entry(message).sequence <= self._state.sequence:
            return
        fold(self._state, message)
        # Entries written before this process started are only folded: what they still ask for
        # shows at the last of them, less what was reported meanwhile.
        if self._state.sequence >= self._act_from:
            # A report's own entry comes later; until then the subject still looks pending.
            for task in list(self._provisioner.pending(self._state)):
                if task.subject not in self._carried_out:
                    await self._carry_out(task)

    async def _carry_out(self, task: Task) -> None:
        while True:
            try:
                await asyncio.to_thread(self._do_and_report, task)
                self._carried_out.add(task.subject)
                return
            except CommandRefused as error:
                log.warning("the report on %s was refused: %s", task.subject, error)
                return
            except SharebusError as error:
                if not error.retryable:
                    log.error("can't be provisioned: %s", error)
                    return
                log.warning("provisioning is tried again in %.0f s: %s", RETRY_S, error)
                await asyncio.sleep(RETRY_S)

    def _do_and_report(self, task: Task) -> None:
        self._client.send(task.do(), uuid.uuid5(REPORTS, task.subject))
