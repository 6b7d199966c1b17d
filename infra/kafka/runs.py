"""Takes apart what a consumer gave at once: runs of records of one partition."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import groupby

from confluent_kafka import KafkaError, Message

from schemas.errors import Unavailable

log = logging.getLogger(__name__)


def by_partition(
    messages: Iterable[Message],
) -> Iterator[tuple[tuple[str, int], list[Message]]]:
    """Yield runs of records of one partition, in their order; by C calls, not message by message.

    Raises:
        Unavailable: the consumer is dead, as a static member is once another took its name, or
            once its broker was away too long; it says so once, and gives nothing any more.
    """
    good = []
    for message in messages:
        error = message.error()
        if error is None:
            good.append(message)
        elif error.code() == KafkaError._FATAL:
            raise Unavailable("the consumer can't go on; start it again", where=error.name())
        else:
            log.warning("a partition can't be read just now: %s", error.name())
    for topic, of_topic in groupby(good, Message.topic):
        for number, run in groupby(of_topic, Message.partition):
            yield (topic or "", number or 0), list(run)
