"""Removes the quotas of cuts once no fetch that a broker holds can outlast them.

What is left when provisioning ends is found again on the broker when it starts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, Protocol

from schemas.clock import EPOCH, Clock
from schemas.errors import SharebusError
from schemas.ledger.state import LedgerState
from stream_apps.provisioning.endings import ended

log = logging.getLogger(__name__)

_PAUSE: Final = timedelta(seconds=5)
_NO_END: Final = timedelta(hours=1)
"""After so long it is asked again whether the brokers have a limit now."""


class Quotas(Protocol):
    """The quotas of cuts on the brokers; `endings.Cutter` is it."""

    def held(self) -> set[str]:
        """Return who has one."""
        ...

    def hold(self) -> timedelta | None:
        """Return how long it has to stay; None: for ever."""
        ...

    def release(self, principals: Collection[str]) -> None:
        """Remove it."""
        ...


class Releases:
    """Whose quota stays, and since when.

    Args:
        quotas: on the brokers.
        clock: injected.
    """

    def __init__(self, quotas: Quotas, clock: Clock) -> None:
        self._quotas, self._clock = quotas, clock
        self._since: dict[str, datetime] = {}
        self._looked = False
        self._next = EPOCH

    def hold(self, principals: Collection[str]) -> None:
        """Say that these have just been cut off."""
        self._since |= dict.fromkeys(principals, self._clock())

    async def carry_out(self, state: LedgerState) -> None:
        """Remove what stayed long enough, if it is time to look."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _PAUSE
        try:
            if not self._looked:
                found = await asyncio.to_thread(self._quotas.held) & ended(state)
                self._since = dict.fromkeys(found, now) | self._since
                self._looked = True
            if self._since:
                await self._release(now)
        except SharebusError as error:
            log.warning("the quotas of cuts stay for now: %s", error)

    async def _release(self, now: datetime) -> None:
        hold = await asyncio.to_thread(self._quotas.hold)
        if hold is None:
            self._next = now + _NO_END
            return
        due = [name for name, since in self._since.items() if since + hold <= now]
        await asyncio.to_thread(self._quotas.release, due)
        for name in due:
            del self._since[name]
        if self._since:
            self._next = max(self._next, min(self._since.values()) + hold)
