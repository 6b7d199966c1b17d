"""Licences of three issuers, for persons, organisations, and the holders of parcels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, Final

from producers.simulator.calendar import day_between, years_after
from producers.simulator.change import ORGANISATION, PARCEL, PERSON, Row
from producers.simulator.draws import Lots
from producers.simulator.organisations import BUSINESSES
from producers.simulator.site import Site
from producers.simulator.sizes import PERSONS
from schemas.catalogue import packaged_resource

DRIVING, RESIDENCE, BUSINESS, FOOD, ESTATE, NOTICE = "11", "12", "21", "22", "31", "32"
_TERMS: Final[Mapping[str, tuple[int | None, ...]]] = {
    DRIVING: (6, 6, 10, None),
    RESIDENCE: (1,),
    BUSINESS: (None,),
    FOOD: (5,),
    ESTATE: (None,),
    NOTICE: (None,),
}
"""Years for which a type can be valid; None is without end."""
_STATES: Final = ("valid",) * 60 + ("suspended",) * 3 + ("revoked",)
_PROVIDES: Final = {"1": PERSON, "2": ORGANISATION, "3": PARCEL}
"""Resource whose provider issues licences, by the first digit of their type."""
DRIVING_AGE: Final = 18

_Occasion = tuple[str, tuple[str, str], date, str | None]
"""Type, kind and number of the holder, the first day of issue, and the parcel that it is about."""


class Licences:
    """Every licence, by neighbourhood and place."""

    def __init__(self, seed: int, as_of: date) -> None:
        self._as_of = as_of
        self._years_ago = {years: years_after(as_of, -years) for years in (2, 6, 10, 12)}
        self._drives = years_after(as_of, -DRIVING_AGE)
        self._lots = Lots(seed, "licences", 16)

    def add(self, numbers: Iterable[int], site: Site) -> None:
        """Add the licences of these numbers to a neighbourhood, and which parcels they are about.

        Every other one is about a parcel, while there are parcels that somebody holds; of the
        others, each organisation has one first.
        """
        where = f"{site.home.code}{site.local:03}"
        for place, number in enumerate(numbers):
            lot = self._lots(number)
            kind, holder, earliest, about = self._occasion(place, site, lot[0] & 3 == 0)
            issued = day_between(earliest, self._as_of, lot[1])
            row = licence(kind, f"{where}{place:04}", holder, issued, lot[2], lot[3])
            last = row["expires_on"]
            ran_out = last is not None and last < self._as_of
            row["status"] = "expired" if ran_out else _STATES[lot[8] & 63]
            site.licences.append(row)
            site.about.append(about)

    def _occasion(self, place: int, site: Site, rare: bool) -> _Occasion:
        """Return why the licence of a place is there: for the usual or the rarer reason."""
        half, odd = divmod(place, 2)
        if odd and half < len(site.organisations):
            return self._of_organisation(site.organisations[half])
        if not odd and half < len(site.parcels):
            holder = site.holders[half]
            if holder is not None:
                return self._of_parcel(site.parcels[half], holder, rare)
        # Even and odd places meet different persons.
        person = site.persons[(half + (0 if odd else PERSONS // 2)) % len(site.persons)]
        return self._of_person(person, rare)

    def _of_parcel(self, parcel: Row, held_by: Row, rare: bool) -> _Occasion:
        holder = parcel["holder"]["kind"], parcel["holder"]["number"]
        since = held_by["birth_date" if holder[0] == "person" else "established_on"]
        earliest = max(since, self._years_ago[10])
        return NOTICE if rare else ESTATE, holder, earliest, parcel["parcel_code"]

    def _of_organisation(self, row: Row) -> _Occasion:
        holder, founded = ("organisation", row["credit_code"]), row["established_on"]
        if row["kind"] in BUSINESSES:
            return BUSINESS, holder, founded, None
        return FOOD, holder, max(founded, self._years_ago[6]), None

    def _of_person(self, row: Row, rare: bool) -> _Occasion:
        holder, born = ("person", row["citizen_number"]), row["birth_date"]
        if born <= self._drives and not rare:
            grown = years_after(born, DRIVING_AGE)
            return DRIVING, holder, max(grown, self._years_ago[12]), None
        return RESIDENCE, holder, max(born, self._years_ago[2]), None


def licence(
    kind: str, serial: str, holder: tuple[str, str], issued: date, term: int, file: int
) -> Row:
    """Return a valid licence; the kind comes before the serial in its number.

    Chance says by `term` how long it is valid, and by `file` whether there is a file of it.
    """
    number, terms = kind + serial, _TERMS[kind]
    years = terms[term % len(terms)]
    filed = file % 5 != 0
    return {
        "licence_number": number,
        "type_code": kind,
        "holder_kind": holder[0],
        "holder_number": holder[1],
        "issuer": issuer(kind),
        "issued_on": issued,
        "expires_on": None if years is None else years_after(issued, years),
        "status": "valid",
        "file_digest": _digest(number, issued) if filed else None,
        "file_location": f"licences/{kind}/{number[2:]}.ofd" if filed else None,
    }


def renewed(row: Row, day: date) -> Row:
    """Return a licence of limited validity, valid anew from a day on."""
    years = max(1, row["expires_on"].year - row["issued_on"].year)
    changes: dict[str, Any] = {"issued_on": day, "expires_on": years_after(day, years)}
    if row["file_digest"] is not None:
        changes["file_digest"] = _digest(row["licence_number"], day)
    return row | changes | {"status": "valid"}


@cache
def issuer(kind: str) -> str:
    """Return the synthetic credit code that the catalogue entry gives a type's issuer."""
    return packaged_resource(_PROVIDES[kind[0]])[0].provider_code


def _digest(number: str, issued: date) -> bytes:
    return sha256(f"{number}/{issued.isoformat()}".encode()).digest()
