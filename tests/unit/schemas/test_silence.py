"""A source flows, stands still, or is silent, by the update cycle of its resource."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.catalogue import UpdateCycle
from schemas.silence import Liveness, liveness, longest_silence

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIMITED = [(cycle, span) for cycle, span in longest_silence().items() if span is not None]


def test_every_update_cycle_has_its_row() -> None:
    """The longer the cycle, the longer the silence that it allows; irregular ones allow any."""
    assert list(longest_silence()) == list(UpdateCycle)
    spans = [span for _, span in LIMITED]
    assert spans == sorted(spans)
    assert [cycle for cycle, span in longest_silence().items() if span is None] == ["irregular"]


@pytest.mark.parametrize(("cycle", "span"), LIMITED)
def test_what_came_within_the_cycle_counts(cycle: UpdateCycle, span: timedelta) -> None:
    """R13: to the second, records before heartbeats."""
    within, before = NOW - span, NOW - span - SECOND
    expected = {
        (within, None): Liveness.FLOWING,
        (within, NOW): Liveness.FLOWING,
        (before, within): Liveness.STILL,
        (None, within): Liveness.STILL,
        (before, before): Liveness.SILENT,
        (before, None): Liveness.SILENT,
        (None, None): Liveness.SILENT,
    }
    assert {times: liveness(cycle, *times, NOW) for times in expected} == expected


def test_where_nothing_is_due_the_last_word_holds() -> None:
    """An irregular resource may rest for years; only who never said anything is silent."""
    old = NOW - timedelta(days=4000)
    expected = {
        (old, None): Liveness.FLOWING,
        (old, old - SECOND): Liveness.FLOWING,
        (old, old + SECOND): Liveness.STILL,
        (None, old): Liveness.STILL,
        (None, None): Liveness.SILENT,
    }
    cycle = UpdateCycle.IRREGULAR
    assert {times: liveness(cycle, *times, NOW) for times in expected} == expected
