"""Carries out what the ledger asks for, task by task, and reports each.

A task that can't be done now holds up no other one, and is tried again every second. What has to
end does not wait for tasks: `cuts.py` ends it beside them.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from infra.observability.recorder import Recorder
from schemas.clock import micros
from schemas.errors import CommandRefused, NotYet, SharebusError
from schemas.ledger.acts import Act
from schemas.ledger.chain import fold
from schemas.ledger.entry import Entry, decode_entry
from schemas.ledger.state import PROVISIONING, LedgerState
from stream_apps.provisioning.tasks import Task

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0
REPORTS: Final = uuid.UUID("5b0a2f5e-35a0-5f0e-9a6e-0d7c3c1f51a0")
"""Name space of the reports' command ids: one per subject, so that none counts twice."""


def report_id(subject: str) -> uuid.UUID:
    """Return the command id of a subject's report."""
    return uuid.uuid5(REPORTS, subject)


class Worker:
    """Follows the ledger; one task at a time.

    Args:
        pending: gives the tasks that wait in a state.
        send: sends a report under a command id, and returns the ledger's answer.
        act_from: entries before this one are only folded: what they still ask for shows at it,
            less what was reported meanwhile.
        metrics: counts tasks and failures.

    Attributes:
        state: of the ledger, as far as it is followed.
        letting_in: the grant whose access is being made just now, or nothing.
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
        self._settled: set[str] = set()
        self._turns: list[asyncio.Event] = []
        self.state = LedgerState()
        self.letting_in = ""

    @property
    def is_ready(self) -> bool:
        """Whether what was answered before the start is folded."""
        return self.state.sequence >= self._act_from

    def follow(self, message: bytes) -> None:
        """Fold one entry of the ledger, and wake whoever takes turns.

        A new assignment starts from entry 0 again; what is folded is passed over.
        """
        entry = decode_entry(message)
        if entry.sequence > self.state.sequence:
            fold(self.state, message)
            self._metrics.set("sharebus_ledger_position", self.state.sequence)
            if entry.refusal is None and entry.signed.command.person == PROVISIONING:
                at = micros(entry.at) / 1e6
                self._metrics.set("sharebus_provisioning_reported_at", at)
            if self.is_ready:
                for turn in self._turns:
                    turn.set()

    async def take_turns(self, carry_out: Callable[[], Awaitable[None]]) -> None:
        """Carry something out, for ever: when entries have come, and every `RETRY_S`.

        Entries that come meanwhile make it one more time.
        """
        turn = asyncio.Event()
        self._turns.append(turn)
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(turn.wait(), RETRY_S)
            turn.clear()
            await carry_out()

    async def carry_out(self) -> None:
        """Do each task that waits, once; what has come to wait meanwhile, too."""
        tried: set[str] = set()
        while self.is_ready and (tasks := self._left(tried)):
            self._metrics.set("sharebus_provisioning_pending", len(tasks))
            tried.add(tasks[0].subject)
            self.letting_in = tasks[0].lets_in
            try:
                await self._try(tasks[0])
            finally:
                self.letting_in = ""
        self._metrics.set("sharebus_provisioning_pending", len(self._left(set())))

    def _left(self, tried: set[str]) -> list[Task]:
        # A report's own entry comes later; until then the subject still looks pending.
        done = self._settled | tried
        return [task for task in self._pending(self.state) if task.subject not in done]

    async def _try(self, task: Task) -> None:
        try:
            await asyncio.to_thread(self._do_and_report, task)
        except NotYet:
            return
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
        self._send(task.do(), report_id(task.subject))
