"""What acts of life have in common: the day they happen on, and letting go of what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from producers.simulator.change import LICENCE, Row
from producers.simulator.draws import Stream
from producers.simulator.licences import licence
from producers.simulator.neighbourhood import Licence, Neighbourhood, Step, Steps
from producers.simulator.parcels import organisation_holds, person_holds
from producers.simulator.people import Home

_LOT: Final = 16


@dataclass(slots=True)
class Today:
    """The day, chance, and where a birthday was given away already.

    Attributes:
        born_in: counties in which somebody was born today; a second birth would need the same
            citizen number.
    """

    day: date
    chance: Stream
    homes: Sequence[Home]
    born_in: set[str] = field(default_factory=set)

    def lot(self) -> list[int]:
        """Return numbers below 65,536, as a new record needs them."""
        return [self.chance.below(65_536) for _ in range(_LOT)]


def some_holder(town: Neighbourhood, today: Today, besides: str) -> Row | None:
    """Return somebody who can hold a parcel: of age, or active; None where there is nobody else."""
    holders = [person_holds(each.row) for each in town.grown_ups(today.day)]
    holders += [
        organisation_holds(each.row)
        for each in town.organisations.values()
        if each.row["status"] == "active"
    ]
    return today.chance.one_that(holders, lambda holder: bool(holder["number"] != besides))


def hand_over(town: Neighbourhood, code: str, holder: Row | None) -> Steps:
    """Give a parcel to another holder, or to none; what certifies it goes with it."""
    yield town.set_parcel(code, holder=holder)
    for each in [each for each in town.licences.values() if each.parcel == code]:
        if holder is None:
            yield from withdraw(town, each)
        else:
            yield town.set_licence(each, holder_kind=holder["kind"], holder_number=holder["number"])


def withdraw(town: Neighbourhood, held: Licence) -> Steps:
    """Cancel a licence, then take it off the register."""
    if held.row["status"] != "cancelled":
        yield town.set_licence(held, status="cancelled")
    yield take_off(town, held)


def take_off(town: Neighbourhood, held: Licence) -> Step:
    """Delete a licence."""
    del town.licences[held.number]
    return LICENCE, held.number, None


def let_go(town: Neighbourhood, number: str, heir: Row | None) -> Steps:
    """Free a person or an organisation of parcels and licences, before it is deleted."""
    for code, row in list(town.parcels.items()):
        if row["holder"] is not None and row["holder"]["number"] == number:
            yield from hand_over(town, code, heir)
    for each in list(town.licences.values()):
        if each.row["holder_number"] == number:
            yield from withdraw(town, each)


def issue(
    town: Neighbourhood, today: Today, kind: str, holder: tuple[str, str], parcel: str | None = None
) -> Step:
    """Issue a licence with a number of its own."""
    serial = f"{town.home.code}{town.local:03}N{town.next_serial():06}"
    issued = Licence(licence(kind, serial, holder, today.day, *today.lot()[:2]), parcel)
    return town.set_licence(issued)
