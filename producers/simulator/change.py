"""One change at a source, and who the sources are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

Row = dict[str, Any]

PERSON: Final = "population.person"
ORGANISATION: Final = "legal_entity.organisation"
DIVISION: Final = "geography.division"
PARCEL: Final = "geography.parcel"
LICENCE: Final = "licence.certificate"

SOURCES: Final = {
    PERSON: "public-security",
    ORGANISATION: "market-regulation",
    DIVISION: "civil-affairs",
    PARCEL: "natural-resources",
}
"""Department that provides a resource; licences have three, by type."""
ISSUERS: Final = {"1": "public-security", "2": "market-regulation", "3": "natural-resources"}
"""Department that issues a licence, by the first digit of its type."""


class Change(NamedTuple):
    """What a source has to tell; a tuple, because millions are made.

    Attributes:
        resource: id of the resource.
        source: id of the department whose record it is.
        key: of the record.
        row: its items as they now stand; None where the record is no more.
        occurred_at: when, by the calendar of the simulation; aware, UTC.
    """

    resource: str
    source: str
    key: str
    row: Row | None
    occurred_at: datetime


def source_of(resource: str, key: str) -> str:
    """Return the department that provides a record."""
    return ISSUERS[key[0]] if resource == LICENCE else SOURCES[resource]
