"""Envelopes: numbered by the clock, strictly increasing, and a stock library reads them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from producers.envelopes import Envelopes
from schemas.catalogue import packaged_resource
from schemas.clock import from_micros, micros

_, SCHEMA = packaged_resource("geography.division")
STOCK = fastavro.parse_schema(SCHEMA["fields"][0]["type"])
NOW = micros(datetime(2026, 11, 24, 8, tzinfo=UTC))
STEPS = st.lists(st.integers(-20_000, 2**33), min_size=1, max_size=30)
TIMES = st.none() | st.datetimes(datetime(1600, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(STEPS, TIMES)
def test_an_envelope_is_what_a_stock_library_writes(
    steps: list[int], occurred_at: datetime | None
) -> None:
    """Byte for byte, also where the clock stands still or goes back; numbers only grow."""
    times = [NOW + sum(steps[:place]) for place in range(len(steps) + 1)]
    clock = iter(times)
    envelopes = Envelopes("a", "b.c", lambda: next(clock), lambda at: at.to_bytes(16))
    number = 0
    for at in times:
        number = max(number + 1, at)
        written = io.BytesIO()
        expected: dict[str, Any] = {
            "event_id": at.to_bytes(16),
            "sequence": number,
            "source": "a",
            "resource": "b.c",
            "occurred_at": from_micros(at) if occurred_at is None else occurred_at,
        }
        fastavro.schemaless_writer(written, STOCK, expected)
        assert envelopes.envelope(occurred_at) == written.getvalue()
