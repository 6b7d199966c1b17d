"""Waiting for others lasts as long as they get on with it."""

from __future__ import annotations

from itertools import chain, repeat

from producers.waiting import wait_while_moving


def test_what_moves_is_waited_for_to_its_end() -> None:
    """However little patience there is with what stands still."""
    answers = iter(range(10))
    found = wait_while_moving(lambda: next(answers), lambda answer: answer == 3, lambda _: None, 5)
    assert (found, next(answers)) == (3, 4)


def test_what_stands_still_is_given_up() -> None:
    """The answer that it stood at is returned, and is not done."""
    answers = chain([1, 2], repeat(7))
    found = wait_while_moving(lambda: next(answers), lambda answer: answer > 7, lambda _: None, 0.5)
    assert found == 7


def test_what_takes_long_is_told() -> None:
    """With the answer of the moment; what is done at once is told nothing of."""
    told: list[int] = []
    wait_while_moving(lambda: 1, lambda _: True, told.append, 5)
    assert told == []
    wait_while_moving(lambda: 1, lambda _: False, told.append, 2.5)
    assert told == [1]
