"""The machine's clock, as composition roots pass it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from infra.clock import EventIds, new_id, system_clock, system_micros
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


def test_event_identifiers_are_fresh_and_carry_the_time_that_they_are_made_for() -> None:
    """Version and variant of UUIDv7 (RFC 9562, 5.7), also behind the randomness of one drawing."""
    at = system_micros()
    assert abs(at - micros(system_clock())) < 60_000_000
    event_ids = EventIds()
    made = [UUID(bytes=event_ids(at + number)) for number in range(10_000)]
    assert len(set(made)) == len(made)
    assert {each.version for each in made} == {7}
    assert [each.int >> 80 for each in made] == [(at + n) // 1000 for n in range(10_000)]
