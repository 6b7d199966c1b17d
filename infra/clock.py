"""The machine's clock and randomness, for composition roots to pass on."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime

from schemas.clock import micros, uuid7


def system_clock() -> datetime:
    """Return the present time in UTC, aware, in microseconds."""
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """Return a fresh UUIDv7."""
    return uuid7(micros(system_clock()), secrets.randbits(80))
