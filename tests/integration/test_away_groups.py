"""A group that may have missed deletes is told, although it keeps no copy that would know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from consumers.group_places import read_current_at
from consumers.resumption import AWAY_AT_MOST
from consumers.subscription import Subscription
from infra.clock import system_clock
from infra.kafka.offsets import end_offsets
from infra.kafka.topics import partition_count
from schemas.errors import ResyncRequired
from schemas.ledger.subjects import Grant
from schemas.policy import Match, RowFilter
from schemas.starting_point import Start
from tests.integration.running_bus import LI, LIMIT_S, ZHANG, RunningBus, wait_for
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

PROVINCE = "86"
ROWS = townships(PROVINCE, 40)
KEYS = {row["code"] for row in ROWS}
GROUP = "lines"
RESYNC_REQUIRED = 6


def filled(bus: RunningBus, items: tuple[str, ...]) -> Grant:
    """Return a grant whose view, which no other test has, holds every row."""
    grant = bus.grant(LI, "away", items, RowFilter("code", Match.PREFIX, (PROVINCE,)))
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()
    return grant


def read(
    bus: RunningBus,
    grant: Grant,
    later: timedelta = timedelta(),
    most: int | None = None,
    start: Start | None = None,
) -> list[str]:
    """Return the keys that a group reads to the end, so much later, or so many of them."""
    keys: list[str] = []
    with Subscription(
        bus.properties(grant),
        group=GROUP,
        until_end=True,
        start=start,
        clock=lambda: system_clock() + later,
    ) as subscription:
        for record in subscription:
            keys.append(record.key)
            if len(keys) == most:
                subscription.stop()
    return keys


def test_a_group_that_was_away_too_long_is_told(bus: RunningBus) -> None:
    """Who reads now and then is never told, however still the view is.

    A reset to the start is the resynchronisation, and begins the days away anew.
    """
    grant = filled(bus, ("code", "level"))
    assert set(read(bus, grant)) == KEYS
    for days in (20, 40, 60):
        assert read(bus, grant, timedelta(days=days)) == []
    too_late = timedelta(days=60) + AWAY_AT_MOST + timedelta(minutes=1)
    for _ in range(2):  # until something is done about it
        with pytest.raises(ResyncRequired, match="deletes may be gone") as caught:
            read(bus, grant, too_late)
    assert grant.view in caught.value.where
    with pytest.raises(ResyncRequired):  # what it missed before stays missed
        read(bus, grant, too_late, start=system_clock() - timedelta(minutes=1))
    reset = f"sharebus grants reset {grant.id} --group {GROUP} --to start"
    assert reset in caught.value.remedy
    bus.cli(*reset.split()[1:], "--as", LI)
    assert set(read(bus, grant, too_late)) == KEYS
    assert read(bus, grant, too_late) == []


def test_who_waits_at_the_end_of_a_still_view_stays_current(bus: RunningBus) -> None:
    """Nothing comes that could be committed, and still the group is told."""
    grant = filled(bus, ("code", "path"))
    properties = bus.properties(grant)
    away = timedelta()
    with (
        Subscription(properties, group=GROUP, clock=lambda: system_clock() + away) as subscription,
        ThreadPoolExecutor(1) as pool,
        closing(
            Consumer({**properties.config, "group.id": f"{properties.group_prefix}{GROUP}"})
        ) as asking,
    ):
        reading = pool.submit(lambda: {record.key for record in subscription})

        def is_told() -> bool:
            (place,) = asking.committed([TopicPartition(grant.view, 0)], LIMIT_S)
            told_at = read_current_at(place.metadata)
            return told_at is not None and told_at > system_clock() + away - timedelta(hours=1)

        try:
            for days in (0, 20, 40):
                away = timedelta(days=days)
                wait_for(is_told, f"the group to be told after {days} days")
        finally:
            subscription.stop()
        assert reading.result(LIMIT_S) == KEYS


def test_a_group_whose_next_record_is_gone_is_told(bus: RunningBus) -> None:
    """By Kafka's own rule it would go on at the start without a word."""
    grant = filled(bus, ("code", "name"))
    assert len(read(bus, grant, most=10)) == 10
    cut_off(bus, grant.view)
    lines = ("subscribe", "--grant", grant.id, "--until-end", "--group")
    told = bus.cli(*lines, GROUP, status=RESYNC_REQUIRED)
    assert "no longer has what comes next" in told.stderr
    assert "--to start" in told.stderr
    assert told.stdout == ""
    bus.cli(*lines, "another")
    # Others count what the views of living grants hold.
    bus.cli("revoke", grant.id, "--reason", "试验完毕", "--as", ZHANG)


def test_readers_of_one_group_take_over_from_each_other(bus: RunningBus) -> None:
    """When another one joins and when one leaves: with the offset, and with the time."""
    grant = filled(bus, ("code", "parent"))
    properties = bus.properties(grant)
    seen: dict[str, list[str]] = {"first": [], "second": []}

    def follow(name: str, subscription: Subscription) -> None:
        for record in subscription:
            seen[name].append(record.key)

    def publish() -> None:
        with bus.publisher() as publisher:
            for row in ROWS:
                publisher.upsert(row)
        bus.wait_enforced()

    def written() -> int:
        return len(bus.messages(grant.view))

    with ThreadPoolExecutor(2) as pool, Subscription(properties, group=GROUP) as first:
        try:
            leaving = pool.submit(follow, "first", first)
            wait_for(lambda: len(seen["first"]) >= written(), "the first one to read")
            with Subscription(properties, group=GROUP) as second:
                staying = pool.submit(follow, "second", second)
                try:
                    publish()
                    wait_for(lambda: sum(map(len, seen.values())) >= written(), "one of both")
                    first.stop()
                    leaving.result(LIMIT_S)
                    first.close()
                    before = len(seen["second"])
                    publish()
                    wait_for(lambda: set(seen["second"][before:]) == KEYS, "the second one to read")
                finally:
                    second.stop()
                staying.result(LIMIT_S)
        finally:
            first.stop()
    with pytest.raises(ResyncRequired):
        read(bus, grant, AWAY_AT_MOST + timedelta(days=1))


def cut_off(bus: RunningBus, topic: str) -> None:
    """Delete every message that a topic holds; a compacted one lets go of none by itself."""
    configure(bus, topic, "compact,delete")
    places = [(topic, p) for p in range(partition_count(bus.admin(), topic))]
    ends = [TopicPartition(*place, end) for place, end in end_offsets(bus.admin(), places).items()]
    # The broker takes up a topic's new configuration a moment after it has confirmed it.
    wait_for(lambda: _deleted(bus, ends), "the messages to be deleted")
    configure(bus, topic, "compact")


def configure(bus: RunningBus, topic: str, cleanup: str) -> None:
    """Set how a topic is cleaned up; nothing in it grows too old."""
    wanted = {"cleanup.policy": cleanup, "retention.ms": "-1"}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in wanted.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    futures: dict[Any, Any] = bus.admin().incremental_alter_configs([resource])
    for future in futures.values():
        future.result(LIMIT_S)


def _deleted(bus: RunningBus, ends: list[TopicPartition]) -> bool:
    futures: dict[Any, Any] = bus.admin().delete_records(ends)
    return all(future.exception(LIMIT_S) is None for future in futures.values())
