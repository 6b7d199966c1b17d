"""Made-up persons: citizen numbers with the sequence 000, which is never allotted."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.catalogue.identifiers import citizen_check_character

Row = dict[str, Any]
ITEMS = (
    "citizen_number", "name", "sex", "ethnicity", "birth_date", "registered_division",
    "registered_address", "household_number", "householder_relation", "phone",
)  # fmt: skip


def persons(count: int, division: str = "440103") -> list[Row]:
    """Return so many persons of one county, each born on another day."""
    rows = []
    for number in range(count):
        born = date.fromordinal(700_000 + number)
        first = f"{division}{born:%Y%m%d}000"
        values = (
            first + citizen_check_character(first),
            f"虚构人{number:05d}",
            "female" if number % 2 else "male",
            "01",
            born,
            division,
            {"division": f"{division}001", "detail": f"虚构路{number}号"},
            f"{division}{number:06d}",
            "02",
            f"000-{number:08d}",
        )
        rows.append(dict(zip(ITEMS, values, strict=True)))
    return rows
