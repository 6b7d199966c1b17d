"""What every target of `sharebus subscribe --to` does: it keeps the position with the data.

A target is told records together with the position behind them, and makes both durable at once or
not at all. After `kill -9` its `holding` says where to go on, whatever the consumer group says. So
each record takes effect exactly once, and what the target holds is the view up to its position.

Targets are of two kinds. Tables hold the present state of the view: an upsert replaces, a delete
removes. Logs hold its changes in order. Either marks rows with the generation of the reading: a
resynchronisation is a new generation, read from the start. At its end a table deletes what the
new generation did not see; who reads a log drops the rows of older generations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from consumers.records import Record
from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Place:
    """How far one partition was read.

    Attributes:
        next_offset: the next one to read.
        current_at: when the reader last stood at the partition's end, or began its reading from
            the start: no delete from before it is missing.
    """

    next_offset: int
    current_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """What a target holds: which view, in which columns, and how far.

    Attributes:
        topic, topic_id: the view; another id is another opening of it.
        layout: the columns as text; a view with another one needs another target.
        generation: 1 for the first reading from the start, one more for each resynchronisation.
        fill_until: where each partition ended when this generation began; once all are reached,
            what the generation did not see is gone from the view. None afterwards.
        places: by partition.
    """

    topic: str
    topic_id: str
    layout: str
    generation: int
    fill_until: Mapping[int, int] | None
    places: Mapping[int, Place]

    def is_filled(self) -> bool:
        """Tell whether the reading from the start has come to where the view ended then."""
        return self.fill_until is not None and all(
            self.places[partition].next_offset >= end for partition, end in self.fill_until.items()
        )

    def to_json(self) -> str:
        """Return the text that targets store."""
        fill = self.fill_until
        places = {
            str(partition): {
                "next_offset": place.next_offset,
                "current_at": place.current_at.isoformat(),
            }
            for partition, place in sorted(self.places.items())
        }
        document = {
            "topic": self.topic,
            "topic_id": self.topic_id,
            "layout": self.layout,
            "generation": self.generation,
            "fill_until": None if fill is None else {str(p): end for p, end in fill.items()},
            "places": places,
        }
        return json.dumps(document)


def read_holding(text: str | bytes, where: str) -> Holding:
    """Read what `Holding.to_json` wrote.

    Raises:
        InvalidInput: somebody else has written there.
    """
    try:
        document: Any = json.loads(text)
        fill = document["fill_until"]
        return Holding(
            topic=document["topic"],
            topic_id=document["topic_id"],
            layout=document["layout"],
            generation=int(document["generation"]),
            fill_until=None if fill is None else {int(p): int(end) for p, end in fill.items()},
            places={
                int(partition): Place(
                    int(place["next_offset"]), datetime.fromisoformat(place["current_at"])
                )
                for partition, place in document["places"].items()
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            "the stored position can't be read", where=where, remedy="Give another target"
        ) from error


class Target(Protocol):
    """Keeps records and position together. One process at a time; not for several threads.

    Every method raises Unavailable where trying again later helps, Fenced where another process
    has written meanwhile, InvalidInput or AccessDenied where it doesn't help.
    """

    def holding(self) -> Holding | None:
        """Return what is durable; None for a target that holds nothing yet."""
        ...

    def begin(self, holding: Holding) -> None:
        """Begin a generation: nothing of it is there yet, and what is held stays."""
        ...

    def store(self, records: Sequence[Record], holding: Holding, *, sweep: bool) -> bool:
        """Take records with the position behind them, in one transaction.

        Args:
            records: behind the position given before; in order within a partition.
            holding: as it is with them; replaces the one before.
            sweep: a table also deletes the rows of older generations.

        Returns:
            Whether everything taken until now is durable.
        """
        ...

    def finish(self) -> None:
        """Make durable what was taken."""
        ...

    def close(self) -> None:
        """Let go of it; what is not durable is lost, and is read again."""
        ...
