"""Time and identifiers as arguments: the domain never asks the machine what time it is.

Composition roots pass `infra.clock.system_clock`, `system_micros` and `new_id`; tests their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
MicrosClock = Callable[[], int]
"""Gives the present time in microseconds since 1970, for who asks it for every record."""
NewId = Callable[[], uuid.UUID]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Return microseconds since 1970-01-01T00:00:00Z of an aware datetime.

    Raises:
        ValueError: for a naive datetime, which has no place on the bus.
    """
    if at.tzinfo is None:
        raise ValueError("a naive datetime has no place on the bus")
    return (at - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Return the aware UTC datetime of that many microseconds since 1970."""
    return EPOCH + timedelta(microseconds=value)


def uuid7(at_micros: int, random: int) -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then 74 of the random bits."""
    milliseconds = at_micros // 1000
    high = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62 & 0xFFF) << 64
    return uuid.UUID(int=high | 0b10 << 62 | random & (2**62 - 1))
