"""A worker that comes back is given what came while it was away."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.kafka import topics
from infra.kafka.clients import close
from stream_apps.enforcement.subscription import Subscription
from tests.integration.running_bus import RunningBus, wait_for

pytestmark = pytest.mark.integration

GROUP = "tests.comes-back"
EARLY, LATE = f"{GROUP}.early", f"{GROUP}.late"


class Member:
    """A static member of a group, and what it was given so far."""

    def __init__(
        self, bus: RunningBus, patience_s: float, group: str = GROUP, number: int = 0
    ) -> None:
        self.given: list[set[str]] = []
        self._consumer = bus.bus.admin_access().consumer(
            group,
            {
                "group.instance.id": f"{group}-{number}",
                "session.timeout.ms": 30_000,
                "partition.assignment.strategy": "range",
            },
        )
        ignored = lambda *_: None  # noqa: E731
        self._subscription = Subscription(
            self._consumer, self._assigned, ignored, ignored, patience_s
        )

    def _assigned(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.given.append({each.topic for each in partitions})

    def follow(self, *names: str, assignments: int = 1) -> None:
        """Subscribe, and turn as the loop does until it was given something so often."""
        self.ask(*names)

        def turned() -> bool:
            self.turn()
            return len(self.given) >= assignments

        wait_for(turned, f"{assignments} assignments; given {self.given}")

    def ask(self, *names: str) -> None:
        """Subscribe."""
        self._subscription.to(names)

    def turn(self) -> None:
        """Turn once as the loop does."""
        self._consumer.consume(10, 0.1)
        self._subscription.check()

    def go(self) -> None:
        """Go as a process that ends: a static member says nothing to its group."""
        close(self._consumer)


def test_a_member_that_died_before_a_topic_came_gets_it(bus: RunningBus) -> None:
    """The group gives it what it had; it asks again, once."""
    topics.create(bus.admin(), [topics.Topic(EARLY, 2), topics.Topic(LATE, 2)])
    first = Member(bus, 60)
    first.follow(EARLY)
    first.go()

    back = Member(bus, 1)
    back.follow(EARLY, LATE, assignments=2)
    back.go()
    assert first.given == [{EARLY}]
    assert back.given == [{EARLY}, {EARLY, LATE}]


def test_a_member_that_gets_nothing_of_a_topic_a_second_time_is_content(bus: RunningBus) -> None:
    """Where a topic has fewer partitions than the group has members, that is as it should be."""
    group, both = f"{GROUP}.two", (f"{GROUP}.two-partitions", f"{GROUP}.one-partition")
    topics.create(bus.admin(), [topics.Topic(both[0], 2), topics.Topic(both[1], 1)])
    members = [Member(bus, 0, group, number) for number in range(2)]
    for member in members:
        member.ask(*both)

    def settled() -> bool:
        for member in members:
            member.turn()
        last = [member.given[-1:] for member in members]
        return sorted(map(len, (topics for given in last for topics in given))) == [1, 2]

    wait_for(settled, "each to have one partition of the first, one of them the second topic")
    for _ in range(50):  # in which one asks once more
        settled()
    wait_for(settled, "the same answer")
    given = [list(member.given) for member in members]
    for _ in range(50):
        settled()
    assert [member.given for member in members] == given
    for member in members:
        member.go()
