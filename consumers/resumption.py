"""Decides where reading goes on: what a target holds against what the view is now. Pure.

A delete is a message without a value; the broker drops it `DELETES_KEPT` after its cleaning first
met it. So whoever last stood at a partition's end longer ago than that may have missed deletes for
ever, and so has whoever holds an earlier opening of the view. Reading from the start, and deleting
what was not seen then, mends it (`--resync`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from consumers.targets.port import Holding, Place
from schemas.errors import InvalidInput, ResyncRequired

AWAY_AT_MOST: Final = timedelta(days=30)
"""Views keep deletes for 35 days (`infra.kafka.topics`); the rest is for clocks and catching up."""

_RESYNC: Final = (
    "Run it once more with --resync: it reads from the start and deletes what the view no longer "
    "has"
)
_ANOTHER_TARGET: Final = "Give another target (--table for a database), or remove this one"


@dataclass(frozen=True, slots=True)
class ViewNow:
    """A view as the broker shows it: its opening's id, and where its partitions begin and end."""

    topic: str
    topic_id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]


def resume(
    held: Holding | None, view: ViewNow, layout: str, now: datetime, *, resync: bool
) -> tuple[Holding, bool]:
    """Return the position to read from, and whether a generation begins with it.

    Args:
        held: what the target says; None when it holds nothing.
        view: as it is now.
        layout: the columns that the view needs now.
        now: present time.
        resync: read from the start in any case.

    Raises:
        InvalidInput: the target holds another view, or other columns.
        ResyncRequired: deletes may have been missed; says why.
    """
    if held is None:
        return _fresh(view, layout, 1, now), True
    if held.topic != view.topic:
        raise InvalidInput(
            "the target holds another view", where=held.topic, remedy=_ANOTHER_TARGET
        )
    if held.layout != layout:
        raise InvalidInput(
            "the target was made for another schema of the view",
            where=view.topic,
            remedy=_ANOTHER_TARGET,
        )
    if resync:
        return _fresh(view, layout, held.generation + 1, now), True
    _check_complete(held, view)
    check_in_time(held, now)
    return held, False


def _fresh(view: ViewNow, layout: str, generation: int, now: datetime) -> Holding:
    return Holding(
        view.topic,
        view.topic_id,
        layout,
        generation,
        fill_until=view.ends,
        places={partition: Place(start, now) for partition, start in view.starts.items()},
    )


def _check_complete(held: Holding, view: ViewNow) -> None:
    if held.topic_id != view.topic_id or held.places.keys() != view.ends.keys():
        raise _required("the view was closed and opened again since", held.topic)
    for partition, place in held.places.items():
        where = f"{held.topic}, partition {partition}"
        if place.next_offset < view.starts[partition]:
            raise _required("the broker no longer has what comes next", where)
        if place.next_offset > view.ends[partition]:
            raise _required("the view ends before the stored position", where)


def check_in_time(held: Holding, now: datetime) -> None:
    """Check that no delete can have been missed.

    Raises:
        ResyncRequired: a partition's end was last reached too long ago.
    """
    for partition, place in held.places.items():
        check_current(place, now, f"{held.topic}, partition {partition}", _RESYNC)


def check_current(place: Place, now: datetime, where: str, remedy: str) -> None:
    """Check that no delete can have been missed on one partition; raises like `check_in_time`."""
    if now - place.current_at > AWAY_AT_MOST:
        raise ResyncRequired(
            f"the end was last reached on {place.current_at:%Y-%m-%d}, more than "
            f"{AWAY_AT_MOST.days} days ago, and deletes may be gone since",
            where=where,
            remedy=remedy,
        )


def advance(
    held: Holding, next_offsets: Mapping[int, int], at_end: frozenset[int], now: datetime
) -> Holding:
    """Return the position behind what was read; who stands at the end is current now."""
    places = {
        partition: Place(
            next_offsets.get(partition, place.next_offset),
            now if partition in at_end else place.current_at,
        )
        for partition, place in held.places.items()
    }
    return replace(held, places=places)


def _required(problem: str, where: str) -> ResyncRequired:
    return ResyncRequired(problem, where=where, remedy=_RESYNC)
