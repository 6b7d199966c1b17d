"""The machine's clock, as composition roots pass it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.clock import new_id, system_clock
from schemas.clock import micros


def test_the_present_time_is_aware_and_in_utc() -> None:
    """No naive time enters the bus."""
    before, now, after = datetime.now(UTC), system_clock(), datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
    assert before <= now <= after


def test_identifiers_are_fresh_and_carry_the_present_time() -> None:
    """UUIDv7 (RFC 9562): its first 48 bits are the milliseconds of its making."""
    before = micros(system_clock()) // 1000
    made = [new_id() for _ in range(1000)]
    after = micros(system_clock()) // 1000
    assert len(set(made)) == len(made)
    assert all(before <= identifier.int >> 80 <= after for identifier in made)
