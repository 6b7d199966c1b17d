"""What households look like: who lives together, how old they are, and how they are related.

A county has one citizen number for each birthday, so no two of its persons may share one. Birthdays
are therefore dealt out without looking: time back from the day of the world's first state is cut
into slots of five days; a household takes one slot for its householder, and each other role has a
day of its own in the slot that lies some years off. Within spans of four years, roles take slots in
another order, so that the years between two people differ from household to household.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from producers.simulator.draws import Stream

SPAN: Final = 292
"""Slots in four years."""
SPANS: Final = 14
HOUSEHOLD_SLOTS: Final = SPAN * SPANS
"""Slots of householders: 22 to 78 years old. A county has room for so many households."""
SLOT_STEP: Final = 1237
"""Prime to the number of slots: one household after the other reaches each slot once."""
_YEAR: Final = 73
_YOUNGEST: Final = 22 * _YEAR
OLDEST_DAYS: Final = 5 * (_YOUNGEST + (26 + 36) * _YEAR + SPAN)
"""Nobody was born more days before the first state."""

HOUSEHOLDS: Final = 10
_SIZES: Final = (1, 1, 2, 2, 2, 3, 3, 3, 4, 5)
_CHANCE: Final = Stream(0, "households")
LAYOUTS: Final = tuple(tuple(_CHANCE.shuffled(_SIZES)) for _ in range(256))
"""Sizes of a neighbourhood's households, 26 persons together; one of them is drawn."""


class Sex(IntEnum):
    """Which sex a role has; MALE and FEMALE are themselves."""

    OPPOSITE = -2
    ANY = -1
    MALE = 0
    FEMALE = 1


class Surname(IntEnum):
    """Whose surname a role has; the first three are places among a household's three names."""

    HOUSEHOLDERS = 0
    SPOUSES = 1
    MOTHERS = 2
    FATHERS = 3
    PARENTS = 4
    GRANDCHILDS = 5


@dataclass(frozen=True, slots=True)
class Role:
    """A place in a household.

    Attributes:
        base: days of age at the beginning of its span, with the role's own day of the five.
        factor, offset: which slot of the span stands for the householder's; where the factor is
            not 1, the county turns it on.
        relations: GB/T 4761 codes, male and female.
        parents, spouse: numbers of roles in the same household.
    """

    base: int
    factor: int
    offset: int
    sex: Sex
    surname: Surname
    relations: tuple[str, str]
    parents: tuple[int, ...] = ()
    spouse: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kin:
    """Relatives in the same household, by their numbers in it."""

    parents: tuple[int, ...]
    spouse: int | None


def _kin(role: Role, size: int) -> Kin:
    """Return which of a role's relatives a household of a size has."""
    spouse = next((number for number in role.spouse if number < size), None)
    return Kin(tuple(number for number in role.parents if number < size), spouse)


def _roles(span: int) -> tuple[Role, ...]:
    """Return who lives with a householder of an age, in the order in which homes fill up."""

    def base(number: int, years: int = 0) -> int:
        return 5 * (_YOUNGEST + SPAN * span + years * _YEAR) + number

    def child(number: int, offset: int) -> Role:
        age = base(number, -26)
        return Role(age, 85, offset, Sex.ANY, Surname.FATHERS, ("20", "30"), (0, 1))

    half = SPAN // 2
    own_parents = (2, 3) if span == 0 else (4,) if span < _OLD else ()
    couple = (
        Role(base(0), 1, 0, Sex.ANY, Surname.HOUSEHOLDERS, ("02", "02"), own_parents, (1,)),
        Role(base(1), 61, 0, Sex.OPPOSITE, Surname.SPOUSES, ("11", "12"), (), (0,)),
    )
    if span == 0:  # too young for children: with parents, and a brother or a sister
        return (
            *couple,
            Role(base(2, 30), 85, 0, Sex.MALE, Surname.HOUSEHOLDERS, ("51", "51"), (), (3,)),
            Role(base(3, 30), 85, half, Sex.FEMALE, Surname.MOTHERS, ("52", "52"), (), (2,)),
            Role(base(4), 1, half, Sex.ANY, Surname.HOUSEHOLDERS, ("73", "77"), (2, 3)),
        )
    last = (
        Role(base(4, 26), 85, 0, Sex.ANY, Surname.PARENTS, ("51", "52"))
        if span < _OLD
        else Role(base(4, -56), 85, 0, Sex.ANY, Surname.GRANDCHILDS, ("41", "42"), (2,))
    )
    return (*couple, child(2, 0), child(3, half), last)


_OLD: Final = 9
"""Span from which a grandchild lives in a full house instead of a parent."""
ROLES: Final = tuple(_roles(span) for span in range(SPANS))
"""Roles by the householder's span, then by number; a household of n has the first n."""
KIN: Final = tuple(
    tuple(tuple(_kin(role, size) for role in roles[:size]) for size in range(len(roles) + 1))
    for roles in ROLES
)
"""Relatives by the householder's span, by the household's size, then by role."""
OLDER_SIBLING: Final = ("71", "75")
"""Instead of 73 and 77, which are younger ones."""
DAUGHTERS_CHILD: Final = ("43", "44")
"""Instead of 41 and 42, which are a son's."""
