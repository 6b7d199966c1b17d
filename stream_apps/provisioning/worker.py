"""Carries out what the ledger asks for, task by task, and reports each.

A task that can't be done now holds up no other one, and is tried again every second.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Final

from infra.observability.recorder import Recorder
from schemas.errors import CommandRefused, SharebusError
from schemas.ledger.acts import Act
from schemas.ledger.chain import fold
from schemas.ledger.entry import Entry, decode_entry
from schemas.ledger.state import LedgerState
from stream_apps.provisioning.tasks import Task

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
REPORTS: Final = uuid.UUID("5b0a2f5e-35a0-5f0e-9a6e-0d7c3c1f51a0")
"""Name space of the reports' command ids: one per subject, so that none counts twice."""


class Worker:
    """Follows the ledger; one task at a time.

    Args:
        pending: gives the tasks that wait in a state, the urgent ones first.
        send: sends a report under a command id, and returns the ledger's answer.
        act_from: entries before this one are only folded: what they still ask for shows at it,
            less what was reported meanwhile.
        metrics: counts tasks and failures.
    """

    def __init__(
        self,
        pending: Callable[[LedgerState], Iterable[Task]],
        send: Callable[[Act, uuid.UUID], Entry],
        act_from: int,
        metrics: Recorder | None = None,
    ) -> None:
        self._pending, self._send, self._act_from = pending, send, act_from
        self._metrics = metrics or Recorder("provisioning")
        self._state = LedgerState()
        self._settled: set[str] = set()
        self._turn = asyncio.Lock()

    async def follow(self, message: bytes) -> None:
        """Fold one entry of the ledger, and carry out what waits then.

        A new assignment starts from entry 0 again; what is folded is passed over.
        """
        async with self._turn:
            if decode_entry(message).sequence > self._state.sequence:
                fold(self._state, message)
                self._metrics.set("sharebus_ledger_position", self._state.sequence)
                if self._state.sequence >= self._act_from:
                    await self._carry_out()

    async def retry(self) -> None:
        """Try again what failed, and do what has become due: to be called every `RETRY_S`."""
        async with self._turn:
            if self._state.sequence >= self._act_from:
                await self._carry_out()

    async def _carry_out(self) -> None:
        # A report's own entry comes later; until then the subject still looks pending.
        tasks = [t for t in self._pending(self._state) if t.subject not in self._settled]
        for number, task in enumerate(tasks):
            self._metrics.set("sharebus_provisioning_pending", len(tasks) - number)
            await self._try(task)
        left = sum(task.subject not in self._settled for task in tasks)
        self._metrics.set("sharebus_provisioning_pending", left)

    async def _try(self, task: Task) -> None:
        try:
            await asyncio.to_thread(self._do_and_report, task)
        except CommandRefused as error:
            self._metrics.count("sharebus_provisioning_failures")
            log.warning("the report on %s was refused: %s", task.subject, error)
        except SharebusError as error:
            self._metrics.count("sharebus_provisioning_failures")
            if error.retryable:
                log.warning("%s is tried again in %.0f s: %s", task.subject, RETRY_S, error)
                return
            log.error("%s can't be provisioned: %s", task.subject, error)
        self._settled.add(task.subject)

    def _do_and_report(self, task: Task) -> None:
        self._send(task.do(), uuid.uuid5(REPORTS, task.subject))
