"""A neighbourhood that lives: its records as they stand, and how they hang together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from producers.simulator.calendar import age_on, years_after
from producers.simulator.change import LICENCE, ORGANISATION, PARCEL, PERSON, Row
from producers.simulator.people import Home

Step: TypeAlias = tuple[str, str, Row | None]
"""Resource, key, and the row as it now stands, or None where it is no more."""
Steps: TypeAlias = Iterator[Step]
OF_AGE = 18


@dataclass(slots=True)
class Person:
    """A person with what the row does not tell: relatives, dead ones included, by number."""

    row: Row
    parents: tuple[str, ...] = ()
    spouse: str | None = None

    @property
    def number(self) -> str:
        """The citizen number."""
        return str(self.row["citizen_number"])

    @property
    def household(self) -> str:
        """The household's number."""
        return str(self.row["household_number"])

    @property
    def is_householder(self) -> bool:
        """Whether the household is under this person's name."""
        return bool(self.row["householder_relation"] == "02")

    def age(self, day: date) -> int:
        """Return completed years."""
        return age_on(self.row["birth_date"], day)


@dataclass(slots=True)
class Organisation:
    """An organisation, and the number of the person who leads it."""

    row: Row
    leader: str | None

    @property
    def code(self) -> str:
        """The credit code."""
        return str(self.row["credit_code"])


@dataclass(slots=True)
class Licence:
    """A licence, and the parcel that it is about."""

    row: Row
    parcel: str | None

    @property
    def number(self) -> str:
        """The licence number."""
        return str(self.row["licence_number"])


@dataclass(slots=True)
class Neighbourhood:
    """What stands in one neighbourhood; whoever holds or leads something here is here.

    Attributes:
        home: county in which it was founded.
        local: its number among the county's.
        due: no licence that is valid or suspended runs out before this day.
        serial: goes up with every number given here in life, so that none is given twice.
    """

    index: int
    home: Home
    local: int
    persons: dict[str, Person] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    parcels: dict[str, Row] = field(default_factory=dict)
    licences: dict[str, Licence] = field(default_factory=dict)
    serial: int = 0
    due: date = date.min

    def next_serial(self) -> int:
        """Return a number that was not given before."""
        self.serial += 1
        return self.serial

    def household(self, number: str) -> list[Person]:
        """Return who lives together."""
        return [person for person in self.persons.values() if person.household == number]

    def grown_ups(self, day: date, besides: str | None = None) -> list[Person]:
        """Return who is of age, one person left out."""
        latest = years_after(day, -OF_AGE)
        return [
            person
            for number, person in self.persons.items()
            if person.row["birth_date"] <= latest and number != besides
        ]

    def set_person(self, person: Person, **items: object) -> Step:
        """Change items of a person."""
        person.row = person.row | items
        self.persons[person.number] = person
        return PERSON, person.number, person.row

    def set_organisation(self, organisation: Organisation, **items: object) -> Step:
        """Change items of an organisation."""
        organisation.row = organisation.row | items
        self.organisations[organisation.code] = organisation
        return ORGANISATION, organisation.code, organisation.row

    def set_parcel(self, code: str, **items: object) -> Step:
        """Change items of a parcel."""
        self.parcels[code] = self.parcels[code] | items
        return PARCEL, code, self.parcels[code]

    def set_licence(self, licence: Licence, **items: object) -> Step:
        """Change items of a licence."""
        licence.row = licence.row | items
        self.due = min(self.due, licence.row["expires_on"] or self.due)
        self.licences[licence.number] = licence
        return LICENCE, licence.number, licence.row

    def records(self) -> Iterable[tuple[str, str, Row]]:
        """Return everything that stands, holders before what they hold."""
        yield from ((PERSON, key, person.row) for key, person in self.persons.items())
        yield from ((ORGANISATION, key, each.row) for key, each in self.organisations.items())
        yield from ((PARCEL, key, row) for key, row in self.parcels.items())
        yield from ((LICENCE, key, each.row) for key, each in self.licences.items())
