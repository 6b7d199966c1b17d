"""Time and identifiers as values."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clock import EPOCH, from_micros, micros, uuid7

MICROS = st.integers(0, 2**48 * 1000 - 1)
RANDOM = st.integers(0, 2**80 - 1)


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_and_times_are_inverse(at: datetime) -> None:
    """No microsecond is lost, before 1970 neither."""
    assert from_micros(micros(at)) == at


def test_microseconds_do_not_depend_on_the_zone() -> None:
    """The same instant has one number."""
    beijing = timezone(timedelta(hours=8))
    assert micros(datetime(1970, 1, 1, 8, 0, 0, 1, beijing)) == 1
    assert from_micros(0) == EPOCH


def test_a_naive_time_has_no_number() -> None:
    """A time without a zone means another instant on another machine."""
    with pytest.raises(ValueError, match="naive"):
        micros(datetime(2026, 1, 1))  # noqa: DTZ001 - a naive one is meant


@given(MICROS, RANDOM)
def test_an_identifier_is_a_uuid_of_version_7(at: int, random: int) -> None:
    """RFC 9562, 5.7: version and variant are where other implementations look."""
    made = uuid7(at, random)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122


@given(MICROS, RANDOM)
def test_an_identifier_begins_with_its_milliseconds(at: int, random: int) -> None:
    """RFC 9562, 5.7: 48 bits of Unix time, big endian."""
    assert int.from_bytes(uuid7(at, random).bytes[:6], "big") == at // 1000


@given(MICROS)
def test_all_74_bits_of_randomness_are_used(at: int) -> None:
    """RFC 9562, 5.7: every bit of randomness is a bit of its own in the identifier."""
    none = uuid7(at, 0).int
    bits = {uuid7(at, 1 << bit).int ^ none for bit in range(74)}
    assert len(bits) == 74
    assert all(bit.bit_count() == 1 for bit in bits)


@given(MICROS, MICROS, RANDOM, RANDOM)
def test_identifiers_are_in_the_order_of_time(one: int, other: int, r1: int, r2: int) -> None:
    """A later millisecond sorts behind, as text and as bytes, whatever the randomness."""
    if one // 1000 < other // 1000:
        assert uuid7(one, r1).bytes < uuid7(other, r2).bytes
        assert str(uuid7(one, r1)) < str(uuid7(other, r2))
