"""Reading and writing single values in buffers."""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import inlined, inner
from stream_apps.enforcement.layouts import Bytes, Longs

TRUNCATED, VARINT_OVERLONG = 1, 3
"""Reasons (schemas.policy.reasons.Reason), negative where a position is expected."""

FULL = -1
"""In place of a position: there is no room for what is to be written."""

LONGEST_VARINT = 10
_LOW_63 = 2**63 - 1

u = np.uintp
"""Makes an index unsigned; none is ever below zero here."""


@inner
def byte(text: Bytes, p: int) -> int:
    """Read a byte as a number that calculates like one."""
    return np.int64(text[u(p)])  # type: ignore[return-value]  # int() would stay uint8


@inlined
def varint(work: Bytes, p: int, end: int) -> tuple[int, int]:
    """Read a number: its value and what follows it, or a reason below zero in place of that."""
    if p >= end:
        return 0, -TRUNCATED
    octet = byte(work, p)
    p += 1
    value = octet & 127
    shift = 7
    while octet > 127:
        if p >= end:
            return 0, -TRUNCATED
        octet = byte(work, p)
        p += 1
        # The tenth byte holds the last bit; a last byte of zero says nothing.
        if octet == 0 or (shift == 63 and octet > 1):
            return 0, -VARINT_OVERLONG
        value |= (octet & 127) << shift
        shift += 7
    return ((value >> 1) & _LOW_63) ^ -(value & 1), p


@inner
def is_utf8(text: Bytes, p: int, end: int) -> bool:
    """Tell whether bytes are UTF-8 as Python's strict codec sees it (Unicode, table 3-7)."""
    while p < end:
        lead = byte(text, p)
        p += 1
        if lead < 0x80:
            continue
        if 0xE1 <= lead <= 0xEC:
            # Most of what isn't ASCII here: Chinese characters.
            if end - p < 2 or byte(text, p) & 0xC0 != 0x80 or byte(text, p + 1) & 0xC0 != 0x80:
                return False
            p += 2
            continue
        low, high = 0x80, 0xBF
        if lead < 0xC2:
            return False
        if lead < 0xE0:
            more = 1
        elif lead < 0xF0:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif lead < 0xF5:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if more > end - p:
            return False
        second = byte(text, p)
        if second < low or second > high:
            return False
        for i in range(p + 1, p + more):
            if byte(text, i) & 0xC0 != 0x80:
                return False
        p += more
    return True


@inner
def order(a: Bytes, a0: int, a1: int, b: Bytes, b0: int, b1: int) -> int:
    """Compare two byte strings: below zero, zero or above, as a is less, equal or greater."""
    shorter = min(a1 - a0, b1 - b0)
    for i in range(shorter):
        difference = byte(a, a0 + i) - byte(b, b0 + i)
        if difference != 0:
            return difference
    return (a1 - a0) - (b1 - b0)


@inner
def same(a: Bytes, a0: int, a1: int, b: Bytes, b0: int, b1: int) -> bool:
    """Tell whether two byte strings are equal; without an early end, so it is vectorised."""
    if a1 - a0 != b1 - b0:
        return False
    difference = np.uint8(0)
    for i in range(a1 - a0):
        difference |= a[u(a0 + i)] ^ b[u(b0 + i)]
    return bool(difference == 0)


@inner
def floor(values: Bytes, bounds: Longs, text: Bytes, start: int, end: int) -> int:
    """Find the greatest of the sorted values that is not above a text; -1 when there is none."""
    low, high = 0, bounds.size - 1
    while low < high:
        middle = (low + high) >> 1
        if order(values, bounds[u(middle)], bounds[u(middle + 1)], text, start, end) <= 0:
            low = middle + 1
        else:
            high = middle
    return low - 1


@inner
def is_in(values: Bytes, bounds: Longs, text: Bytes, start: int, end: int) -> bool:
    """Tell whether a text is one of the sorted values."""
    i = floor(values, bounds, text, start, end)
    return i >= 0 and same(values, bounds[u(i)], bounds[u(i + 1)], text, start, end)


@inner
def whole(work: Bytes, p: int, end: int) -> int:
    """Read a decimal of at most eight bytes: signed, its highest byte first."""
    digits = byte(work, p) - ((byte(work, p) & 128) << 1)
    for i in range(p + 1, end):
        digits = (digits << 8) | byte(work, i)
    return digits


@inner
def bits(work: Bytes, p: int, size: int) -> int:
    """Read four or eight bytes, the lowest first, as a signed number."""
    value = 0
    for i in range(size - 1):
        value |= byte(work, p + i) << (8 * i)
    highest = byte(work, p + size - 1)
    return value | ((highest - ((highest & 128) << 1)) << (8 * (size - 1)))


@inner
def put_bits(target: Bytes, w: int, value: int, size: int) -> int:
    """Write a number as four or eight bytes, the lowest first; there must be room."""
    for i in range(size):
        target[u(w + i)] = np.uint8((value >> (8 * i)) & 255)
    return w + size


@inner
def copy(work: Bytes, start: int, end: int, target: Bytes, w: int) -> int:
    """Copy bytes to w; what follows them, or FULL when there is no room."""
    if end - start > target.size - w:
        return FULL
    for i in range(end - start):
        target[u(w + i)] = work[u(start + i)]
    return w + (end - start)


@inner
def put_varint(target: Bytes, w: int, value: int) -> int:
    """Write a number at w; what follows it, or FULL when there may be no room."""
    if target.size - w < LONGEST_VARINT:
        return FULL
    # The sign goes to the lowest bit; what is then the highest bit must not spread.
    rest = (value << 1) ^ (value >> 63)
    low = rest & 127
    rest = (rest >> 7) & (_LOW_63 >> 6)
    while rest != 0:
        target[u(w)] = np.uint8(low | 128)
        w += 1
        low = rest & 127
        rest >>= 7
    target[u(w)] = np.uint8(low)
    return w + 1
