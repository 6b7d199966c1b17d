"""Ends access as soon as the ledger asks for it, beside everything else that provisioning does.

What waits is ended at once, together: while one batch is under way, the next one gathers. What
can't be done now is tried again every second, one by one, so that it holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from infra.observability.recorder import Recorder
from schemas.clock import Clock
from schemas.errors import SharebusError
from schemas.ledger.acts import Act
from schemas.ledger.signing import SignedCommand
from schemas.ledger.state import LedgerState
from stream_apps.provisioning.endings import Ending, endings
from stream_apps.provisioning.releases import Releases
from stream_apps.provisioning.worker import RETRY_S, report_id

log = logging.getLogger(__name__)

MOST: Final = 50
"""So many in a batch; a step takes longer with more, and each cut waits for all."""
_PATIENCE: Final = timedelta(seconds=30)
"""How long a report's answer is waited for before the cut is done and reported again."""


class Followed(Protocol):
    """What is known of the ledger, and of what goes on."""

    @property
    def state(self) -> LedgerState:
        """The state as far as it is read."""
        ...

    @property
    def is_ready(self) -> bool:
        """False while what was answered before the start is still being read."""
        ...

    @property
    def letting_in(self) -> str:
        """The grant whose access is being made just now, or nothing."""
        ...


class Cuts:
    """Ends what has to end.

    Args:
        followed: the ledger, and whom not to cut off yet because access is being made.
        end: cuts several off and returns their reports.
        submit: sends reports under command ids, without waiting for the answers.
        releases: is told whose quota stays for a while.
        clock: tells whose time is over.
        metrics: counts failures.
    """

    def __init__(
        self,
        followed: Followed,
        end: Callable[[Sequence[Ending]], list[Act]],
        submit: Callable[[Sequence[tuple[Act, uuid.UUID]]], list[SignedCommand]],
        releases: Releases,
        clock: Clock,
        metrics: Recorder | None = None,
    ) -> None:
        self._followed, self._end, self._submit, self._releases = followed, end, submit, releases
        self._clock, self._metrics = clock, metrics or Recorder("provisioning")
        self._most = MOST
        self._reported: dict[str, tuple[SignedCommand, datetime]] = {}
        self._refused: set[str] = set()

    async def carry_out(self) -> None:
        """End what waits, each once; then release what was held long enough."""
        if self._followed.is_ready:
            waiting = self._waiting()
            while waiting:
                batch, waiting = waiting[: self._most], waiting[self._most :]
                await self._try(batch)
            await self._releases.carry_out(self._followed.state)

    def _waiting(self) -> list[Ending]:
        found = {each.subject: each for each in endings(self._followed.state, self._clock())}
        self._reported = {k: v for k, v in self._reported.items() if k in found}
        # Whoever is cut off while being let in would be in again afterwards.
        letting_in = self._followed.letting_in
        return [e for e in found.values() if e.grant != letting_in and not self._is_reported(e)]

    def _is_reported(self, ending: Ending) -> bool:
        """Tell whether a report is under way, or was refused: its subject still looks waiting."""
        if ending.subject not in self._reported:
            return ending.subject in self._refused
        signed, sent_at = self._reported[ending.subject]
        answer = self._followed.state.answer_to(signed)
        if answer is None:
            return self._clock() < sent_at + _PATIENCE
        del self._reported[ending.subject]
        self._refused.add(ending.subject)
        self._metrics.count("sharebus_provisioning_failures")
        log.error("the report on %s is refused by entry %d", ending.subject, answer.sequence)
        return True

    async def _try(self, batch: list[Ending]) -> None:
        try:
            reports = await asyncio.to_thread(self._end, batch)
            ids = [report_id(each.subject) for each in batch]
            sent = await asyncio.to_thread(self._submit, list(zip(reports, ids, strict=True)))
        except SharebusError as error:
            self._metrics.count("sharebus_provisioning_failures", len(batch))
            log.warning("%d cuts are tried again in %.0f s: %s", len(batch), RETRY_S, error)
            self._most = 1
            return
        self._most = MOST
        log.info("cut off: %s", ", ".join(each.subject for each in batch))
        for each, signed in zip(batch, sent, strict=True):
            self._reported[each.subject] = signed, self._clock()
            self._releases.hold(each.principals)
