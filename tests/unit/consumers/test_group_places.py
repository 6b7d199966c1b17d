"""What a group keeps beside its offsets is read by whoever takes a partition over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from consumers.group_places import current_at_metadata, read_current_at

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("at", [AT, AT.astimezone(timezone(timedelta(hours=8)))])
def test_a_time_is_read_again(at: datetime) -> None:
    """To the second, in whatever zone."""
    assert read_current_at(current_at_metadata(at + timedelta(microseconds=9))) == at


@pytest.mark.parametrize(
    "metadata",
    [None, "", "AQAAAA==", "sharebus.current_at=", "sharebus.current_at=yesterday",
     "sharebus.current_at=2026-03-01T08:30:00", "2026-03-01T08:30:00+00:00"],
)  # fmt: skip
def test_what_another_client_wrote_says_nothing(metadata: str | None) -> None:
    """It is no error: each client may write there what it likes."""
    assert read_current_at(metadata) is None
