"""Waits until enforcement has judged what a source wrote."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from infra.kafka.clients import Access
from infra.kafka.offsets import committed_offsets, end_offsets
from infra.kafka.topics import partition_count
from schemas.errors import Unavailable
from schemas.names import ENFORCEMENT

SETTLED_S: Final = 3.0
"""Behind the last record of a transaction stand marks that are no records, and whatever was given
up; enforcement's offset may stay before them. So long it must not have moved."""
_TICK_S: Final = 0.1

Ends = Mapping[tuple[str, int], int]


def raw_ends(access: Access, topic: str) -> Ends:
    """Return where each partition of a raw topic ends for readers of committed records."""
    admin = access.admin()
    places = [(topic, number) for number in range(partition_count(admin, topic))]
    return end_offsets(admin, places)


def wait_enforced(access: Access, topic: str, timeout_s: float = 30) -> Ends:
    """Return the ends of a raw topic once enforcement has judged every record before them.

    Args:
        access: of a source of the topic; it may ask for enforcement's offsets of it.
        topic: its raw topic.
        timeout_s: at most so long without any progress.

    Raises:
        Unavailable: enforcement doesn't get there, or the broker doesn't answer.
    """
    ends = raw_ends(access, topic)
    known, moved = committed_offsets(access, ENFORCEMENT, ends), time.monotonic()
    while not all(known[place] >= end for place, end in ends.items()):
        still = time.monotonic() - moved
        if still > SETTLED_S and all(known[place] for place, end in ends.items() if end):
            return ends
        if still > timeout_s:
            if any(known.values()):
                return ends  # a partition may hold nothing but what was given up
            raise Unavailable(
                "enforcement has not judged what was published",
                where=topic,
                remedy="Look at: sharebus status",
            )
        time.sleep(_TICK_S)
        now = committed_offsets(access, ENFORCEMENT, ends)
        if now != known:
            known, moved = now, time.monotonic()
    return ends
