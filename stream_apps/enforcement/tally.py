"""What one transaction took from one source partition and let out: the metering record's numbers.

A tally is filled while a transaction is open and produced inside it; after an abort it is dropped
with everything it counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from schemas.clock import from_micros
from schemas.codec import event_codec


@dataclass(slots=True)
class ViewTally:
    """Messages let out to one view: all of them, the deletes among them, and bytes."""

    out: int = 0
    deletes: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Tally:
    """One source's partition within one transaction; offsets as in the topic that was read."""

    resource: str
    source: str
    """Whose topic was read; empty where it was `accepted`, for a backfill."""
    partition: int
    from_offset: int
    kind: str = "live"
    to_offset: int = 0
    records: int = 0
    deletes: int = 0
    heartbeats: int = 0
    last_record_ms: int = 0
    """When the broker took the newest record, in milliseconds since 1970; 0: none is known."""
    last_heartbeat_ms: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    views: dict[str, ViewTally] = field(default_factory=dict)

    def view(self, name: str) -> ViewTally:
        """Return the tally of a view, by its policy's name."""
        return self.views.setdefault(name, ViewTally())

    def blank(self) -> Tally:
        """Return an empty tally of the same place, to be added when what it counts is certain."""
        return Tally(
            self.resource, self.source, self.partition, self.from_offset, self.kind, self.to_offset
        )

    def add(self, other: Tally) -> None:
        """Count what another tally of the same place has counted."""
        self.records += other.records
        self.deletes += other.deletes
        self.heartbeats += other.heartbeats
        self.note(other.last_record_ms, is_heartbeat=False)
        self.note(other.last_heartbeat_ms, is_heartbeat=True)
        self.quarantined.update(other.quarantined)
        for name, counted in other.views.items():
            view = self.view(name)
            view.out += counted.out
            view.deletes += counted.deletes
            view.bytes += counted.bytes

    def note(self, appended_ms: int, *, is_heartbeat: bool) -> None:
        """Remember when the broker took something, where that is the newest of its kind."""
        if is_heartbeat:
            self.last_heartbeat_ms = max(self.last_heartbeat_ms, appended_ms)
        else:
            self.last_record_ms = max(self.last_record_ms, appended_ms)

    @property
    def key(self) -> bytes:
        """The metering record's key: what comes from one partition stays in order."""
        return f"{self.resource}/{self.source}/{self.partition}".encode()

    def encode(self, at: datetime, slot: int, ledger_sequence: int) -> bytes:
        """Return the metering record."""
        return event_codec("metering").encode(
            {
                "at": at,
                "kind": self.kind,
                "slot": slot,
                "ledger_sequence": ledger_sequence,
                "resource": self.resource,
                "source": self.source,
                "partition": self.partition,
                "from_offset": self.from_offset,
                "to_offset": self.to_offset,
                "records": self.records,
                "deletes": self.deletes,
                "heartbeats": self.heartbeats,
                "last_record_at": _time(self.last_record_ms),
                "last_heartbeat_at": _time(self.last_heartbeat_ms),
                "quarantined": dict(self.quarantined),
                "views": [
                    {"view": name, "out": v.out, "deletes": v.deletes, "bytes": v.bytes}
                    for name, v in sorted(self.views.items())
                    if v.out
                ],
            }
        )


def _time(milliseconds: int) -> datetime | None:
    return from_micros(1000 * milliseconds) if milliseconds else None
