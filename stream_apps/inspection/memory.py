"""Remembers the last event of each key, in 20 bytes a slot: an open hash table of three columns.

At most two thirds of the slots are taken, and at least one third once it has grown: 30 to 60 bytes
a key, and up to 110 in the moment in which it grows, when old and new columns are there.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_apps.inspection.events import Events, Keys

NEVER: Final = np.iinfo(np.int64).min
"""Stands for the sequence of an event that was not."""
_FIRST_SLOTS: Final = 1024


class LastEvents:
    """The last event of each key of one partition. Not for two threads at once.

    Two keys with one hash are taken for one: of a hundred million keys, a pair does with a
    probability of 1 in 4,000.
    """

    def __init__(self) -> None:
        self._make(_FIRST_SLOTS)

    def _make(self, slots: int) -> None:
        self._keys = np.zeros(slots, np.uint64)
        self._sequences = np.full(slots, NEVER, np.int64)
        self._tags = np.zeros(slots, np.uint32)
        self.count = 0
        """Keys, those included that were taken back."""

    @property
    def bytes(self) -> int:
        """What the columns take."""
        return self._keys.nbytes + self._sequences.nbytes + self._tags.nbytes

    def exchange(self, events: Events) -> tuple[Events, Events]:
        """Remember events, in their order.

        Returns:
            What each one's key had last before it (NEVER where nothing), in the same order; and
            what takes all of it back: to be exchanged, the latest exchange first.
        """
        order = np.argsort(events.keys, kind="stable")
        known = events[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = known.keys[1:] != known.keys[:-1]
        slots = self._slots(known.keys[first])
        undo = Events(known.keys[first], self._sequences[slots], self._tags[slots])
        sequences, tags = np.roll(known.sequences, 1), np.roll(known.tags, 1)
        sequences[first], tags[first] = undo.sequences, undo.tags
        before = Events(events.keys, np.empty_like(sequences), np.empty_like(tags))
        before.sequences[order], before.tags[order] = sequences, tags
        last = np.roll(first, -1)
        self._sequences[slots], self._tags[slots] = known.sequences[last], known.tags[last]
        return before, undo

    def _slots(self, keys: Keys) -> NDArray[np.intp]:
        """Return the slots of distinct keys, found or taken."""
        while 3 * (self.count + len(keys)) > 2 * len(self._keys):
            self._grow()
        mask = len(self._keys) - 1
        slots = (keys & np.uint64(mask)).astype(np.intp)
        seeking = np.arange(len(keys))
        while seeking.size:
            at, wanted = slots[seeking], keys[seeking]
            free = self._keys[at] == 0
            # Of several that want one slot, the last written has it; the others go on.
            self._keys[at[free]] = wanted[free]
            settled = self._keys[at] == wanted
            self.count += int(np.count_nonzero(free & settled))
            seeking = seeking[~settled]
            slots[seeking] = (slots[seeking] + 1) & mask
        return slots

    def _grow(self) -> None:
        taken = self._keys != 0
        events = Events(self._keys[taken], self._sequences[taken], self._tags[taken])
        self._make(2 * len(self._keys))
        slots = self._slots(events.keys)
        self._sequences[slots], self._tags[slots] = events.sequences, events.tags
