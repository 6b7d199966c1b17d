"""Which raw partitions are one worker's, and where it stands in each.

A worker is a static member of the group `enforcement`. What it is given it reads from the committed
offsets on; what it was about to commit when partitions are taken away is committed first, and where
that failed nothing counts until the worker has gone back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition

from infra.kafka.clients import Access, Config, close, translated
from schemas.errors import Fenced, Unavailable
from schemas.names import ENFORCEMENT
from stream_apps.enforcement.batches import RawPlace
from stream_apps.enforcement.partitions import positions, whole
from stream_apps.enforcement.resource import ResourceEnforcement
from stream_apps.enforcement.subscription import Subscription

log = logging.getLogger(__name__)

CONSUMING: Final[Config] = {
    "partition.assignment.strategy": "range",
    "queued.min.messages": 200_000,
    "queued.max.messages.kbytes": 131_072,
    "fetch.wait.max.ms": 50,
}
_ANSWER_S: Final = 30


class Ownership:
    """One worker's part of the raw topics.

    Args:
        access: the principal `process.enforcement`.
        slot: names the static member.
        own: called with what the worker has been given; it calls `take`.
        settle: called before that is taken away, to commit what is open; raises Fenced where that
            can't be done.

    Attributes:
        consumer: the member, by which offsets are committed.
        next_offsets: of each partition owned, the next offset to commit.
    """

    def __init__(
        self,
        access: Access,
        slot: int,
        own: Callable[[list[TopicPartition]], None],
        settle: Callable[[], None],
    ) -> None:
        self._own, self._settle = own, settle
        self.consumer = access.consumer(
            ENFORCEMENT,
            {
                **CONSUMING,
                "group.instance.id": f"{ENFORCEMENT}-{slot}",
                "session.timeout.ms": 10_000,
            },
        )
        self._subscription = Subscription(
            self.consumer, self._on_assign, self._on_revoke, self._on_lost
        )
        self.next_offsets: dict[RawPlace, int] = {}
        self._uncertain = False

    def subscribe(self, topics: Collection[str]) -> None:
        """Ask the group for these topics, unless that is done."""
        self._subscription.to(topics)

    def check_assignment(self) -> None:
        """Ask again where an assignment can't be meant; not in a callback of the consumer."""
        self._subscription.check()

    def consume(self, count: int, wait_s: float) -> list[Message]:
        """Return what comes next; partitions may be given and taken away meanwhile."""
        return self.consumer.consume(count, wait_s)

    def check_certain(self) -> None:
        """Check that what was open at the last rebalance was committed.

        Raises:
            Fenced: it was not.
        """
        if self._uncertain:
            raise Fenced("a transaction could not be finished before a rebalance")

    def numbers_of(self, topics: Collection[str]) -> set[int]:
        """Return which partition numbers of a resource are owned."""
        return {partition for topic, partition in self.next_offsets if topic in topics}

    def take(
        self, given: list[TopicPartition], by_topic: Mapping[str, ResourceEnforcement]
    ) -> None:
        """Stand at the committed offsets of what was given and may be enforced.

        Raises:
            Unavailable: they can't be read.
        """
        self.next_offsets = dict(self._committed(whole(given, by_topic)))

    def advance(self, to: Mapping[RawPlace, int]) -> None:
        """Note what has been committed."""
        self.next_offsets.update(to)

    def go_back(self) -> None:
        """Read on from the committed offsets of what is assigned now."""
        self._uncertain = False
        self._own(self.consumer.assignment())
        for position in positions(self.next_offsets):
            self.consumer.seek(position)

    def let_go(self) -> None:
        """Own nothing any more, though the group does not know it yet."""
        self.next_offsets.clear()

    def leave(self) -> None:
        """Let others have the partitions."""
        close(self.consumer)

    def _committed(self, partitions: list[TopicPartition]) -> Iterator[tuple[RawPlace, int]]:
        with translated("committed offsets can't be read"):
            known = self.consumer.committed(partitions, timeout=_ANSWER_S) if partitions else []
        for found in known:
            if found.error is not None:
                raise Unavailable("committed offsets can't be read", where=found.error.name())
            offset = found.offset
            if offset < 0:
                offset = self.consumer.get_watermark_offsets(found, timeout=_ANSWER_S)[0]
            yield (found.topic, found.partition), offset

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._own(partitions)
        consumer.assign(positions(self.next_offsets))
        log.info("owns %d of %d partitions", len(self.next_offsets), len(partitions))

    def _on_revoke(self, _: Consumer, __: list[TopicPartition]) -> None:
        try:
            self._settle()
        except Fenced:
            self._uncertain = True
        self.let_go()

    def _on_lost(self, _: Consumer, __: list[TopicPartition]) -> None:
        self._uncertain = True
        self.let_go()
