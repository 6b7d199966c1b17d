"""What a worker asks its group for, asked again where the answer can't be meant."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

log = logging.getLogger(__name__)

PATIENCE_S: Final = 10.0

Listener = Callable[[Consumer, list[TopicPartition]], Any]


class Subscription:
    """The topics of one static member, and whether its group has given it partitions of all.

    The group's coordinator gives a static member that comes back what it had before it died, though
    it subscribes to more now (KIP-345): a topic that came meanwhile would be nobody's until some
    later rebalance. So a process whose first assignment lacks a topic leaves and joins anew, once:
    where there are more members than partitions the answer stays the same, and is right.

    Args:
        consumer: the member, with a `group.instance.id`.
        on_assign: called with what it is given.
        on_revoke: called before that is taken away.
        on_lost: called when it is gone already.
        patience_s: how long an assignment may lack topics; rebalances under way bring them.
    """

    def __init__(
        self,
        consumer: Consumer,
        on_assign: Listener,
        on_revoke: Listener,
        on_lost: Listener,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._consumer, self._patience_s = consumer, patience_s
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self._topics: frozenset[str] = frozenset()
        self._may_be_old = True
        self._given: frozenset[str] | None = None
        self._since = 0.0

    def to(self, topics: Collection[str]) -> None:
        """Subscribe to these topics, unless that is done."""
        if frozenset(topics) != self._topics:
            self._topics = frozenset(topics)
            self._ask()

    def check(self) -> None:
        """Ask again if the first assignment lacks topics and no other one has come.

        Not to be called in a callback of the consumer.
        """
        if self._given is None or not self._may_be_old:
            return
        if self._topics <= self._given:
            self._may_be_old = False
        elif time.monotonic() - self._since >= self._patience_s:
            log.warning("joins its group anew: it was given nothing of some topics")
            self._may_be_old = False
            self._consumer.unsubscribe()
            self._ask()

    def _ask(self) -> None:
        self._given = None
        self._consumer.subscribe(
            sorted(self._topics),
            on_assign=self._assigned,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._given, self._since = frozenset(each.topic for each in partitions), time.monotonic()
        self._on_assign(consumer, partitions)
