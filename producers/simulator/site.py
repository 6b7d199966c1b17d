"""What stands in a neighbourhood so far, while its first state is worked out."""

from __future__ import annotations

from dataclasses import dataclass, field

from producers.simulator.change import Row
from producers.simulator.people import Home


@dataclass(frozen=True, slots=True)
class Site:
    """Rows of a neighbourhood; what comes later is added to by what came before.

    Attributes:
        home: its county.
        local: its number among the county's neighbourhoods.
        adults: those of the persons who are of age; at least one.
        leaders: by organisation, who leads it.
        holders: by parcel, the row of who holds it.
        about: by licence, the code of the parcel that it is about.
    """

    home: Home
    local: int
    persons: list[Row]
    adults: list[Row]
    organisations: list[Row] = field(default_factory=list)
    leaders: list[Row] = field(default_factory=list)
    parcels: list[Row] = field(default_factory=list)
    holders: list[Row | None] = field(default_factory=list)
    licences: list[Row] = field(default_factory=list)
    about: list[str | None] = field(default_factory=list)
