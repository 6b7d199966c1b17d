"""Numbers that identify, and that nobody has.

Citizen numbers carry the sequence 000, which registers never allot, so a county has one for each
day of birth. The organisation code (GB 11714) inside a credit code has the check character behind
the right one, so no register gave it, while the credit code as a whole is well-formed.
"""

from __future__ import annotations

from typing import Final

from schemas.catalogue.identifiers import (
    CHECK_CHARACTERS,
    citizen_tables,
    credit_code_check_character,
)

_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_BODY_WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
_BODY_CHECKS: Final = "0X987654321"
"""Right check character by the weighted sum modulo 11; one place on stands a wrong one."""


def county_total(county: str) -> int:
    """Return what a county adds to the sum under a citizen number's check character."""
    known = citizen_tables()
    return known.provinces[county[:2]] + known.places[county[2:]]


def day_total(digits: str) -> int:
    """Return what a day of birth, as YYYYMMDD, adds to it; the sequence 000 adds nothing."""
    return citizen_tables().days[digits[:4]][digits[4:]]


def citizen_number(county: str, digits: str) -> str:
    """Return the citizen number of who was born in a county on a day, YYYYMMDD."""
    total = county_total(county) + day_total(digits)
    return f"{county}{digits}000{CHECK_CHARACTERS[total % 11]}"


def credit_code(kind: str, county: str, body: str) -> str:
    """Return a credit code from the two characters of its kind, a county, and 8 characters."""
    total = sum(int(c, 36) * w for c, w in zip(body, _BODY_WEIGHTS, strict=True))
    first = f"{kind}{county}{body}{_BODY_CHECKS[(total + 1) % 11]}"
    return first + credit_code_check_character(first)


def letters(number: int, length: int) -> str:
    """Write a number in the 31 characters of credit codes."""
    written = ""
    for _ in range(length):
        number, last = divmod(number, 31)
        written = _LETTERS[last] + written
    return written
