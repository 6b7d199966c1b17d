"""Waits until enforcement has judged what a source wrote.

Behind the last record of a transaction stand marks that are no records, and whatever was given up;
enforcement's offset may stay before them for ever. So whoever has to know sends one record more to
each partition, a heartbeat, which goes on nowhere: when enforcement is behind it, everything before
it was judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from infra.kafka.clients import Access
from infra.kafka.offsets import committed_offsets, end_offsets
from infra.kafka.topics import partition_count
from infra.ledger.profiles import Profile
from infra.terminal import note
from producers.opening import Opening
from producers.outcomes import Outcome
from producers.waiting import PATIENCE_S, wait_while_moving
from schemas.errors import Unavailable
from schemas.names import ENFORCEMENT

SETTLED_S: Final = 3.0
"""Who sends nothing takes enforcement for through when it has not moved for so long."""

Ends = Mapping[tuple[str, int], int]


def raw_ends(access: Access, topic: str) -> Ends:
    """Return where each partition of a raw topic ends for readers of committed records."""
    admin = access.admin()
    places = [(topic, number) for number in range(partition_count(admin, topic))]
    return end_offsets(admin, places)


def wait_judged(
    access: Access, opening: Opening, profile: Profile, patience_s: float = PATIENCE_S
) -> Ends:
    """Return ends of a source's raw topic once enforcement has judged every record before them.

    Everything that was acknowledged to the source before the call stands before these ends. How far
    enforcement is, is told on standard error while it takes long.

    Args:
        access: the source's; it may ask for enforcement's offsets of its topic.
        opening: of the resource.
        profile: whose department is the source.
        patience_s: at most so long without any progress.

    Raises:
        AccessDenied: the department is no source of the resource.
        Unavailable: enforcement stands still, or the broker doesn't answer. Nothing is lost: what
            was published is judged when enforcement goes on.
    """
    ends = _send_heartbeats(access, opening, profile)
    known = _await(access, ends, patience_s)
    left = [
        f"partition {place[1]} at {known[place]:,} of {end:,}"
        for place, end in sorted(ends.items())
        if known[place] < end
    ]
    if left:
        raise Unavailable(
            f"enforcement stands still: it has judged what was published in "
            f"{len(ends) - len(left)} of {len(ends)} partitions",
            where=f"{opening.topic}, {', '.join(left)}",
            remedy="Look at: sharebus status. Nothing is lost: what was published is judged when "
            "enforcement goes on",
        )
    return ends


def note_unjudged(access: Access, topic: str) -> None:
    """Wait until enforcement is through or has stopped moving; say so where it may not be through.

    Nothing is sent, so that nobody knows whether records or marks are left.
    """
    ends = raw_ends(access, topic)
    known = _await(access, ends, SETTLED_S)
    left = sum(max(0, end - known[place]) for place, end in ends.items())
    if left:
        note(f"up to {left:,} records (or marks) published before may not be judged, and not count")


def _send_heartbeats(access: Access, opening: Opening, profile: Profile) -> Ends:
    """Send a heartbeat to each partition; return the offsets behind them."""
    behind: dict[tuple[str, int], int] = {}

    def delivered(outcome: Outcome) -> None:
        behind[opening.topic, outcome.partition] = outcome.offset + 1

    with opening.publisher(profile, access, delivered) as publisher:
        publisher.heartbeat()
    return behind


def _await(access: Access, ends: Ends, patience_s: float) -> Ends:
    """Return where enforcement stands once it is behind these ends, or does not move any more."""

    def reached(known: Ends) -> int:
        return sum(known[place] >= end for place, end in ends.items())

    def tell(known: Ends) -> None:
        note(
            "waiting for enforcement to judge what was published: "
            f"{reached(known)} of {len(ends)} partitions"
        )

    return wait_while_moving(
        lambda: committed_offsets(access, ENFORCEMENT, ends),
        lambda known: reached(known) == len(ends),
        tell,
        patience_s,
    )
