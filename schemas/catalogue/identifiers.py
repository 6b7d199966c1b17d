"""Identifiers that Chinese registers give: is a text one? Pure; nothing is looked up.

Citizen number: GB 11643 (18 characters, the last a check character by ISO 7064 MOD 11-2); residents
of Hong Kong, Macao and Taiwan have residence permits under the codes 81, 82, 83. Unified social
credit code: GB 32100 (18 characters, the last one MOD 31). Division code: GB/T 2260 down to
counties, with three digits more (GB/T 10114) for townships.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import product
from typing import Final

PROVINCES: Final = frozenset(
    str(10 * region + number)
    for region, last in ((1, 5), (2, 3), (3, 7), (4, 6), (5, 4), (6, 5), (7, 1), (8, 3))
    for number in range(0 if region == 5 else 1, last + 1)
)
"""First two digits of a division, and of a citizen number: where it was first given."""

FIRST_YEAR: Final = 1850
LAST_YEAR: Final = 2150
"""Years in which a citizen's birth can lie; whether it lies ahead, only a clock knows."""

_WEIGHTS: Final = tuple(pow(2, 17 - place, 11) for place in range(17))
CHECK_CHARACTERS: Final = "10X98765432"
_CHECK_VALUES: Final = {character: value for value, character in enumerate("0123456789X")}
_CREDIT: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_CREDIT_VALUES: Final = {letter: value for value, letter in enumerate(_CREDIT)}


@dataclass(frozen=True, slots=True)
class CitizenTables:
    """The parts that a citizen number can have, each with what it adds to the weighted sum.

    All modulo 11. Look-ups take the place of eighteen multiplications, and refuse what is no
    province, day or digit; tables are small enough to stay near the processor.

    Attributes:
        provinces: by two digits.
        places: in a province, by four digits.
        days: by a year's four digits and a day's, MMDD.
        ends: sequence and check character.
    """

    provinces: Mapping[str, int]
    places: Mapping[str, int]
    days: Mapping[str, Mapping[str, int]]
    ends: Mapping[str, int]


@cache
def citizen_tables() -> CitizenTables:
    """Return the tables; a number's parts are 1 together, modulo 11."""
    return CitizenTables(
        provinces={province: _sum(province, 0) % 11 for province in PROVINCES},
        places={place: _sum(place, 2) % 11 for place in _digits(4)},
        days={
            f"{year}": _days_of(isleap(year), _sum(f"{year}", 6) % 11)
            for year in range(FIRST_YEAR, LAST_YEAR + 1)
        },
        ends={
            sequence + character: (_sum(sequence, 14) + value) % 11
            for sequence in _digits(3)
            for character, value in _CHECK_VALUES.items()
        },
    )


@cache
def birth_dates() -> dict[str, date]:
    """Return every day that a citizen number can name, by its eight digits."""
    first, last = date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal()
    days = map(date.fromordinal, range(first, last + 1))
    return {day.isoformat().replace("-", ""): day for day in days}


@cache
def _days_of(leap: bool, year: int) -> dict[str, int]:
    """Return the days of a year by MMDD, with what the year adds."""
    first = date(2000 if leap else 2001, 1, 1).toordinal()
    days = (date.fromordinal(first + number) for number in range(366 if leap else 365))
    texts = (f"{day.month:02}{day.day:02}" for day in days)
    return {text: (year + _sum(text, 10)) % 11 for text in texts}


def _digits(length: int) -> Iterator[str]:
    return map("".join, product("0123456789", repeat=length))


def _sum(digits: str, start: int) -> int:
    """Return what digits from a place on add to a citizen number's weighted sum."""
    weights = _WEIGHTS[start : start + len(digits)]
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def citizen_check_character(first_17: str) -> str:
    """Return the 18th character of a citizen number.

    Raises:
        ValueError: they are not seventeen digits.
    """
    if len(first_17) != 17 or not (first_17.isascii() and first_17.isdecimal()):
        raise ValueError("seventeen digits are needed")
    return CHECK_CHARACTERS[_sum(first_17, 0) % 11]


def is_citizen_number(text: str) -> bool:
    """Tell whether a text is a citizen number 公民身份号码 or a residence permit's number."""
    known = citizen_tables()
    try:
        total = (
            known.provinces[text[:2]] + known.places[text[2:6]]
            + known.days[text[6:10]][text[10:14]] + known.ends[text[14:]]
        )  # fmt: skip
    except KeyError:
        return False
    return total % 11 == 1


def credit_code_check_character(first_17: str) -> str:
    """Return the 18th character of a unified social credit code.

    Raises:
        ValueError: they are not seventeen characters of the code's alphabet.
    """
    if len(first_17) != 17 or not set(first_17) <= _CREDIT_VALUES.keys():
        raise ValueError("seventeen characters of the code's alphabet are needed")
    total = sum(_CREDIT_VALUES[c] * w for c, w in zip(first_17, _CREDIT_WEIGHTS, strict=True))
    return _CREDIT[-total % 31]


def is_credit_code(text: str) -> bool:
    """Tell whether a text is a unified social credit code 统一社会信用代码."""
    if len(text) != 18 or not set(text) <= _CREDIT_VALUES.keys():
        return False
    division = text[2:8]
    if not division.isdecimal() or not (division[:2] in PROVINCES or division == "100000"):
        return False
    return text[17] == credit_code_check_character(text[:17])


def is_division_code(text: str) -> bool:
    """Tell whether a text has the form of a division code of 2, 4, 6 or 9 digits."""
    return (
        len(text) in (2, 4, 6, 9) and text.isascii() and text.isdecimal() and text[:2] in PROVINCES
    )
