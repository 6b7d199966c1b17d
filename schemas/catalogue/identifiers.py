"""Identifiers that Chinese registers give: is a text one? Pure; nothing is looked up.

Citizen number: GB 11643 (18 characters, the last a check character by ISO 7064 MOD 11-2); residents
of Hong Kong, Macao and Taiwan have residence permits under the codes 81, 82, 83. Unified social
credit code: GB 32100 (18 characters, the last one MOD 31). Division code: GB/T 2260 down to
counties, with three digits more (GB/T 10114) for townships.
"""

from __future__ import annotations

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
_CREDIT: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_CREDIT_VALUES: Final = {letter: value for value, letter in enumerate(_CREDIT)}


@cache
def citizen_tables() -> tuple[dict[str, int], ...]:
    """Return, for each three digits of the first fifteen and the two behind, their weighted sum.

    Six look-ups take the place of seventeen multiplications, and refuse what is no digit.
    """
    tables = []
    for start, length in ((0, 3), (3, 3), (6, 3), (9, 3), (12, 3), (15, 2)):
        weights = _WEIGHTS[start : start + length]
        tables.append(
            {
                "".join(map(str, digits)): sum(
                    digit * weight for digit, weight in zip(digits, weights, strict=True)
                )
                for digits in product(range(10), repeat=length)
            }
        )
    return tuple(tables)


@cache
def birth_dates() -> dict[str, date]:
    """Return every day that a citizen number can name, by its eight digits."""
    first, last = date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal()
    days = map(date.fromordinal, range(first, last + 1))
    return {day.strftime("%Y%m%d"): day for day in days}


def citizen_check_character(first_17: str) -> str:
    """Return the 18th character of a citizen number.

    Raises:
        ValueError: they are not seventeen digits.
    """
    if len(first_17) != 17 or not (first_17.isascii() and first_17.isdecimal()):
        raise ValueError("seventeen digits are needed")
    total = sum(int(d) * w for d, w in zip(first_17, _WEIGHTS, strict=True))
    return CHECK_CHARACTERS[total % 11]


def is_citizen_number(text: str) -> bool:
    """Tell whether a text is a citizen number 公民身份号码 or a residence permit's number."""
    a, b, c, d, e, f = citizen_tables()
    try:
        total = (
            a[text[:3]] + b[text[3:6]] + c[text[6:9]] + d[text[9:12]] + e[text[12:15]]
            + f[text[15:17]]
        )  # fmt: skip
    except KeyError:
        return False
    return (
        text[17:] == CHECK_CHARACTERS[total % 11]
        and text[:2] in PROVINCES
        and text[6:14] in birth_dates()
    )


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
