"""What became of events is counted, and told to whoever asks."""

from __future__ import annotations

from unittest.mock import Mock

from confluent_kafka import KafkaError, Message

from producers.outcomes import Outcome, Outcomes

FAILED = KafkaError(KafkaError._MSG_TIMED_OUT)
ARRIVED = Mock(Message, partition=lambda: 3, offset=lambda: 70)


def test_failures_are_counted_by_their_names() -> None:
    """Nobody asked for single events: those that arrive leave no trace."""
    outcomes = Outcomes(None)
    for number, error in enumerate([None, FAILED, FAILED]):
        outcomes.report(number)(error, ARRIVED)
    assert (outcomes.failed, outcomes.failures) == (2, {"_MSG_TIMED_OUT": 2})


def test_every_event_is_told_under_its_own_number() -> None:
    """Whatever order answers come in."""
    told: list[Outcome] = []
    outcomes = Outcomes(told.append)
    first, second = outcomes.report(0), outcomes.report(1)
    second(None, ARRIVED)
    first(FAILED, ARRIVED)
    assert told == [Outcome(1, "", 3, 70), Outcome(0, "_MSG_TIMED_OUT", -1, -1)]
    assert outcomes.failed == 1
