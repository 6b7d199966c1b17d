"""A world: everything that stands on a day, and what happens from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Final

from producers.simulator.acts import OF_AGE
from producers.simulator.calendar import midnight, years_after
from producers.simulator.change import (
    DIVISION,
    LICENCE,
    ORGANISATION,
    PARCEL,
    PERSON,
    SOURCES,
    Change,
    Row,
    source_of,
)
from producers.simulator.divisions import County, Divisions, as_counties
from producers.simulator.licences import Licences
from producers.simulator.life import Life
from producers.simulator.neighbourhood import Neighbourhood
from producers.simulator.organisations import Organisations
from producers.simulator.parcels import Parcels
from producers.simulator.people import People
from producers.simulator.site import Site
from producers.simulator.sizes import PER_COUNTY, PERSONS, Sizes
from producers.simulator.ties import Licence, Organisation, Parcel, Person
from schemas.errors import InvalidInput, UnknownName

_FIRST_YEAR, _LAST_YEAR = 1950, 2100
_KEYS: Final = {
    DIVISION: "code",
    PERSON: "citizen_number",
    ORGANISATION: "credit_code",
    PARCEL: "parcel_code",
    LICENCE: "licence_number",
}


class World:
    """A synthetic country; the same arguments give the same world, on any machine.

    Nothing is held but tables: a neighbourhood is worked out when its turn comes, so memory does
    not grow with the world, and two iterations give the same.

    Args:
        seed: any integer.
        counties: where it lies; codes, or counties with their townships.
        persons, organisations, parcels, licences: how many records there are of each at first.
        as_of: day of the first state. Nothing reads a clock.
        divisions: publishes these divisions too, before everything else.

    Raises:
        InvalidInput: the counties have no room for so many, or nobody is there to hold the rest.
    """

    def __init__(
        self,
        seed: int,
        counties: Iterable[County | str],
        *,
        persons: int,
        organisations: int = 0,
        parcels: int = 0,
        licences: int = 0,
        as_of: date,
        divisions: Divisions | None = None,
    ) -> None:
        self._sizes = Sizes(persons, organisations, parcels, licences)
        found = as_counties(counties)
        self._check(found, as_of)
        self._seed, self._as_of, self._divisions = seed, as_of, divisions
        self._people = People(seed, found, as_of)
        self._organisations = Organisations(seed, as_of)
        self._parcels, self._licences = Parcels(seed, as_of), Licences(seed, as_of)
        self._adult_until = years_after(as_of, -OF_AGE)

    @classmethod
    def of_sizes(
        cls,
        seed: int,
        counties: Iterable[County | str],
        sizes: Sizes,
        *,
        as_of: date,
        divisions: Divisions | None = None,
    ) -> World:
        """Return a world of sizes that were worked out before; raises like the class."""
        return cls(
            seed,
            counties,
            persons=sizes.persons,
            organisations=sizes.organisations,
            parcels=sizes.parcels,
            licences=sizes.licences,
            as_of=as_of,
            divisions=divisions,
        )

    def first_state(self) -> Iterator[Change]:
        """Yield every record as it stands on the first day, holders before what they hold."""
        at = midnight(self._as_of)
        if self._divisions is not None:
            for row in self._divisions.rows():
                yield Change(DIVISION, SOURCES[DIVISION], row["code"], row, at)
        for block in range(self._sizes.neighbourhoods):
            site = self._found(block)
            for resource, rows in (
                (PERSON, site.persons),
                (ORGANISATION, site.organisations),
                (PARCEL, site.parcels),
                (LICENCE, site.licences),
            ):
                key = _KEYS[resource]
                for row in rows:
                    number = row[key]
                    yield Change(resource, source_of(resource, number), number, row, at)

    def rows(self, resource: str) -> Iterator[Row]:
        """Yield the first state's rows of one resource, in the same order.

        Raises:
            UnknownName: it has no such resource.
        """
        if resource not in _KEYS:
            raise UnknownName(f"a world has no {resource!r}", remedy=f"It has {', '.join(_KEYS)}")
        if resource == DIVISION:
            return self._divisions.rows() if self._divisions is not None else iter(())
        if resource == PERSON:
            return self._persons()
        return self._others(resource)

    def records(self, resource: str) -> Iterator[Change]:
        """Yield the same as `rows` as changes; raises like it."""
        at, key = midnight(self._as_of), _KEYS[resource]
        for row in self.rows(resource):
            yield Change(resource, source_of(resource, row[key]), row[key], row, at)

    def life(self) -> Iterator[Change]:
        """Yield what happens after the first day, in its order; whoever holds something exists.

        It goes on until the end of the year 2150.
        """
        surveyed = None if self._divisions is None else self._divisions.surveys(self._seed)
        blocks, homes = self._sizes.neighbourhoods, self._people.homes
        life = Life(self._seed, self._as_of, blocks, self.neighbourhood, homes, surveyed)
        return life.changes()

    def neighbourhood(self, block: int) -> Neighbourhood:
        """Return the first state of one neighbourhood, with its ties."""
        site = self._found(block)
        town = Neighbourhood(site.home, site.local)
        rows = iter(site.persons)
        for family in self._people.families(block, len(site.persons)):
            members = list(islice(rows, len(family)))
            numbers: list[str] = [row["citizen_number"] for row in members]
            for row, kin in zip(members, family, strict=True):
                parents = tuple([numbers[place] for place in kin.parents])
                town.join(Person(row, parents, None if kin.spouse is None else numbers[kin.spouse]))
        for row, leader in zip(site.organisations, site.leaders, strict=True):
            town.organisations[row["credit_code"]] = Organisation(row, leader["citizen_number"])
        town.parcels = [Parcel(row) for row in site.parcels]
        for row, parcel in zip(site.licences, site.about, strict=True):
            town.licences.add(Licence(row, parcel))
        return town

    def _persons(self) -> Iterator[Row]:
        full, rest = divmod(self._sizes.persons, PERSONS)
        for block in range(full):
            yield from self._people.rows(block)
        if rest:
            yield from self._people.rows(full)[:rest]

    def _others(self, resource: str) -> Iterator[Row]:
        """Yield organisations, parcels or licences, and work out nothing that comes after them."""
        for block in range(self._sizes.neighbourhoods):
            site = self._settled(block)
            self._organisations.add(self._numbers(block, self._sizes.organisations), site)
            if resource == ORGANISATION:
                yield from site.organisations
                continue
            self._parcels.add(self._numbers(block, self._sizes.parcels), site)
            if resource == PARCEL:
                yield from site.parcels
                continue
            self._licences.add(self._numbers(block, self._sizes.licences), site)
            yield from site.licences

    def _found(self, block: int) -> Site:
        """Return everything of a neighbourhood."""
        site = self._settled(block)
        self._organisations.add(self._numbers(block, self._sizes.organisations), site)
        self._parcels.add(self._numbers(block, self._sizes.parcels), site)
        self._licences.add(self._numbers(block, self._sizes.licences), site)
        return site

    def _settled(self, block: int) -> Site:
        persons = self._people.rows(block)[: self._sizes.persons - block * PERSONS]
        adults = [row for row in persons if row["birth_date"] <= self._adult_until]
        local = block // len(self._people.homes)
        return Site(self._people.home(block), local, persons, adults)

    def _numbers(self, block: int, count: int) -> range:
        share = self._sizes.share(count)
        return range(min(block * share, count), min((block + 1) * share, count))

    def _check(self, counties: tuple[County, ...], as_of: date) -> None:
        codes = [county.code for county in counties]
        if not codes or len(set(codes)) != len(codes) or not all(len(c) == 6 for c in codes):
            raise InvalidInput("counties are needed, each once, with codes of six digits")
        room = len(codes) * PER_COUNTY
        if self._sizes.neighbourhoods > room:
            raise InvalidInput(
                f"{len(codes)} counties have no room for {self._sizes.persons:,} persons",
                remedy=f"At most {room * PERSONS:,}: a county has one synthetic citizen number "
                "for each day of birth; give more counties",
            )
        if not _FIRST_YEAR <= as_of.year <= _LAST_YEAR:
            raise InvalidInput(f"a world begins between {_FIRST_YEAR} and {_LAST_YEAR}")


def surveys(
    divisions: Divisions, seed: int, as_of: date
) -> tuple[Iterator[Change], Iterator[Change]]:
    """Return what divisions alone have to tell: their first state, and their surveys after it."""
    source, at = SOURCES[DIVISION], midnight(as_of)

    def changes(rows: Iterator[Row]) -> Iterator[Change]:
        return (Change(DIVISION, source, row["code"], row, at) for row in rows)

    return changes(divisions.rows()), changes(divisions.surveys(seed))
