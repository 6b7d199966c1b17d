"""When a copy of a view may go on, and when it has to be read from the start again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consumers.resumption import AWAY_AT_MOST, ViewNow, advance, check_in_time, resume
from consumers.targets.port import Holding, Place, read_holding
from schemas.errors import InvalidInput, ResyncRequired

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VIEW = ViewNow("view.a.b.0123", "id-1", starts={0: 0, 1: 3}, ends={0: 20, 1: 9})
LAYOUT = "columns"
HELD = Holding(
    VIEW.topic, "id-1", LAYOUT, 1, None, {0: Place(10, NOW), 1: Place(9, NOW)}
)  # fmt: skip


def test_a_new_target_begins_where_the_view_begins() -> None:
    """Its first generation is full when it has come to where the view ends now."""
    held, begins = resume(None, VIEW, LAYOUT, NOW, resync=False)
    assert begins
    assert (held.generation, held.fill_until) == (1, {0: 20, 1: 9})
    assert held.places == {0: Place(0, NOW), 1: Place(3, NOW)}
    assert not held.is_filled()


def test_a_known_target_goes_on_where_it_stands() -> None:
    """Nothing but the target says where."""
    assert resume(HELD, VIEW, LAYOUT, NOW, resync=False) == (HELD, False)


def test_thirty_days_away_are_not_too_long() -> None:
    """Deletes are kept five days longer."""
    assert resume(HELD, VIEW, LAYOUT, NOW + AWAY_AT_MOST, resync=False) == (HELD, False)


def test_who_was_away_longer_is_told_to_resynchronise() -> None:
    """One partition that was not current for so long is enough."""
    late = NOW + AWAY_AT_MOST + timedelta(seconds=1)
    fresh = replace(HELD, places={0: Place(10, late), 1: Place(9, NOW)})
    with pytest.raises(ResyncRequired, match="deletes may be gone") as caught:
        resume(fresh, VIEW, LAYOUT, late, resync=False)
    assert "partition 1" in caught.value.where
    assert "--resync" in caught.value.remedy
    assert caught.value.exit_status == 6


def test_a_reading_that_never_comes_to_the_end_is_too_late_at_last() -> None:
    """It is not storing a position that counts, but having stood at the end."""
    moved = advance(HELD, {0: 11}, frozenset({1}), NOW + AWAY_AT_MOST * 2)
    assert moved.places[1].current_at == NOW + AWAY_AT_MOST * 2
    with pytest.raises(ResyncRequired):
        check_in_time(moved, NOW + AWAY_AT_MOST * 2)


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        (replace(VIEW, topic_id="id-2"), "opened again"),
        (replace(VIEW, starts={0: 11, 1: 3}), "no longer has"),
        (replace(VIEW, ends={0: 9, 1: 9}), "ends before"),
        (replace(VIEW, starts={0: 0}, ends={0: 20}), "opened again"),
    ],
)
def test_a_view_that_is_not_what_it_was_needs_a_resynchronisation(
    view: ViewNow, problem: str
) -> None:
    """Opened again, cut off at its start, or cut off at its end."""
    with pytest.raises(ResyncRequired, match=problem):
        resume(HELD, view, LAYOUT, NOW, resync=False)


def test_a_resynchronisation_is_another_generation_from_the_start() -> None:
    """Also of a view that was opened again; the days away begin anew."""
    later = NOW + AWAY_AT_MOST * 3
    view = replace(VIEW, topic_id="id-2")
    held, begins = resume(HELD, view, LAYOUT, later, resync=True)
    assert begins
    assert (held.generation, held.topic_id, held.fill_until) == (2, "id-2", view.ends)
    assert held.places == {0: Place(0, later), 1: Place(3, later)}


def test_a_resynchronisation_that_was_killed_goes_on_by_itself() -> None:
    """It is asked for once."""
    begun, _ = resume(HELD, VIEW, LAYOUT, NOW, resync=True)
    halfway = advance(begun, {0: 12, 1: 9}, frozenset(), NOW)
    assert resume(halfway, VIEW, LAYOUT, NOW, resync=False) == (halfway, False)
    assert not halfway.is_filled()
    assert advance(halfway, {0: 20}, frozenset(), NOW).is_filled()


@pytest.mark.parametrize("resync", [False, True])
def test_another_view_or_another_schema_is_refused(resync: bool) -> None:
    """A resynchronisation doesn't overwrite somebody else's table either."""
    with pytest.raises(InvalidInput, match="another view"):
        resume(replace(HELD, topic="view.a.c.1"), VIEW, LAYOUT, NOW, resync=resync)
    with pytest.raises(InvalidInput, match="another schema"):
        resume(replace(HELD, layout="other"), VIEW, LAYOUT, NOW, resync=resync)


def test_what_is_stored_is_read_again() -> None:
    """The text holds everything."""
    for held in (HELD, replace(HELD, fill_until={0: 5, 1: 0})):
        assert read_holding(held.to_json(), "x") == held


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"topic": 1}', "null"])
def test_a_position_that_somebody_else_wrote_is_refused(text: str) -> None:
    """Not taken for a beginning."""
    with pytest.raises(InvalidInput, match="can't be read"):
        read_holding(text, "x")
