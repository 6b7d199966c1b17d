"""How much a worker takes at once, and when its transaction is due: by what the last ones took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import Message

SHORTEST_INTERVAL_S: Final = 0.1
LONGEST_TRANSACTION_S: Final = 2.0
BATCH: Final = 5000
BATCH_A_VIEW: Final = 200
LARGEST_BATCH: Final = 200_000
BATCH_BYTES: Final = 16 * 2**20
"""Of values, about: each unfiltered view's output of a batch is held as well."""
_SAMPLED: Final = 16
"""One of so many records is measured."""
_MARGIN: Final = 1.25
_FORGETS: Final = 0.9
_LONG_S: Final = 0.9 * LONGEST_TRANSACTION_S
_SHORT_S: Final = 0.8 * LONGEST_TRANSACTION_S
_SMALLER: Final = 0.7
_LARGER: Final = 1.2
_BUSY: Final = 4
"""A transaction that has more to take lasts so many times as long as its commit before it."""


class Pace:
    """A worker's clock.

    A transaction lasts at least 100 ms, and else about five times as long as its commit, which so
    takes a fifth of the time. Where a batch could not be filled, all there was has been taken, and
    only readers would notice a longer one: it is due after as long as a commit takes, and at most
    half of the time goes into commits. It is always due early enough for one more batch and the
    commit to end within 2 s, even if they take a quarter longer than the longest of late; and where
    it came near the 2 s, the next ones take fewer records at once.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._views = 0
        self._record_bytes = 1.0
        self._began = 0.0
        self._last_commit_s = 0.0
        self._slow_batch_s, self._slow_commit_s = 0.0, 0.0
        self._share = 1.0
        self._caught_up = False
        self._ahead_a_second = 0.0

    def expect(self, views: int) -> None:
        """Note how many views there are to write to."""
        self._views = views

    def took(self, messages: Sequence[Message]) -> None:
        """Note what was taken at once, after waiting for it as long as was told."""
        self._caught_up = len(messages) < self.batch()
        if messages:
            sample = messages[::_SAMPLED]
            mean = sum(map(len, sample)) / len(sample)
            self._record_bytes = max(1.0, mean, _FORGETS * self._record_bytes)

    def batch(self) -> int:
        """Return how many records to take at once: more where many views share them out.

        Fewer where they are large, so that a batch is held in bounded memory.
        """
        return self._bounded(BATCH + BATCH_A_VIEW * self._views)

    def batch_ahead(self) -> int:
        """Return how many to take before a commit: what can be enforced while it lasts."""
        return max(self.batch(), self._bounded(int(self._ahead_a_second * self._last_commit_s)))

    def begin(self) -> None:
        """Note that a transaction's first record is about to be enforced."""
        self._began = self._clock()

    def enforced(self, seconds: float) -> None:
        """Note what a batch took."""
        self._slow_batch_s = max(seconds, _FORGETS * self._slow_batch_s)

    def enforced_ahead(self, records: int, seconds: float) -> None:
        """Note how fast records were enforced while a transaction was committed."""
        if seconds > 0:
            self._ahead_a_second = records / seconds

    def committed(self, commit_s: float, whole_s: float) -> None:
        """Note what a commit took, and the whole transaction with it."""
        self._last_commit_s = commit_s
        self._slow_commit_s = max(commit_s, _FORGETS * self._slow_commit_s)
        if whole_s > _LONG_S:
            self._share = max(0.01, _SMALLER * self._share)
        elif whole_s < _SHORT_S:
            self._share = min(1.0, _LARGER * self._share)

    def age_s(self) -> float:
        """Return how long ago the transaction began."""
        return self._clock() - self._began

    def wait_s(self) -> float:
        """Return how long a transaction waits for its next batch to be full, in seconds."""
        soonest, latest = (self._after(n * self._last_commit_s) - self.age_s() for n in (1, _BUSY))
        return min(max(soonest, SHORTEST_INTERVAL_S), latest)

    def due_in_s(self) -> float:
        """Return in how many seconds the transaction is to be committed; 0 or less: now."""
        times = 1 if self._caught_up else _BUSY
        return self._after(times * self._last_commit_s) - self.age_s()

    def _bounded(self, count: int) -> int:
        count = max(BATCH, int(self._share * min(count, LARGEST_BATCH)))
        return max(1, min(count, int(BATCH_BYTES / self._record_bytes)))

    def _after(self, seconds: float) -> float:
        """Return how long a transaction may last that is to last so long."""
        ahead = _MARGIN * (self._slow_batch_s + self._slow_commit_s)
        return max(SHORTEST_INTERVAL_S, min(seconds, LONGEST_TRANSACTION_S - ahead))
