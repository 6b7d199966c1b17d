"""Cuts on the real broker: what is left of who was cut off."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.kafka import access_control, topics
from infra.kafka.clients import Access
from infra.kafka.cutting import cut_off, longest_idle_s
from infra.kafka.observed import ends_of
from infra.kafka.quotas import CUT_OFF, OF_GRANT, put_quotas, quotas
from infra.kafka.topics import Topic
from tests.integration.infra.running_broker import RunningBroker, running_broker

pytestmark = pytest.mark.integration

LIMIT_S = 60
HELD_S = 5
HELD: dict[str, Any] = {
    "fetch.wait.max.ms": HELD_S * 1000,
    "fetch.min.bytes": 60_000_000,
    "fetch.max.bytes": 70_000_000,
    "max.partition.fetch.bytes": 70_000_000,
    "statistics.interval.ms": 100,
    "log_level": 0,
}
VIEW = "view.geography.division.0123456789abcdef"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("cutting")) as running:
        yield running


def test_who_is_cut_off_has_nothing_left_but_the_quota(node: RunningBroker) -> None:
    """Several at once, one of whom was never let in; repeated, it changes nothing."""
    admin = node.admin.admin()
    ids = ("g1", "g2", "g3")
    for each in ids[:2]:
        access_control.put_user(admin, f"grant.{each}", "a-password-of-a-grant")
        access_control.grant(admin, access_control.of_grant(each, VIEW))
    access_control.put_user(admin, "grant.g9", "a-password-of-a-grant")
    access_control.grant(admin, access_control.of_grant("g9", VIEW))
    put_quotas(node.admin, ["grant.g1", "grant.g9"], OF_GRANT)
    for _ in range(2):
        cut_off(node.admin, [f"grant.{each}" for each in ids])
        for each in ids:
            assert not access_control.has_user(admin, f"grant.{each}")
            assert not access_control.permissions_of(admin, f"grant.{each}")
        cuts = {f"grant.{each}": CUT_OFF for each in ids}
        assert quotas(node.admin) == {**cuts, "grant.g9": OF_GRANT}
    assert access_control.has_user(admin, "grant.g9")
    assert len(access_control.permissions_of(admin, "grant.g9")) == 2


def test_how_long_a_fetch_can_be_held_is_the_broker_s_setting(node: RunningBroker) -> None:
    """Of the bus's own broker: ten seconds."""
    assert longest_idle_s(node.admin) == 10


def test_a_view_ends_behind_what_is_not_decided(node: RunningBroker) -> None:
    """Somebody may have read it without waiting for the decision."""
    topics.create(node.admin.admin(), [Topic(VIEW, 2)])
    producer = node.admin.producer({"transactional.id": "undecided"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(VIEW, b"a record", partition=1)
    assert producer.flush(30) == 0
    assert ends_of(node.admin.admin(), [VIEW, "view.nowhere"]) == {VIEW: (0, 1), "view.nowhere": ()}
    producer.abort_transaction(30)


def waits(statistics: str) -> bool:
    """Tell from librdkafka's statistics whether a fetch was sent and is not answered."""
    brokers = json.loads(statistics)["brokers"].values()
    return any(each["req"].get("Fetch") and each["waitresp_cnt"] for each in brokers)


def read(consumer: Consumer) -> list[int | None]:
    """Return the offsets of the records that come in a moment."""
    return [m.offset() for m in consumer.consume(1000, 0.1) if m.error() is None]


@pytest.mark.parametrize("held_bytes", [0, 3_000_000, 5_000_000, 50_000_000])
def test_a_held_fetch_is_answered_without_records(node: RunningBroker, held_bytes: int) -> None:
    """However much it would have got: Kafka's throttle time in ms overflows from 2.1 MB on."""
    admin, topic = node.admin.admin(), f"view.held.{held_bytes}"
    principal = f"grant.held{held_bytes}"
    topics.create(admin, [Topic(topic, 1)])
    access_control.put_user(admin, principal, "a-password-of-a-grant")
    access_control.grant(admin, [access_control.read(principal, topic)])
    producer = node.admin.producer()
    for _ in range(held_bytes // 50_000):
        producer.produce(topic, os.urandom(50_000), partition=0)
    assert producer.flush(60) == 0
    held: list[bool] = []
    settings: dict[str, Any] = {**HELD, "stats_cb": lambda text: held.append(waits(text))}
    access = Access(node.settings.bootstrap, principal, "a-password-of-a-grant")
    consumer = access.consumer("none", settings)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        deadline = time.monotonic() + LIMIT_S
        while not any(held[-1:]):
            assert time.monotonic() < deadline, "no fetch is held"
            assert not read(consumer)
        cut_off(node.admin, [principal])
        producer.produce(topic, b"behind the cut", partition=0)
        assert producer.flush(60) == 0
        deadline = time.monotonic() + 2 * HELD_S
        found: list[int | None] = []
        while time.monotonic() < deadline:
            found += read(consumer)
    finally:
        consumer.close()
    assert found == []
