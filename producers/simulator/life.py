"""Life goes on: day after day, in a few neighbourhoods at a time.

Only these are held in memory. A visit is a few acts, of which some find nobody whom they suit. Now
and then a neighbourhood goes quiet for good, and the next one that nobody has visited yet takes its
place; once all have been visited, those there are live on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final

from producers.simulator import family_life, public_life
from producers.simulator.acts import Today
from producers.simulator.calendar import midnight
from producers.simulator.change import DIVISION, Change, Row, source_of
from producers.simulator.draws import Stream
from producers.simulator.neighbourhood import Neighbourhood, Step
from producers.simulator.people import Home
from schemas.catalogue.identifiers import LAST_YEAR

Act = Callable[[Neighbourhood, Today], None]
LIVELY: Final = 64
"""Neighbourhoods held at a time."""
_STAY: Final = 24
"""Visits to a neighbourhood before it goes quiet, on average."""
_ACTS_A_VISIT: Final = 8
_VISITS_A_DAY: Final = 32
_SURVEYS: Final = 25
"""One visit of so many is to a county, which is surveyed."""
_TICK: Final = timedelta(microseconds=100)
_WEIGHTS: Final[dict[Act, int]] = {
    family_life.birth: 8,
    family_life.death: 4,
    family_life.move: 8,
    family_life.marriage: 12,
    public_life.rename: 8,
    public_life.lead: 5,
    public_life.found: 3,
    public_life.supervise: 5,
    public_life.dissolve: 1,
    public_life.transfer: 12,
    public_life.value: 10,
    public_life.grant: 8,
    public_life.administer: 12,
}
_ACTS: Final = tuple(act for act, weight in _WEIGHTS.items() for _ in range(weight))


class Life:
    """What happens from the day behind the first state on.

    Args:
        seed: of the world.
        as_of: day of the first state.
        neighbourhoods: how many there are.
        settle: gives the first state of one.
        homes: counties, to move to.
        surveys: rows of counties as they are surveyed; None where nobody asks.
    """

    def __init__(
        self,
        seed: int,
        as_of: date,
        neighbourhoods: int,
        settle: Callable[[int], Neighbourhood],
        homes: list[Home],
        surveys: Iterator[Row] | None,
    ) -> None:
        self._as_of, self._count, self._settle = as_of, neighbourhoods, settle
        self._homes, self._surveys = homes, surveys
        self._chance = Stream(seed, "life")
        self._lively: list[Neighbourhood | None] = [None] * min(LIVELY, neighbourhoods)
        self._visited = len(self._lively)

    def changes(self) -> Iterator[Change]:
        """Yield what happens, in its order, until the end of the last year that numbers have."""
        day = self._as_of
        visits = max(_VISITS_A_DAY, self._count // 64)
        while self._count and day < date(LAST_YEAR, 12, 31):
            day += timedelta(1)
            today = Today(day, self._chance, self._homes)
            at = midnight(day)
            for _ in range(visits):
                for resource, key, row in self._visit(today):
                    yield Change(resource, source_of(resource, key), key, row, at)
                    at += _TICK

    def _visit(self, today: Today) -> list[Step]:
        chance = self._chance
        if self._surveys is not None and not chance.below(_SURVEYS):
            row = next(self._surveys)
            return [(DIVISION, row["code"], row)]
        place = chance.below(len(self._lively))
        town = self._lively[place]
        if town is None:
            town = self._lively[place] = self._settle(place)
        public_life.expire(town, today)
        for _ in range(_ACTS_A_VISIT):
            chance.one_of(_ACTS)(town, today)
        if self._visited < self._count and not chance.below(_STAY):
            self._lively[place] = self._settle(self._visited)
            self._visited += 1
        return town.take()
