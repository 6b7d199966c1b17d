"""What masks and pseudonyms make of a value: the law, in plain Python, that the kernel keeps."""

from __future__ import annotations

import hashlib
import math
from datetime import date
from typing import Final, assert_never

from schemas.errors import InvalidPolicy
from schemas.policy.actions import Band, Constant, DateTo, DateUnit, Digits, Keep, Pseudonym, Shown
from schemas.policy.application import bounds_of
from schemas.policy.avro_types import Primitive, bytes_needed
from schemas.policy.decoding import DOUBLE, SINGLE, Real, Value
from schemas.policy.shaping import Masked

PSEUDONYM_KEY_BYTES: Final = 32
PSEUDONYM_BYTES: Final = 16
"""Of a BLAKE2b digest; written as twice as many hex digits."""

CHINA_HOURS: Final = 8
"""Where a timestamp's year and month begin: at UTC+8, without any other offset in any year."""

_EPOCH: Final = date(1970, 1, 1).toordinal()
_CYCLE: Final = 146_097
"""Days of 400 years, after which the calendar repeats itself."""


def masked(node: Masked, value: Value, pseudonym_key: bytes | None) -> Value:
    """Give what an item's action makes of a value of its type.

    - A constant: itself.
    - First and last: every other character (a code point) becomes `*`; all of them do where no more
      would be hidden.
    - Digits: the first characters.
    - Year or month: the first day of it. A timestamp: the instant when that year or month began at
      UTC+8; a local one: without any offset. Never below the least value of the type.
    - A band: the least value of the type in the band, which begins with a multiple of the width. So
      it is that multiple, if the type has it, and never above the number; taken again, it stays.
      A decimal is in the fewest bytes. A float or a double is never -0, which would say what the
      number was; an infinity, which lies in no band, stays; and every NaN becomes the same one, so
      that its spare bits say nothing.
    - A pseudonym: see `pseudonym`.

    Raises:
        InvalidPolicy: a pseudonym is asked for, and there is no key.
    """
    match node.action:
        case Constant(value=constant):
            return constant
        case Shown(first=first, last=last):
            return _shown(_text(value), first, last)
        case Digits(count=count):
            return _text(value)[:count]
        case Pseudonym():
            return pseudonym(pseudonym_key, _text(value).encode())
        case DateTo(unit=unit):
            assert isinstance(node.type, Primitive)
            assert isinstance(value, int)
            return _beginning(node.type, value, unit)
        case Band():
            assert isinstance(node.type, Primitive)
            return _banded(node.type, value, node.width)
        case Keep():
            return value
    assert_never(node.action)


def pseudonym(key: bytes | None, text: bytes) -> str:
    """Give the pseudonym of a text: 32 hex digits of keyed BLAKE2b (RFC 7693).

    Args:
        key: the policy's, 32 bytes (`infra.secrets`).
        text: UTF-8.

    Raises:
        InvalidPolicy: there is no such key.
    """
    known = check_key(key)
    return hashlib.blake2b(text, digest_size=PSEUDONYM_BYTES, key=known).hexdigest()


def check_key(key: bytes | None) -> bytes:
    """Give a policy's key.

    Raises:
        InvalidPolicy: it is none.
    """
    if key is None or len(key) != PSEUDONYM_KEY_BYTES:
        raise InvalidPolicy("the policy pseudonymises, and the key for that is missing")
    return key


def _shown(text: str, first: int, last: int) -> str:
    hidden = len(text) - first - last
    if hidden <= 0:
        return "*" * len(text)
    return text[:first] + "*" * hidden + text[first + hidden :]


def _beginning(avro: Primitive, number: int, unit: DateUnit) -> int:
    a_day = _A_DAY[avro.logical.rpartition("-")[2]]
    offset = a_day * CHINA_HOURS // 24 if avro.logical.startswith("timestamp-") else 0
    begun = _first_day((number + offset) // a_day, unit) * a_day - offset
    return max(begun, bounds_of(avro)[0])


_A_DAY: Final = {"date": 1, "millis": 86_400_000, "micros": 86_400_000_000}


def _first_day(day: int, unit: DateUnit) -> int:
    """Give the first day of a day's year or month, both counted from 1970."""
    # The last instants of 9999 lie in the year 10000 at UTC+8, which Python has no date for.
    shift = _CYCLE if day > 0 else 0
    within = date.fromordinal(day - shift + _EPOCH)
    first = within.replace(day=1) if unit is DateUnit.MONTH else within.replace(month=1, day=1)
    return first.toordinal() - _EPOCH + shift


def _banded(avro: Primitive, value: Value, width: int) -> Value:
    if isinstance(value, Real):
        return _banded_real(value, width)
    least = bounds_of(avro)[0]
    if isinstance(value, bytes):
        digits = max(int.from_bytes(value, "big", signed=True) // width * width, least)
        return digits.to_bytes(bytes_needed(digits), "big", signed=True)
    assert isinstance(value, int)
    return max(value // width * width, least)


def _banded_real(value: Real, width: int) -> Real:
    number, size = value.number, len(value.raw)
    if math.isinf(number):
        return value
    if math.isnan(number):
        return Real.of(math.nan, size)
    lower = math.floor(number) // width * width
    # Of whole numbers with more bits than these, the type has the multiples of a power of two.
    step = 1 << max(0, lower.bit_length() - _BITS[size])
    return Real.of(-(-lower // step) * step, size)


_BITS: Final = {SINGLE: 24, DOUBLE: 53}


def _text(value: Value) -> str:
    assert isinstance(value, str)
    return value
