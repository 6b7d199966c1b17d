"""Transactions on the real broker: the uncommitted is not there, and a zombie is fenced."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition

from infra.kafka import fenced_transaction, topics
from infra.kafka.fenced_transaction import FencedTransaction
from schemas.errors import Fenced
from tests.integration.running_bus import LIMIT_S, RunningBus, wait_for

pytestmark = pytest.mark.integration

END = "end"


@pytest.fixture
def topic(bus: RunningBus, request: pytest.FixtureRequest) -> str:
    """Return a fresh topic of one partition; it is also the name of the test's group."""
    name = f"tests.{request.node.name}"[:200]
    topics.create(bus.admin(), [topics.Topic(name, 1)])
    return name


@pytest.fixture
def consumer(bus: RunningBus, topic: str) -> Consumer:
    """Return the consumer whose group's offsets are committed in the transactions."""
    return bus.bus.admin_access().consumer(topic)


@pytest.fixture
def transaction(bus: RunningBus, topic: str) -> Callable[[], FencedTransaction]:
    """Return what makes an owner of the test's one transactional id, and opens it."""

    def opened() -> FencedTransaction:
        owner = FencedTransaction(bus.bus.admin_access(), topic, {"linger.ms": 0})
        owner.open()
        return owner

    return opened


def produce(owner: FencedTransaction, topic: str, *values: str) -> None:
    """Add records to the open transaction, and see to it that the broker has them."""
    for value in values:
        owner.produce(topic, value.encode(), partition=0)
    assert owner.producer.flush(LIMIT_S) == 0


def values(bus: RunningBus, topic: str, isolation: str = "read_committed") -> list[str]:
    """Return what a topic holds for a reader of that isolation."""
    return [(message.value() or b"").decode() for message in bus.messages(topic, isolation)]


def committed(bus: RunningBus, group: str) -> int:
    """Return the offset that the test's group has committed, a commit under way awaited."""
    asked = ConsumerGroupTopicPartitions(group)
    future = bus.admin().list_consumer_group_offsets([asked], require_stable=True)[group]
    places = future.result(LIMIT_S).topic_partitions or []
    return places[0].offset if places else 0


def test_records_and_offsets_come_together(
    bus: RunningBus, topic: str, consumer: Consumer, transaction: Callable[[], FencedTransaction]
) -> None:
    """Before the commit a reader sees neither record nor offset, after it both."""
    owner = transaction()
    produce(owner, topic, "a", "b")
    assert (values(bus, topic), committed(bus, topic)) == ([], 0)
    owner.commit([TopicPartition(topic, 0, 7)], consumer)
    bus.wait_decided(topic)
    assert (values(bus, topic), committed(bus, topic)) == (["a", "b"], 7)


def test_an_aborted_transaction_leaves_nothing(
    bus: RunningBus, topic: str, consumer: Consumer, transaction: Callable[[], FencedTransaction]
) -> None:
    """What was written before `reopen` is gone for readers of committed records, and its offset."""
    owner = transaction()
    produce(owner, topic, "kept")
    owner.commit([TopicPartition(topic, 0, 1)], consumer)
    produce(owner, topic, "torn")
    owner.reopen()
    produce(owner, topic, "again")
    owner.commit([TopicPartition(topic, 0, 2)], consumer)
    bus.wait_decided(topic)
    assert values(bus, topic) == ["kept", "again"]
    assert committed(bus, topic) == 2
    # It was really on the broker.
    assert values(bus, topic, "read_uncommitted") == ["kept", "torn", "again"]


def test_runs_are_part_of_the_transaction_like_single_records(
    bus: RunningBus,
    topic: str,
    consumer: Consumer,
    transaction: Callable[[], FencedTransaction],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In order, with nulls; aborted with it, and committed with it."""
    monkeypatch.setattr(fenced_transaction, "MANY_TOPICS", 0)
    owner = transaction()
    run = [None, b"a", b"", b"b"]
    owner.produce_many(topic, 0, [b"1", None, b"", b"2"], [b"torn"] * 4, {})
    assert owner.producer.flush(LIMIT_S) == 0
    owner.reopen()
    owner.produce_many(topic, 0, [b"1", None, b"", b"2"], run, {})
    owner.produce_many(topic, 0, [b"3"] * 5, [b"c"] * 5, {2: [("envelope", b"e")]})
    owner.commit([TopicPartition(topic, 0, 2)], consumer)
    bus.wait_decided(topic)
    found = bus.messages(topic)
    assert [message.value() for message in found] == [*run, *[b"c"] * 5]
    assert [message.key() for message in found] == [b"1", None, b"", b"2", *[b"3"] * 5]
    assert [bool(message.headers()) for message in found] == [number == 6 for number in range(9)]
    assert len(bus.messages(topic, "read_uncommitted")) == 13


def test_a_second_owner_fences_the_first(
    bus: RunningBus, topic: str, consumer: Consumer, transaction: Callable[[], FencedTransaction]
) -> None:
    """Whoever opens the transactional id last owns it: the zombie commits nothing any more."""
    zombie = transaction()
    produce(zombie, topic, "of the zombie")
    owner = transaction()
    produce(owner, topic, "of the owner")
    owner.commit([TopicPartition(topic, 0, 1)], consumer)
    with pytest.raises(Fenced):
        zombie.commit([TopicPartition(topic, 0, 99)], consumer)
    bus.wait_decided(topic)
    assert values(bus, topic) == ["of the owner"]
    assert committed(bus, topic) == 1


def test_an_owner_that_was_idle_commits_at_once(
    bus: RunningBus, topic: str, consumer: Consumer, transaction: Callable[[], FencedTransaction]
) -> None:
    """The broker closes idle connections after 10 s; the next transaction does not suffer from it.

    With librdkafka's default, rebootstrapping, it hung for 11 to 20 s and then was given up.
    """
    owner = transaction()
    produce(owner, topic, "before")
    owner.commit([TopicPartition(topic, 0, 1)], consumer)
    idle = time.monotonic() + 10.1
    wait_for(lambda: time.monotonic() > idle, "the broker to close the connections")
    began = time.monotonic()
    owner.produce(topic, b"after", partition=0)
    owner.commit([TopicPartition(topic, 0, 2)], consumer)
    assert time.monotonic() - began < 8
    bus.wait_decided(topic)
    assert values(bus, topic) == ["before", "after"]


def test_a_faust_app_reads_committed_records_only(
    bus: RunningBus,
    topic: str,
    consumer: Consumer,
    transaction: Callable[[], FencedTransaction],
    tmp_path: Path,
) -> None:
    """25 committed and 5 aborted records come out of the bus's Faust app as 25."""
    owner = transaction()
    wanted = [f"kept-{number}" for number in range(25)]
    for number in range(5):
        produce(owner, topic, *wanted[number * 5 : number * 5 + 5])
        owner.commit([TopicPartition(topic, 0, number)], consumer)
        produce(owner, topic, f"torn-{number}")
        owner.reopen()
    produce(owner, topic, END)
    owner.commit([TopicPartition(topic, 0, 9)], consumer)
    assert len(values(bus, topic, "read_uncommitted")) == 31

    file = tmp_path / "read"
    module = "tests.integration.committed_counter"
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(bus.home.path), topic, str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: file.exists() and END in file.read_text().split(), "the app to read on")
    finally:
        process.terminate()
        process.wait(LIMIT_S)
    assert file.read_text().split() == [*wanted, END]
