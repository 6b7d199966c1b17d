"""How far inspection is in a partition: what it remembers, and how much of that is committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream_apps.inspection.events import Events
from stream_apps.inspection.memory import LastEvents


@dataclass(slots=True)
class Partition:
    """A partition of `accepted`, and what is remembered of it."""

    resource: str
    topic: str
    number: int
    memory: LastEvents = field(default_factory=LastEvents)
    committed: int = 0
    """Records before it are remembered, and were judged already."""
    next: int = 0
    """Behind the last record that memory knows."""
    undo: list[Events] = field(default_factory=list)
    """Takes back what memory knows beyond `committed`."""
    inspected: int = 0
    """Records since the last commit."""

    @property
    def is_ahead(self) -> bool:
        """Whether there is something to commit."""
        return self.next > self.committed

    def forget(self) -> None:
        """Take back what was not committed."""
        while self.undo:
            self.memory.exchange(self.undo.pop())
        self.next = min(self.next, self.committed)
        self.inspected = 0

    def settle(self) -> None:
        """Keep what was committed."""
        self.committed, self.inspected = max(self.next, self.committed), 0
        self.undo.clear()
