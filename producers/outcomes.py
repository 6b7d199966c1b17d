"""What became of the events that were sent: counted, and told one by one to whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

Report = Callable[[KafkaError | None, Message], None]


class Outcome(NamedTuple):
    """What became of one event.

    Attributes:
        number: of the event, in the order of sending, from 0.
        reason: Kafka's name of the error; empty where it was delivered.
        partition, offset: where it stands; -1 where it was not delivered.
    """

    number: int
    reason: str
    partition: int
    offset: int


class Outcomes:
    """Hears of each event that fails; of each that arrives, too, where somebody asked.

    Args:
        listener: is told of every event.

    Attributes:
        failed: how many events failed.
        failures: how many, by Kafka's name of the error; who gives up waiting adds to it.
    """

    def __init__(self, listener: Callable[[Outcome], None] | None) -> None:
        self._listener = listener
        self.failed = 0
        self.failures: Counter[str] = Counter()

    def report(self, number: int) -> Report:
        """Return what Kafka's client calls when it knows what became of an event."""
        return self.count if self._listener is None else partial(self._tell, self._listener, number)

    def count(self, error: KafkaError | None, _: Message) -> None:
        """Count an event that failed."""
        if error is not None:
            self.failed += 1
            self.failures[error.name()] += 1

    def _tell(
        self,
        listener: Callable[[Outcome], None],
        number: int,
        error: KafkaError | None,
        message: Message,
    ) -> None:
        self.count(error, message)
        if error is None:
            listener(Outcome(number, "", message.partition() or 0, message.offset() or 0))
        else:
            listener(Outcome(number, error.name(), -1, -1))
