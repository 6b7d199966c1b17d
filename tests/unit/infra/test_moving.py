"""Brokers that change parts are asked again, for a while; other errors are told at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.kafka.moving import MOVES, until_settled


@pytest.mark.parametrize("code", sorted(MOVES))
def test_who_is_not_the_one_yet_is_asked_again(code: int) -> None:
    answers: Iterator[KafkaException | int] = iter([KafkaException(KafkaError(code)), 42])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, KafkaException):
            raise answer
        return answer

    assert until_settled(ask, 30) == 42


@pytest.mark.parametrize(
    ("code", "patience_s"),
    [(KafkaError.TOPIC_AUTHORIZATION_FAILED, 30), (KafkaError.NOT_LEADER_FOR_PARTITION, 0)],
)
def test_other_errors_and_too_long_a_move_are_raised(code: int, patience_s: float) -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        raise KafkaException(KafkaError(code))

    with pytest.raises(KafkaException):
        until_settled(ask, patience_s)
    assert len(asked) == 1
