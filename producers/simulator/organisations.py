"""Organisations of a neighbourhood, led by its grown-up persons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from producers.simulator.calendar import day_between, years_after
from producers.simulator.change import Row
from producers.simulator.draws import Lots
from producers.simulator.identities import credit_code
from producers.simulator.names import organisation_name
from producers.simulator.people import Home
from producers.simulator.site import Site

_KIND_CODES: Final = {
    "enterprise": "91",
    "individual_business": "92",
    "institution": "12",
    "agency": "11",
    "social_organisation": "51",
}
"""First two characters of a credit code: who registers it, and what it is (GB 32100)."""
_KINDS: Final = (
    ("enterprise",) * 8
    + ("individual_business",) * 5
    + ("institution", "agency", "social_organisation")
)
BUSINESSES: Final = frozenset({"enterprise", "individual_business"})
_INDUSTRIES: Final = "ABCDEFGHIJKLMNOPQR"
_YUAN: Final = Decimal("1.00")
LOT: Final = 12
"""Numbers that an organisation needs."""
_STATES: Final = ("active",) * 60 + ("suspended",) * 3 + ("revoked",)


class Organisations:
    """Every organisation, by number."""

    def __init__(self, seed: int, as_of: date) -> None:
        self._as_of = as_of
        self._lots = Lots(seed, "organisations", LOT)

    def add(self, numbers: Iterable[int], site: Site) -> None:
        """Add the organisations of these numbers to a neighbourhood, and who leads them."""
        leaders = site.adults
        for number in numbers:
            lot = self._lots(number)
            leader = leaders[lot[0] % len(leaders)]
            earliest = years_after(leader["birth_date"], 18)
            founded = day_between(earliest, self._as_of, lot[1])
            row = organisation(f"{number:08}", site.home, leader, founded, lot)
            row["status"] = _STATES[lot[2] & 63]
            site.organisations.append(row)
            site.leaders.append(leader)


def organisation(body: str, home: Home, leader: Row, founded: date, lot: Sequence[int]) -> Row:
    """Return an active organisation whose code has these 8 characters."""
    kind = _KINDS[lot[3] & 15]
    capital = 10_000 * (1 + lot[4] % 5_000) * _YUAN
    return {
        "credit_code": credit_code(_KIND_CODES[kind], home.code, body),
        "name": organisation_name(kind, lot[5]),
        "kind": kind,
        "division": home.code,
        "established_on": founded,
        "status": "active",
        "legal_representative": leader["name"],
        "registered_capital": capital if kind == "enterprise" else None,
        "industry": "S" if kind == "agency" else _INDUSTRIES[lot[6] % len(_INDUSTRIES)],
        "address": f"合成路{1 + lot[7] % 999}号" if lot[8] & 31 else None,
        "phone": f"000-{lot[9] << 8 | lot[10] & 255:08}" if lot[11] & 7 else None,
    }
