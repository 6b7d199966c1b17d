"""What masks make of single values; how they are meant is told in `schemas.policy`.

Each reads a value that was scanned at p and writes another at w. All give what follows both, the
second as FULL when there is no room; a value that isn't one gives BROKEN for the first.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import inlined, inner
from stream_apps.enforcement.kernel.blake2 import DIGEST, put_pseudonym
from stream_apps.enforcement.kernel.octets import (
    FULL,
    LONGEST_VARINT,
    bits,
    byte,
    copy,
    put_bits,
    put_varint,
    u,
    varint,
    whole,
)
from stream_apps.enforcement.layouts import Bytes, Words

BROKEN = -2
"""In place of a position: the scanned bytes are not what the instructions expect."""

YEAR, MONTH = 0, 1
_STAR = 42
_FIRST_DAY = -719162
"""0001-01-01, in days since 1970-01-01."""

SINGLE, DOUBLE = 4, 8
_NAN_SINGLE, _NAN_DOUBLE = 0x7FC0_0000, 0x7FF8_0000_0000_0000
_WHOLE = 2.0**53
"""From here on each double is a whole number; up to here each whole number is a double."""


@inlined
def text_at(work: Bytes, p: int, end: int) -> tuple[int, int]:
    """Give where a text or bytes begin and end; the first is BROKEN where they don't fit."""
    n, p = varint(work, p, end)
    if p < 0 or n < 0 or n > end - p:
        return BROKEN, BROKEN
    return p, p + n


@inner
def _skip_characters(work: Bytes, p: int, end: int, count: int) -> int:
    """Give where the character begins that stands `count` after p, or the end."""
    while count > 0 and p < end:
        p += 1
        while p < end and byte(work, p) & 0xC0 == 0x80:
            p += 1
        count -= 1
    return p


@inner
def _count_characters(work: Bytes, p: int, end: int) -> int:
    count = 0
    for i in range(p, end):
        if byte(work, i) & 0xC0 != 0x80:
            count += 1
    return count


@inner
def put_shown(
    work: Bytes, p: int, end: int, first: int, last: int, target: Bytes, w: int
) -> tuple[int, int]:
    """Keep the first and last characters of a text, and put a star for each one between.

    Of a text that has no more than these, nothing is kept.
    """
    p, end = text_at(work, p, end)
    if p < 0:
        return BROKEN, w
    count = _count_characters(work, p, end)
    head, tail, hidden = p, end, count
    if count > first + last:
        hidden = count - first - last
        head = _skip_characters(work, p, end, first)
        tail = _skip_characters(work, head, end, hidden)
    w = put_varint(target, w, (head - p) + hidden + (end - tail))
    if w < 0 or (head - p) + hidden + (end - tail) > target.size - w:
        return end, FULL
    w = copy(work, p, head, target, w)
    for i in range(hidden):
        target[u(w + i)] = _STAR
    return end, copy(work, tail, end, target, w + hidden)


@inner
def put_first(work: Bytes, p: int, end: int, count: int, target: Bytes, w: int) -> tuple[int, int]:
    """Keep the first characters of a text."""
    p, end = text_at(work, p, end)
    if p < 0:
        return BROKEN, w
    head = _skip_characters(work, p, end, count)
    w = put_varint(target, w, head - p)
    if w < 0:
        return end, FULL
    return end, copy(work, p, head, target, w)


