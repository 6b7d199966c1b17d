"""The machine's clock and randomness, for composition roots to pass on."""

from __future__ import annotations

import os
import secrets
import uuid
from datetime import UTC, datetime
from struct import iter_unpack
from time import time_ns

from schemas.clock import micros, uuid7


def system_clock() -> datetime:
    """Return the present time in UTC, aware, in microseconds."""
    return datetime.now(UTC)


def system_micros() -> int:
    """Return the present time in microseconds since 1970, cheaply: it is asked for every record."""
    return time_ns() // 1000


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7."""
    return uuid7(micros(system_clock()), secrets.randbits(80))


class EventIds:
    """Gives UUIDv7s (RFC 9562, 5.7) as bytes; randomness is drawn and cut in bulk.

    Not for two threads at once.
    """

    _POOL = 4096
    _MASK = int.from_bytes(bytes([0x0F, 0xFF, 0x3F, *[0xFF] * 7]) * _POOL)
    _MARK = int.from_bytes(bytes([0x70, 0, 0x80, *[0] * 7]) * _POOL)

    def __init__(self) -> None:
        self._tails: list[bytes] = []
        self._millisecond, self._head = -1, b""

    def __call__(self, at_micros: int) -> bytes:
        """Return the 16 bytes of a fresh id."""
        millisecond = at_micros // 1000
        if millisecond != self._millisecond:
            self._millisecond, self._head = millisecond, millisecond.to_bytes(6, "big")
        tails = self._tails or self._draw()
        return self._head + tails.pop()

    def _draw(self) -> list[bytes]:
        size = 10 * self._POOL
        drawn = int.from_bytes(os.urandom(size)) & self._MASK | self._MARK
        self._tails = [tail for (tail,) in iter_unpack("10s", drawn.to_bytes(size, "big"))]
        return self._tails
