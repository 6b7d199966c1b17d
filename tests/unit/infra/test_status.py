"""What is wrong, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.home import Home
from infra.observability import workers
from infra.observability.flows import Flow
from infra.observability.status import _of_flow, _of_process, _ordinal, age, span

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (None, ""),
        (Flow(0, last_commit=ago(9000)), ""),
        (Flow(120_000, last_commit=ago(2)), ""),
        (
            Flow(120_000, last_commit=ago(40)),
            "x is 120,000 records behind and not committing for 40 s",
        ),
        (Flow(5), "x is 5 records behind and has committed nothing yet"),
        (Flow(None, trouble="the warehouse does not answer"), "the warehouse does not answer"),
        (Flow(3, "entries"), "x is 3 entries behind"),
        (Flow(1, "commands", ago(1)), ""),
        (Flow(1, "commands", ago(40)), "x is 1 command behind and not committing for 40 s"),
    ],
)  # fmt: skip
def test_only_work_that_stands_still_is_wrong(flow: Flow | None, text: str) -> None:
    assert _of_flow("x", flow, NOW) == text


def test_each_of_several_workers_has_its_own_lag() -> None:
    """As the broker shared the partitions; what nobody has is not taken for anybody's."""
    left = {("raw.a.b", 0): 5, ("raw.a.b", 1): 7, ("raw.a.b", 2): 11, ("raw.a.c", 0): 0}
    shared = {
        "enforcement": frozenset({("raw.a.b", 0), ("raw.a.c", 0)}),
        "enforcement-1": frozenset({("raw.a.b", 1)}),
        "enforcement-2": frozenset[tuple[str, int]](),
    }
    committed = {"enforcement": ago(3)}
    found = workers.flows(left, shared, committed, ago(1))
    assert found["enforcement"] == Flow(5, "records", ago(3))
    assert (found["enforcement-1"].behind, found["enforcement-1"].last_commit) == (7, None)
    assert "nobody knows when it last committed" in found["enforcement-1"].trouble
    assert found["enforcement-2"] == Flow(0)
    assert found[workers.NOBODY] == Flow(11, "records", ago(1))


def test_a_process_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.log_file("x").write_text('{"level": "critical", "event": "the port is taken"}\n')
    state = {"phase": "backing-off", "restarts": 4, "since": NOW.timestamp()}
    told = _of_process(home, "x", state, NOW)
    assert told == "restarting for the 4th time: the port is taken"
    long = {"phase": "starting", "restarts": 0, "since": ago(45).timestamp()}
    assert _of_process(home, "x", long, NOW) == "starting for 45 s: the port is taken"
    assert _of_process(home, "x", {"phase": "ready", "restarts": 4, "since": 0}, NOW) == ""


def test_numbers_and_times_are_words() -> None:
    assert [_ordinal(n) for n in (1, 2, 3, 4, 11, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "21st", "112th",
    ]  # fmt: skip
    assert [span(s) for s in (0.4, 40, 150, 9000, 200_000)] == [
        "0 s",
        "40 s",
        "2 min",
        "2 h",
        "2 d",
    ]
    assert age(NOW, ago(5).isoformat()) == "5 s ago"
    assert age(NOW, None) == ""
