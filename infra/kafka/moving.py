"""Brokers change parts: what is asked of one that has just got or lost a part is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

T = TypeVar("T")

MOVES: Final = frozenset(
    {
        # Of a group or a transaction: who answers for it is not this one, or not yet.
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        # Of a broker that was lost with its parts.
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError.REQUEST_TIMED_OUT,
        # Of a partition. A new topic's has no leader for a moment, and one's that comes back may
        # not know yet how far it has got.
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.OFFSET_NOT_AVAILABLE,
    }
)
_TICK_S: Final = 0.2


def until_settled(ask: Callable[[], T], timeout_s: float) -> T:
    """Ask, again and again as long as a part is just changing hands; return the answer.

    Args:
        ask: only reads.
        timeout_s: for how long it is asked again.

    Raises:
        KafkaException: it says something else, or the same for too long.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in MOVES or time.monotonic() > deadline:
                raise
        time.sleep(_TICK_S)
