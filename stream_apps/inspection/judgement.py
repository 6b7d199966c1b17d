"""What a sequence says against the one before it, per source and key; pure.

The envelope promises a sequence that strictly increases. The bus's publisher numbers by its clock's
microseconds, above what it gave last: a later run goes on above an earlier one, and what lies
between two of its numbers is time, and no event. So a jump means something only where a source
counts. A number below 10^12 is taken for a count: no clock that counts milliseconds, or anything
finer, since 1970 has shown less since 2001.

An event is compared with its key's last one, and not with its highest: a source whose past is
replayed is found where it jumps back, once a key, and not again with every event until it has
caught up. And a compacted topic keeps the last one, so that memory can be made anew from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.codec import event_codec
from stream_apps.inspection.events import Events
from stream_apps.inspection.memory import NEVER

CLOCK_FROM: Final = 10**12
"""Sequences from here on are a clock's."""
_GREATEST: Final = 2**63 - 1


class Kind(StrEnum):
    """What can be wrong with a sequence."""

    REGRESSION = "sequence-regression"
    """Not above that of the key's last event."""
    GAP = "sequence-gap"
    """A count that leaves out numbers: events are missing, or were not accepted."""
    DUPLICATE = "duplicate-event"
    """The key's last event again."""


KINDS: Final = (None, *Kind)


def judge(events: Events, before: Events) -> NDArray[np.uint8]:
    """Return what is wrong with each event, as an index of KINDS; 0 where nothing is.

    Args:
        events: to be judged.
        before: what each one's key had last.
    """
    now, last = events.sequences, before.sequences
    known = last != NEVER
    again = known & (now == last) & (events.tags == before.tags)
    back = known & (now <= last) & ~again
    # Where now > last, now - 1 can't wrap around.
    ahead = known & (now > last) & (now - 1 > last) & (now < CLOCK_FROM)
    found = np.zeros(len(now), np.uint8)
    for kind, where in ((Kind.REGRESSION, back), (Kind.GAP, ahead), (Kind.DUPLICATE, again)):
        found[where] = KINDS.index(kind)
    return found


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: coordinates and numbers, never a key or a value."""

    kind: Kind
    resource: str
    source: str
    topic: str
    partition: int
    offset: int
    last: int
    """The sequence of the key's event before."""
    found: int

    @property
    def key(self) -> bytes:
        """The record's key: findings of one partition stay in order."""
        return f"{self.topic}/{self.partition}".encode()

    def encode(self, at: datetime) -> bytes:
        """Return the record for the topic `findings`."""
        return event_codec("finding").encode(
            {
                "at": at,
                "kind": str(self.kind),
                "resource": self.resource,
                "source": self.source,
                "topic": self.topic,
                "partition": self.partition,
                "offset": self.offset,
                "expected": min(self.last + 1, _GREATEST),
                "found": self.found,
            }
        )
