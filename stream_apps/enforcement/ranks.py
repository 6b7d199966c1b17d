"""Where a range of floats or doubles begins and ends among all of them, as the kernel orders them.

An IEEE 754 number's bits without the sign, negated where it has one, are a whole number that is
ordered as the numbers are; 0 and -0 are both 0, and NaNs lie beyond the infinities.
"""

from __future__ import annotations

import struct

import numpy as np

from schemas.policy.conditions import Comparable, Sort


def ranks(sort: Sort, low: Comparable | None, high: Comparable | None) -> tuple[int, int]:
    """Return the ranks of the least and the greatest number that a range lets in.

    Args:
        sort: FLOAT or DOUBLE.
        low: a number that a double holds exactly, or None: down to minus infinity.
        high: the same, upwards.
    """
    least = -np.inf if low is None else _number(low)
    most = np.inf if high is None else _number(high)
    if sort is Sort.DOUBLE:
        return _rank("dq", least), _rank("dq", most)
    first, last = np.float32(least), np.float32(most)
    # What a float can't hold is no end of a range of floats: the next one inside it is.
    if float(first) < least:
        first = np.nextafter(first, np.float32(np.inf))
    if float(last) > most:
        last = np.nextafter(last, np.float32(-np.inf))
    return _rank("fi", float(first)), _rank("fi", float(last))


def _number(end: Comparable) -> float:
    assert isinstance(end, int)
    return float(end)


def _rank(form: str, number: float) -> int:
    """Give a number's rank; the form is of the number and of its bits."""
    (whole,) = struct.unpack(form[1], struct.pack(form[0], abs(number)))
    return -int(whole) if number < 0 else int(whole)
