"""What acts of life have in common: the day they happen on, and letting go of what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from producers.simulator.calendar import years_after
from producers.simulator.change import Row
from producers.simulator.draws import Stream
from producers.simulator.licences import licence
from producers.simulator.neighbourhood import Neighbourhood
from producers.simulator.parcels import organisation_holds, person_holds
from producers.simulator.people import Home
from producers.simulator.ties import Licence, Parcel, Person

OF_AGE: Final = 18
_LOT: Final = 65_536


@dataclass(slots=True)
class Today:
    """The day, chance, and where a birthday was given away already.

    Attributes:
        grown: the last day on which somebody was born who is of age.
        born_in: counties in which somebody was born today; a second birth would need the same
            citizen number.
    """

    day: date
    chance: Stream
    homes: Sequence[Home]
    grown: date = field(init=False)
    born_in: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.grown = years_after(self.day, -OF_AGE)

    def lot(self) -> int:
        """Return a number below 65,536, as a new record needs some."""
        return self.chance.below(_LOT)


def some_grown_up(town: Neighbourhood, today: Today, besides: str | None = None) -> Person | None:
    """Return somebody of age, or None where nobody else is met."""
    return today.chance.one_that(
        list(town.persons.values()),
        lambda one: one.row["birth_date"] <= today.grown and one.number != besides,
    )


def some_holder(town: Neighbourhood, today: Today, besides: str | None) -> Row | None:
    """Return somebody who can hold a parcel: of age, or active; None where nobody else is met."""
    firms = len(town.organisations)
    if today.chance.below(len(town.persons) + firms) >= firms:
        person = some_grown_up(town, today, besides)
        return None if person is None else person_holds(person.row)
    firm = today.chance.one_that(
        list(town.organisations.values()),
        lambda one: one.row["status"] == "active" and one.code != besides,
    )
    return None if firm is None else organisation_holds(firm.row)


def hand_over(town: Neighbourhood, parcel: Parcel, holder: Row | None) -> bool:
    """Give a parcel to another holder, or to none; what certifies it goes with it.

    Returns:
        Whether something certifies it.
    """
    parcel.holder = None if holder is None else holder["number"]
    town.set_parcel(parcel, holder=holder)
    certificates = town.licences.about(parcel.code)
    for each in certificates:
        if holder is None:
            withdraw(town, each)
        else:
            town.licences.pass_on(each, holder["number"])
            town.set_licence(each, holder_kind=holder["kind"], holder_number=holder["number"])
    return bool(certificates)


def withdraw(town: Neighbourhood, held: Licence) -> None:
    """Cancel a licence, then take it off the register."""
    if held.row["status"] != "cancelled":
        town.set_licence(held, status="cancelled")
    town.delete_licence(held)


def let_go(town: Neighbourhood, number: str, heir: Row | None) -> None:
    """Free a person or an organisation of parcels and licences, before it is deleted."""
    for parcel in town.parcels_of(number):
        hand_over(town, parcel, heir)
    for each in town.licences.held_by(number):
        withdraw(town, each)


def issue(
    town: Neighbourhood, today: Today, kind: str, holder: tuple[str, str], parcel: str | None = None
) -> None:
    """Issue a licence with a number of its own."""
    serial = f"{town.home.code}{town.local:03}N{town.next_serial():06}"
    row = licence(kind, serial, holder, today.day, today.lot(), today.lot())
    issued = Licence(row, parcel)
    town.licences.add(issued)
    town.set_licence(issued)
