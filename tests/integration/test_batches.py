"""Batches of a provider's program: whole or not at all, each once, also across programs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from infra.ledger.profiles import load_profile
from producers.batches import Batches, open_batches
from producers.sources.source import Deletion, Row
from schemas.errors import Fenced, InvalidRecord
from schemas.names import raw_topic
from tests.integration.running_bus import RESOURCE, SOURCE, ZHANG, RunningBus
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

ROWS = townships("45", 30)


def opened(bus: RunningBus, name: str) -> Batches:
    """Open the batches of a program."""
    return open_batches(bus.bus, load_profile(bus.home, ZHANG), RESOURCE, name)


def deliver(batches: Batches, position: str, rows: Sequence[Row | Deletion]) -> None:
    """Deliver one batch."""
    with batches.batch(position) as send:
        for row in rows:
            send(row)


def counted(bus: RunningBus) -> list[str]:
    """Return the keys of what readers of committed records see of these rows, in order by key."""
    bus.wait_decided(raw_topic(RESOURCE, SOURCE))
    keys = [(m.key() or b"").decode() for m in bus.messages(raw_topic(RESOURCE, SOURCE))]
    return sorted(key for key in keys if key.startswith("45"))


def test_batches_count_whole_and_once(bus: RunningBus) -> None:
    """R13: a failed batch leaves nothing, and the position says where to go on."""
    with opened(bus, "first") as batches:
        assert batches.position == ""
        deliver(batches, "一/1", ROWS[:10])
        with pytest.raises(InvalidRecord):
            deliver(batches, "一/2", [ROWS[10], ROWS[11] | {"level": "village"}])
        assert batches.position == "一/1"
        deliver(batches, "一/2", [ROWS[10], Deletion(ROWS[0]["code"])])
    with opened(bus, "first") as again:
        assert again.position == "一/2"
    expected = [row["code"] for row in ROWS[:11]] + [ROWS[0]["code"]]
    assert counted(bus) == sorted(expected)


def test_a_second_program_of_the_name_fences_the_first(bus: RunningBus) -> None:
    """Two that take themselves for the same never both count."""
    with opened(bus, "twice") as first, opened(bus, "twice") as second:
        deliver(second, "b", [ROWS[20]])
        with pytest.raises(Fenced):
            deliver(first, "a", [ROWS[21]])
    with opened(bus, "twice") as third:
        assert third.position == "b"
    assert ROWS[21]["code"] not in counted(bus)
