"""The policy's masks, on values as they are on the wire: numbers of days, numbers, texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

_EPOCH = date(1970, 1, 1)
Mask = Callable[[Any], Any]


def pseudonym(text: bytes, key: bytes) -> str:
    """Return the pseudonym of a text: keyed BLAKE2b, 32 hexadecimal digits."""
    return hashlib.blake2b(text, digest_size=16, key=key).hexdigest()


def mask_of(action: Any, avro: Any, key: bytes) -> Mask:
    """Return what an action of a policy's document does to a value.

    Args:
        action: `pseudonym`, or an object with a mask.
        avro: the item's type in the writer's schema; here a plain one.
        key: of the pseudonyms.

    Raises:
        ValueError: the benchmark has no such mask.
    """
    if action == "pseudonym":
        return lambda value: pseudonym(value.encode(), key)
    match action["mask"]:
        case {"constant": constant}:
            return lambda _: constant
        case {"first": int(first), "last": int(last)}:
            return lambda value: shown(value, first, last)
        case {"date": "year"} if avro["logicalType"] == "date":
            return first_of_year
        case {"digits": int(count)}:
            return lambda value: value[:count]
        case {"band": int(width)} if not isinstance(avro, Mapping):
            return lambda value: value // width * width
    raise ValueError("the benchmark has no such mask")


def shown(text: str, first: int, last: int) -> str:
    """Return a text with all but its first and last characters starred."""
    hidden = len(text) - first - last
    if hidden <= 0:
        return "*" * len(text)
    return text[:first] + "*" * hidden + text[first + hidden :]


def first_of_year(days: int) -> int:
    """Return the first day of a day's year, both in days since 1970."""
    year = (_EPOCH + timedelta(days=days)).year
    return (date(year, 1, 1) - _EPOCH).days
