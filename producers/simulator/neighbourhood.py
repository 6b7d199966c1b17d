"""A neighbourhood that lives: its records as they stand, and how they hang together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from producers.simulator.change import LICENCE, ORGANISATION, PARCEL, PERSON, Row
from producers.simulator.licence_register import LicenceRegister
from producers.simulator.people import Home
from producers.simulator.ties import Licence, Organisation, Parcel, Person

Step: TypeAlias = tuple[str, str, Row | None]
"""Resource, key, and the row as it now stands, or None where it is no more."""


@dataclass(slots=True)
class Neighbourhood:
    """What stands in one neighbourhood; whoever holds or leads something here is here.

    Attributes:
        home: county in which it was founded.
        local: its number among the county's.
        households: who lives together, by household number.
        wives: women whose husbands live, by number.
        due: no licence that is valid or suspended runs out before this day.
        serial: goes up with every number given here in life, so that none is given twice.
        told: what has changed, in its order, until somebody takes it.
    """

    home: Home
    local: int
    persons: dict[str, Person] = field(default_factory=dict)
    households: dict[str, list[Person]] = field(default_factory=dict)
    wives: dict[str, Person] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    licences: LicenceRegister = field(default_factory=LicenceRegister)
    serial: int = 0
    due: date = date.min
    told: list[Step] = field(default_factory=list)

    def next_serial(self) -> int:
        """Return a number that was not given before."""
        self.serial += 1
        return self.serial

    def take(self) -> list[Step]:
        """Return what has changed since the last time."""
        told, self.told = self.told, []
        return told

    def household(self, person: Person) -> list[Person]:
        """Return who lives together with a person, who is among them."""
        return self.households[person.household]

    def parcels_of(self, number: str) -> list[Parcel]:
        """Return what a person or an organisation holds."""
        return [parcel for parcel in self.parcels if parcel.holder == number]

    def join(self, person: Person) -> None:
        """Let a person, new or not, be of the household that the row names."""
        self.persons[person.number] = person
        self.households.setdefault(person.household, []).append(person)
        if person.spouse is not None and person.row["sex"] == "female":
            self.wives[person.number] = person
        for number in person.parents:
            if number in self.persons:
                parent, born = self.persons[number], person.row["birth_date"]
                parent.last_child = max(parent.last_child, born)

    def leave(self, person: Person) -> None:
        """Let a person be of no household any more; where nobody else lives, there is none left."""
        others = self.household(person)
        others.remove(person)
        if not others:
            del self.households[person.household]

    def set_person(self, person: Person, **items: object) -> None:
        """Change items of a person."""
        person.row = person.row | items
        self.told.append((PERSON, person.number, person.row))

    def set_organisation(self, organisation: Organisation, **items: object) -> None:
        """Change items of an organisation."""
        organisation.row = organisation.row | items
        self.organisations[organisation.code] = organisation
        self.told.append((ORGANISATION, organisation.code, organisation.row))

    def set_parcel(self, parcel: Parcel, **items: object) -> None:
        """Change items of a parcel."""
        parcel.row = parcel.row | items
        self.told.append((PARCEL, parcel.code, parcel.row))

    def set_licence(self, licence: Licence, **items: object) -> None:
        """Change items of a licence."""
        licence.row = licence.row | items
        last = licence.row["expires_on"]
        if last is not None and last < self.due:
            self.due = last
        self.told.append((LICENCE, licence.number, licence.row))

    def delete_person(self, person: Person) -> None:
        """Take a person off the register; a spouse is free again."""
        if person.spouse is not None:
            self.persons[person.spouse].spouse = None
            for number in (person.number, person.spouse):
                self.wives.pop(number, None)
        self.leave(person)
        del self.persons[person.number]
        self.told.append((PERSON, person.number, None))

    def delete_organisation(self, organisation: Organisation) -> None:
        """Take an organisation off the register."""
        del self.organisations[organisation.code]
        self.told.append((ORGANISATION, organisation.code, None))

    def delete_licence(self, licence: Licence) -> None:
        """Take a licence off the register."""
        self.licences.remove(licence)
        self.told.append((LICENCE, licence.number, None))
