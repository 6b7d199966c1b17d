"""How large a world is: counts of its records, and how they fall to neighbourhoods.

A neighbourhood is 26 persons in 10 households, with the organisations they lead, and the parcels
and licences that these persons and organisations hold. So whoever holds something is found in the
same neighbourhood, whatever the size of the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from producers.simulator.change import LICENCE, ORGANISATION, PARCEL, PERSON
from schemas.errors import InvalidInput

PERSONS: Final = 26
"""In a neighbourhood."""
PER_COUNTY: Final = 408
"""Neighbourhoods that a county has room for: 10,608 persons, each with a birthday of their own."""
_STANDARD: Final = {PERSON: PERSONS, ORGANISATION: 4, PARCEL: 8, LICENCE: 20}
_MOST_PER_PERSON: Final = 4


@dataclass(frozen=True, slots=True)
class Sizes:
    """Records of a world, by kind.

    Raises:
        InvalidInput: there are others and no persons, or more than four for each person.
    """

    persons: int
    organisations: int = 0
    parcels: int = 0
    licences: int = 0

    def __post_init__(self) -> None:
        others = (self.organisations, self.parcels, self.licences)
        if min(self.persons, *others) < 0:
            raise InvalidInput("a world can't have fewer than no records")
        if max(others) > _MOST_PER_PERSON * self.persons:
            raise InvalidInput(
                "a world needs persons who hold and lead what is in it",
                remedy=f"Ask for at most {_MOST_PER_PERSON} of each kind for every person",
            )

    @property
    def neighbourhoods(self) -> int:
        """How many there are; the last may not be full."""
        return -(-self.persons // PERSONS)

    def share(self, count: int) -> int:
        """Return how many of a count's records a neighbourhood has; the first are full."""
        return -(-count // max(self.neighbourhoods, 1))


def standard_sizes(resource: str | None, count: int) -> Sizes:
    """Return a world with so many records of one resource, or of all, and the usual of others.

    Worlds of the same seed and counties made by this have each other's records: the smaller one is
    the larger one's beginning.
    """
    if resource is None:
        blocks = -(-count // sum(_STANDARD.values()))
        left, counts = count, []
        for number in _STANDARD.values():  # the last kinds fill up what the first leave
            counts.append(min(number * blocks, left))
            left -= counts[-1]
        return Sizes(*counts)
    blocks = -(-count // _STANDARD[resource])
    # The last persons of all may be too few for what a whole neighbourhood has.
    most = _MOST_PER_PERSON * count if resource == PERSON else count + blocks * PERSONS
    full = {each: min(blocks * number, most) for each, number in _STANDARD.items()}
    full[resource] = count
    return Sizes(full[PERSON], full[ORGANISATION], full[PARCEL], full[LICENCE])
