"""Licences of three issuers, for persons, organisations, and the holders of parcels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, Final

from producers.simulator.calendar import age_on, day_between, years_after
from producers.simulator.change import ISSUERS, ORGANISATION, PARCEL, PERSON, Row
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
DRIVING_AGE: Final = 18

_Occasion = tuple[str, tuple[str, str], date]
"""Type, kind and number of the holder, and the first day on which it can have been issued."""


class Licences:
    """Every licence, by neighbourhood and place."""

    def __init__(self, seed: int, as_of: date) -> None:
        self._as_of = as_of
        self._lots = Lots(seed, "licences")

    def row(self, number: int, place: int, site: Site) -> tuple[Row, str | None]:
        """Return a licence, and the code of the parcel that it is about.

        Every other one is about a parcel, while there are parcels that somebody holds; of the
        others, each organisation has one first.

        Args:
            number: of all licences.
            place: in the neighbourhood.
            site: the neighbourhood.
        """
        lot, half = self._lots(number), place // 2
        parcel = site.parcels[half] if place % 2 == 0 and half < len(site.parcels) else None
        if parcel is not None and parcel["holder"] is not None:
            kind, holder, earliest = self._of_parcel(parcel, site, lot)
        elif place % 2 and half < len(site.organisations):
            kind, holder, earliest = self._of_organisation(site.organisations[half])
        else:
            # Even and odd places meet different persons.
            person = site.persons[(half + (0 if place % 2 else PERSONS // 2)) % len(site.persons)]
            kind, holder, earliest = self._of_person(person, lot)
        issued = day_between(earliest, self._as_of, lot[1])
        row = licence(kind, f"{site.home.code}{site.local:03}{place:04}", holder, issued, lot[2:])
        if row["expires_on"] is not None and row["expires_on"] < self._as_of:
            row["status"] = "expired"
        else:
            row["status"] = _STATES[lot[8] & 63]
        return row, parcel["parcel_code"] if parcel and kind in (ESTATE, NOTICE) else None

    def _of_parcel(self, parcel: Row, site: Site, lot: Sequence[int]) -> _Occasion:
        number, earliest = parcel["holder"]["number"], years_after(self._as_of, -10)
        kind = ESTATE if lot[0] & 3 else NOTICE
        for person in site.adults:
            if person["citizen_number"] == number:
                earliest = max(earliest, person["birth_date"])
        for organisation in site.organisations:
            if organisation["credit_code"] == number:
                earliest = max(earliest, organisation["established_on"])
        return kind, (parcel["holder"]["kind"], number), earliest

    def _of_organisation(self, row: Row) -> _Occasion:
        holder, founded = ("organisation", row["credit_code"]), row["established_on"]
        if row["kind"] in BUSINESSES:
            return BUSINESS, holder, founded
        return FOOD, holder, max(founded, years_after(self._as_of, -6))

    def _of_person(self, row: Row, lot: Sequence[int]) -> _Occasion:
        holder, born = ("person", row["citizen_number"]), row["birth_date"]
        if age_on(born, self._as_of) >= DRIVING_AGE and lot[0] & 3:
            grown = years_after(born, DRIVING_AGE)
            return DRIVING, holder, max(grown, years_after(self._as_of, -12))
        return RESIDENCE, holder, max(born, years_after(self._as_of, -2))


def licence(
    kind: str, serial: str, holder: tuple[str, str], issued: date, lot: Sequence[int]
) -> Row:
    """Return a valid licence; the kind comes before the serial in its number."""
    number = kind + serial
    years = _TERMS[kind][lot[0] % len(_TERMS[kind])]
    filed = lot[1] % 5 != 0
    return {
        "licence_number": number,
        "type_code": kind,
        "holder_kind": holder[0],
        "holder_number": holder[1],
        "issuer": issuer(kind),
        "issued_on": issued,
        "expires_on": None if years is None else years_after(issued, years),
        "status": "valid",
        "file_digest": sha256(f"{number}/{issued}".encode()).digest() if filed else None,
        "file_location": f"licences/{kind}/{number[2:]}.ofd" if filed else None,
    }


def renewed(row: Row, day: date) -> Row:
    """Return a licence of limited validity, valid anew from a day on."""
    years = max(1, row["expires_on"].year - row["issued_on"].year)
    changes: dict[str, Any] = {"issued_on": day, "expires_on": years_after(day, years)}
    if row["file_digest"] is not None:
        changes["file_digest"] = sha256(f"{row['licence_number']}/{day}".encode()).digest()
    return row | changes | {"status": "valid"}


def issuer(kind: str) -> str:
    """Return the credit code of a type's issuer."""
    return _issuers()[ISSUERS[kind[0]]]


@cache
def _issuers() -> Mapping[str, str]:
    """Return the synthetic credit codes that the catalogue entries give their providers."""
    provided = {
        "public-security": PERSON,
        "market-regulation": ORGANISATION,
        "natural-resources": PARCEL,
    }
    return {name: packaged_resource(entry)[0].provider_code for name, entry in provided.items()}
