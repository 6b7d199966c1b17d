"""When a transaction is due, and how much is taken at once; by a clock of the test's."""

from __future__ import annotations

import pytest
from confluent_kafka import Message

from stream_apps.enforcement.pace import (
    BATCH,
    BATCH_A_VIEW,
    BATCH_BYTES,
    LARGEST_BATCH,
    LONGEST_TRANSACTION_S,
    SHORTEST_INTERVAL_S,
    Pace,
)

FULL = [Message(value=bytes(100))] * BATCH


class Clock:
    """Stands until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now


def test_a_transaction_lasts_at_least_100_ms() -> None:
    """However quick its commit is."""
    clock = Clock()
    pace = Pace(clock)
    pace.committed(0.001, 0.5)
    pace.begin()
    assert pace.due_in_s() == pytest.approx(SHORTEST_INTERVAL_S)
    clock.now += SHORTEST_INTERVAL_S
    assert pace.due_in_s() <= 0


def test_commits_take_a_fifth_of_the_time() -> None:
    """A commit of 200 ms comes after 800 ms."""
    pace = Pace(Clock())
    pace.took(FULL)
    pace.committed(0.2, 0.5)
    pace.begin()
    assert pace.due_in_s() == pytest.approx(0.8)


def test_whoever_has_caught_up_lets_readers_wait_less() -> None:
    """A commit of 200 ms comes after 200 ms, once a batch could not be filled within 100."""
    clock = Clock()
    pace = Pace(clock)
    pace.committed(0.2, 0.5)
    pace.begin()
    pace.took(FULL)
    assert pace.wait_s() == pytest.approx(0.2)
    clock.now += 0.15
    assert pace.wait_s() == pytest.approx(SHORTEST_INTERVAL_S)
    clock.now += 0.1
    pace.took(FULL[1:])
    assert pace.due_in_s() <= 0
    pace.took(FULL)
    assert pace.due_in_s() == pytest.approx(0.55)


def test_a_batch_is_waited_for_no_longer_than_the_transaction_may_last() -> None:
    """However full it might become."""
    clock = Clock()
    pace = Pace(clock)
    pace.committed(0.2, 0.5)
    pace.begin()
    clock.now += 0.75
    assert pace.wait_s() == pytest.approx(0.05)


@pytest.mark.parametrize("batch_s", [0.05, 0.2, 0.3])
@pytest.mark.parametrize("commit_s", [0.1, 0.5, 0.9])
def test_one_more_batch_and_the_commit_end_within_2_s(batch_s: float, commit_s: float) -> None:
    """Even where both take as long as ever of late, and one batch begins right before it is due."""
    clock = Clock()
    pace = Pace(clock)
    pace.took(FULL)
    pace.enforced(batch_s)
    pace.committed(commit_s, 0.5)
    pace.enforced(batch_s / 10)
    pace.committed(commit_s / 10, 0.5)
    pace.committed(commit_s, 0.5)
    pace.begin()
    due_s = pace.due_in_s()
    if due_s > SHORTEST_INTERVAL_S:
        assert due_s + batch_s + commit_s <= LONGEST_TRANSACTION_S


def test_more_views_share_out_larger_batches() -> None:
    """So that each gets some records."""
    pace = Pace(Clock())
    assert pace.batch() == BATCH
    pace.expect(10)
    assert pace.batch() == BATCH + 10 * BATCH_A_VIEW
    pace.expect(1000)
    assert pace.batch() == LARGEST_BATCH


def test_transactions_that_come_near_2_s_are_made_smaller() -> None:
    """By three tenths each time, but never below what one view gets at once."""
    pace = Pace(Clock())
    pace.expect(1000)
    pace.committed(1.0, 0.95 * LONGEST_TRANSACTION_S)
    smaller = pace.batch()
    assert smaller < 0.75 * LARGEST_BATCH
    pace.committed(1.0, 0.8 * LONGEST_TRANSACTION_S)
    assert pace.batch() == smaller
    for _ in range(50):
        pace.committed(1.0, 3.0)
    assert pace.batch() == BATCH


def test_a_batch_of_large_records_is_of_few() -> None:
    """What is held at once stays bounded; and it grows again when records become small."""
    pace = Pace(Clock())
    pace.took([Message(value=bytes(100))] * 50)
    assert pace.batch() == BATCH
    pace.took([Message(value=bytes(1_000_000))] * 50)
    assert pace.batch() <= BATCH_BYTES // 1_000_000
    pace.took([Message(value=None)])
    assert pace.batch() <= BATCH_BYTES // 900_000
    for _ in range(100):
        pace.took([Message(value=bytes(100))] * 50)
    assert pace.batch() == BATCH


def test_a_record_is_taken_however_large_it_is() -> None:
    """One at a time."""
    pace = Pace(Clock())
    pace.took([Message(value=bytes(2 * BATCH_BYTES))])
    assert pace.batch() == 1


def test_before_a_commit_as_much_is_taken_as_can_be_enforced_beside_it() -> None:
    """At least a batch, at most what may be held; less again once commits are shorter."""
    pace = Pace(Clock())
    pace.took(FULL)
    assert pace.batch_ahead() == BATCH
    pace.enforced_ahead(10_000, 0.01)
    pace.committed(0.03, 0.5)
    assert pace.batch() == BATCH
    assert pace.batch_ahead() == 30_000
    pace.committed(10.0, 0.5)
    assert pace.batch_ahead() == int(BATCH_BYTES / 100)
    pace.enforced_ahead(0, 0.0)
    pace.committed(0.001, 0.5)
    assert pace.batch_ahead() == BATCH
