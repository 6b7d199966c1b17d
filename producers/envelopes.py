"""Makes the envelopes of one source's change events, encoded: id, number, source, resource, time.

Events are numbered by the clock's microseconds, strictly increasing, so that a later run continues
above an earlier one without asking anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from producers.encoding import text_bytes
from schemas.clock import MicrosClock, micros
from schemas.policy.decoding import varint

EventIds = Callable[[int], bytes]
"""Gives an event's id, 16 bytes of a UUIDv7, at so many microseconds since 1970."""

_LOW_BITS: Final = 13
_LOW: Final = (1 << _LOW_BITS) - 1
_FIRST_BYTES: Final = tuple(varint(_LOW + 1 + low)[:2] for low in range(_LOW + 1))
"""The first two of three or more bytes of a long, by its low bits."""


class Envelopes:
    """Makes the envelopes of one source of one resource.

    Args:
        source, resource: their ids.
        clock, event_ids: injected.
    """

    def __init__(self, source: str, resource: str, clock: MicrosClock, event_ids: EventIds) -> None:
        self._claims = text_bytes(source, "source") + text_bytes(resource, "resource")
        self._clock, self._event_ids = clock, event_ids
        self._number = _LOW  # every number has more than two bytes
        self._high, self._high_bytes = -1, b""

    def envelope(self, occurred_at: datetime | None = None) -> bytes:
        """Return the next event's envelope; the change took effect now if no time is given."""
        now = self._clock()
        number = now if now > self._number else self._number + 1
        self._number = number
        # A long's first two bytes are looked up; those of the bits above change each 8 ms.
        high = number >> _LOW_BITS
        if high != self._high:
            self._high, self._high_bytes = high, varint(number)[2:]
        numbered = _FIRST_BYTES[number & _LOW] + self._high_bytes
        if occurred_at is not None:
            occurred = varint(micros(occurred_at))
        else:
            occurred = numbered if number == now else varint(now)
        return b"".join((self._event_ids(now), numbered, self._claims, occurred))
