"""Takes a view into a target that keeps its own position: the loop of `sharebus subscribe --to`.

Each record takes effect in the target exactly once, whenever the process is killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from consumers import resumption
from consumers.placed_reader import PlacedReader
from consumers.resumption import ViewNow
from consumers.targets.port import Holding, Target
from schemas.clock import Clock

REFRESH: Final = timedelta(seconds=30)
"""How often a target is told that a still view is still current."""

_COMMIT_S: Final = 1.0
_PROGRESS_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What was taken since the start, and how many messages the view has beyond."""

    taken: int
    behind: int


class Delivery:
    """One run: from where the target stands to the end, or until it is stopped.

    Args:
        reader: of the grant's view.
        target: takes it.
        layout: the target's columns, as text.
        clock: present time.
        on_progress: told now and then.
    """

    def __init__(
        self,
        reader: PlacedReader,
        target: Target,
        layout: str,
        clock: Clock,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._reader, self._target, self._layout = reader, target, layout
        self._clock, self._on_progress = clock, on_progress
        self._stopped = False
        self._taken = 0
        self._committed_at = self._told_at = time.monotonic()

    def stop(self) -> None:
        """Let the run end behind the present batch; for signal handlers and threads."""
        self._stopped = True

    def run(self, *, until_end: bool, resync: bool) -> int:
        """Deliver, and return how many records the target took.

        Raises:
            ResyncRequired: deletes may have been missed, and `resync` was not asked for.
            GrantRevoked: the grant ended; what was taken stays.
            Whatever reader and target raise.
        """
        view = self._reader.view()
        held = self._begin(view, resync)
        self._reader.start({p: place.next_offset for p, place in held.places.items()})
        stored = held
        while not self._stopped:
            batch = self._reader.poll()
            now = self._clock()
            held = resumption.advance(held, batch.next_offsets, batch.at_end, now)
            resumption.check_in_time(held, now)
            sweep = held.is_filled()
            if sweep:
                held = replace(held, fill_until=None)
            if batch.records or sweep or _is_news(stored, held):
                durable = self._target.store(batch.records, held, sweep=sweep)
                stored = held
                self._taken += len(batch.records)
                self._tell_group(held, durable)
            self._tell_progress(view, held)
            if until_end and not batch.records:
                if batch.at_end >= held.places.keys():
                    break
                self._reader.check_heard()
        self._target.finish()
        self._reader.commit(_offsets(stored), wait=True)
        return self._taken

    def _begin(self, view: ViewNow, resync: bool) -> Holding:
        held, begins = resumption.resume(
            self._target.holding(), view, self._layout, self._clock(), resync=resync
        )
        if begins:
            self._target.begin(held)
        return held

    def _tell_group(self, held: Holding, durable: bool) -> None:
        if durable and time.monotonic() - self._committed_at >= _COMMIT_S:
            self._committed_at = time.monotonic()
            self._reader.commit(_offsets(held))

    def _tell_progress(self, view: ViewNow, held: Holding) -> None:
        if time.monotonic() - self._told_at >= _PROGRESS_S:
            self._told_at = time.monotonic()
            behind = sum(max(0, end - _offsets(held)[p]) for p, end in view.ends.items())
            self._on_progress(Progress(self._taken, behind))


def _offsets(held: Holding) -> dict[int, int]:
    return {partition: place.next_offset for partition, place in held.places.items()}


def _is_news(stored: Holding, held: Holding) -> bool:
    return any(
        place.next_offset != stored.places[partition].next_offset
        or place.current_at - stored.places[partition].current_at >= REFRESH
        for partition, place in held.places.items()
    )