@inner
def _days_to(day: int, unit: int) -> int:
    """Give the first day of a day's year or month, by the calendar that has no Julian days.

    By eras of 400 years that begin with March, as in H. Hinnant's `civil_from_days`.
    """
    shifted = day + 719468
    of_era = shifted % 146097
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153  # 0 is March
    if unit == MONTH:
        return day - (of_year - (153 * month + 2) // 5)
    if month >= 10:  # January or February: the year began in the era's year before
        return day - (of_year - 306)
    # From March on: January and February lie before, one day more in a leap year.
    year = year_of_era + 400 * (shifted // 146097)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day - of_year - (60 if leap else 59)


@inner
def put_date(
    work: Bytes, p: int, end: int, unit: int, a_day: int, offset: int, target: Bytes, w: int
) -> tuple[int, int]:
    """Give the beginning of the year or month (`unit`) in which a time lies.

    A day is `a_day` of the time's units; the clock that counts is `offset` of them ahead of UTC.
    """
    n, p = varint(work, p, end)
    if p < 0:
        return BROKEN, w
    first = _days_to((n + offset) // a_day, unit) * a_day - offset
    return p, put_varint(target, w, max(first, _FIRST_DAY * a_day))


@inner
def _floor_to(value: int, width: int, least: int) -> int:
    """Give the lower end of a value's band, or the least value there is."""
    above = value % width
    if value < 0 and above > value - least:
        return least
    return value - above


@inner
def put_band(
    work: Bytes, p: int, end: int, width: int, least: int, target: Bytes, w: int
) -> tuple[int, int]:
    """Give the lower end of the band in which a number lies."""
    n, p = varint(work, p, end)
    if p < 0:
        return BROKEN, w
    return p, put_varint(target, w, _floor_to(n, width, least))


@inner
def put_decimal_band(
    work: Bytes, p: int, end: int, width: int, least: int, target: Bytes, w: int
) -> tuple[int, int]:
    """Give the lower end of the band in which a decimal lies, in as few bytes as it needs."""
    p, end = text_at(work, p, end)
    if p < 0 or end - p > 8 or end == p:
        return BROKEN, w
    value = _floor_to(whole(work, p, end), width, least)
    size = 1
    while size < 8 and (value >> (8 * size - 1)) not in (0, -1):
        size += 1
    if 1 + size > target.size - w:
        return end, FULL
    target[u(w)] = np.uint8(2 * size)
    for i in range(size):
        target[u(w + 1 + i)] = np.uint8((value >> (8 * (size - 1 - i))) & 255)
    return end, w + 1 + size


@inner
def _least_in_band(number: float, width: float) -> float:
    """Give the least double of the band in which a finite number lies.

    Where the band begins is the sum of two doubles that are exact: remainders are, and below 2**53
    so are whole numbers. A sum that is zero or whose first part is the larger one tells by exact
    subtraction what rounding did to it (Dekker, 1971).
    """
    size = abs(number)
    above = size % width
    if number >= 0:
        large, small = size, -above
    elif above == 0:
        large, small = number, 0.0
    elif size < _WHOLE:
        large, small = above - size, -width
    else:
        large, small = number, above - width
    lower = large + small
    return np.nextafter(lower, np.inf) if lower - large < small else lower


@inner
def _bits_of(number: float, size: int) -> int:
    """Give the bits of a double, or of the least float that isn't below it."""
    if size == DOUBLE:
        return np.float64(number).view(np.int64)  # type: ignore[return-value]
    single = np.float32(number)
    made = np.int64(single.view(np.int32))
    if np.float64(single) < number:
        made += 1 if number > 0 else -1
    return made  # type: ignore[return-value]


@inner
def put_real_band(
    work: Bytes, p: int, end: int, width: int, size: int, target: Bytes, w: int
) -> tuple[int, int]:
    """Give the least value of the band in which a float or a double (of `size` bytes) lies."""
    if size > end - p:
        return BROKEN, w
    if size > target.size - w:
        return p + size, FULL
    made = bits(work, p, size)
    if size == SINGLE:
        number = np.float64(np.int32(made).view(np.float32))
    else:
        number = np.int64(made).view(np.float64)
    if np.isnan(number):
        made = _NAN_SINGLE if size == SINGLE else _NAN_DOUBLE
    elif not np.isinf(number):
        made = _bits_of(_least_in_band(number, np.float64(width)), size)
    return p + size, put_bits(target, w, made, size)


@inner
def put_hash(
    work: Bytes, p: int, end: int, state: Words, scratch: Words, target: Bytes, w: int
) -> tuple[int, int]:
    """Put a text's pseudonym in its place."""
    p, end = text_at(work, p, end)
    if p < 0:
        return BROKEN, w
    if target.size - w < LONGEST_VARINT + 2 * DIGEST:
        return end, FULL
    w = put_varint(target, w, 2 * DIGEST)
    return end, put_pseudonym(state, work, p, end, scratch, target, w)
