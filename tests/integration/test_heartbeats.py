"""Silence and stillness differ: a source with nothing to send says so, and nobody else hears it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import pytest

from infra.clock import new_id, system_clock
from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from schemas.catalogue import packaged_resource
from schemas.clock import micros
from schemas.codec import event_codec, load_event_schema
from schemas.names import (
    ENVELOPE_HEADER,
    HEARTBEAT_HEADER,
    METERING,
    accepted_topic,
    quarantine_topic,
    raw_topic,
)
from tests.integration.running_bus import LIMIT_S, OTHER, SOURCE, WANG, ZHANG, RunningBus
from tests.integration.synthetic_persons import persons

pytestmark = pytest.mark.integration

RESOURCE = "population.person"
RAW = raw_topic(RESOURCE, SOURCE)
Header = tuple[str, str | bytes | None]


@pytest.fixture(scope="module")
def people(own_bus: RunningBus) -> RunningBus:
    """A bus with a resource of which nothing has come yet; two departments share its rows out."""
    given = ("--source", f"{SOURCE}=prefix:44", "--source", f"{OTHER}=prefix:11")
    own_bus.cli("catalogue", "publish", RESOURCE, *given, "--as", ZHANG)
    return own_bus


def sources(bus: RunningBus) -> dict[str, dict[str, Any]]:
    """Return what `sharebus sources` says of the resource, by source."""
    bus.wait_enforced()
    bus.wait_stored()
    return {row["source"]: row for row in bus.json("sources") if row["resource"] == RESOURCE}


def metered(bus: RunningBus) -> int:
    """Return how many heartbeats `metering` counts."""
    told = [event_codec("metering").decode(m.value() or b"") for m in bus.messages(METERING)]
    return sum(each["heartbeats"] for each in told if each["resource"] == RESOURCE)


def time_of(row: Mapping[str, Any], name: str) -> datetime:
    """Return a time that `sharebus sources` shows."""
    return datetime.fromisoformat(row[name])


def envelope(**claims: Any) -> bytes:
    """Return an envelope's Avro, by fastavro alone."""
    now = system_clock()
    said = {
        "event_id": new_id().bytes,
        "sequence": micros(now),
        "source": SOURCE,
        "resource": RESOURCE,
        "occurred_at": now,
    }
    buffer = io.BytesIO()
    schema = fastavro.parse_schema(load_event_schema("envelope"))
    fastavro.schemaless_writer(buffer, schema, said | claims)
    return buffer.getvalue()


def send(bus: RunningBus, *messages: tuple[bytes | None, list[Header]]) -> None:
    """Send messages without a value past the publisher, as the source."""
    profile = load_profile(bus.home, ZHANG)
    producer = profile.access(bus.bus.cluster).producer({})
    for key, headers in messages:
        producer.produce(RAW, None, key, headers=headers)
    assert producer.flush(LIMIT_S) == 0


def test_a_source_is_silent_then_still_then_flowing(people: RunningBus) -> None:
    """R13: never heard of; alive without news; with news. Another source's word changes nothing."""
    assert [row["state"] for row in sources(people).values()] == ["silent", "silent"]

    before = system_clock().replace(microsecond=0)
    told = people.cli("heartbeat", RESOURCE, "--as", ZHANG).stdout
    partitions = packaged_resource(RESOURCE)[0].partitions
    assert f"{partitions} heartbeats" in told
    still = sources(people)
    assert (still[SOURCE]["state"], still[OTHER]["state"]) == ("still", "silent")
    assert (still[SOURCE]["records"], still[SOURCE]["last_record"]) == (0, None)
    assert before <= time_of(still[SOURCE], "last_heartbeat") <= system_clock()

    with open_publisher(people.bus, load_profile(people.home, ZHANG), RESOURCE) as publisher:
        for row in persons(7):
            publisher.upsert(row)
    flowing = sources(people)
    assert (flowing[SOURCE]["state"], flowing[OTHER]["state"]) == ("flowing", "silent")
    assert (flowing[SOURCE]["records"], flowing[SOURCE]["quarantined"]) == (7, 0)
    assert before <= time_of(flowing[SOURCE], "last_record") <= system_clock()
    assert flowing[SOURCE]["last_heartbeat"] == still[SOURCE]["last_heartbeat"]


def test_a_heartbeat_is_one_record_a_partition_and_goes_nowhere_else(people: RunningBus) -> None:
    """Its form, as stock clients see it: no value, the source as key, its envelope alone."""
    people.wait_enforced()
    topics = [accepted_topic(RESOURCE), quarantine_topic(RESOURCE)]
    before = {topic: len(people.messages(topic)) for topic in topics}
    counted, known = metered(people), len(people.messages(RAW))
    with open_publisher(people.bus, load_profile(people.home, ZHANG), RESOURCE) as publisher:
        publisher.heartbeat()
    people.wait_enforced()
    sent = [m for m in people.messages(RAW) if m.key() == SOURCE.encode()]
    partitions = packaged_resource(RESOURCE)[0].partitions
    assert len(people.messages(RAW)) == known + partitions
    assert {m.partition() for m in sent} == set(range(partitions))
    schema = fastavro.parse_schema(load_event_schema("envelope"))
    for each in sent:
        assert each.value() is None
        headers: Any = each.headers()
        ((name, value),) = headers
        assert name == HEARTBEAT_HEADER
        assert isinstance(value, bytes)
        said: Any = fastavro.schemaless_reader(io.BytesIO(value), schema, None)
        assert (said["source"], said["resource"]) == (SOURCE, RESOURCE)
    assert metered(people) == counted + partitions
    assert {topic: len(people.messages(topic)) for topic in topics} == before


def test_a_source_can_t_claim_to_have_been_heard_of(people: RunningBus) -> None:
    """When it came is the broker's word: a heartbeat of the year 9999 was taken now."""
    later = envelope(occurred_at=datetime(9999, 12, 31, tzinfo=UTC))
    before = system_clock().replace(microsecond=0)
    send(people, (SOURCE.encode(), [(HEARTBEAT_HEADER, later)]))
    row = sources(people)[SOURCE]
    assert before <= time_of(row, "last_heartbeat") <= system_clock() + timedelta(seconds=1)


def test_what_is_no_heartbeat_is_quarantined(people: RunningBus) -> None:
    """Malformed ones are no sign of life; coordinates and reason tell the source."""
    people.wait_enforced()
    counted, known = metered(people), len(people.messages(quarantine_topic(RESOURCE)))
    key, name, good = SOURCE.encode(), HEARTBEAT_HEADER, envelope()
    hostile: list[tuple[tuple[bytes | None, list[Header]], str]] = [
        ((None, [(name, good)]), "missing-key"),
        ((b"11", [(name, good)]), "malformed-heartbeat"),
        ((OTHER.encode(), [(name, good)]), "malformed-heartbeat"),
        ((key, [(name, good), (name, good)]), "malformed-heartbeat"),
        ((key, [(name, good), (ENVELOPE_HEADER, good)]), "malformed-heartbeat"),
        ((key, [(name, None)]), "malformed-heartbeat"),
        ((key, [(name, good[:-1])]), "truncated"),
        ((key, [(name, good + b"\0")]), "trailing-bytes"),
        ((key, [(name, envelope(source=OTHER))]), "unknown-source"),
        ((key, [(name, envelope(resource="geography.division"))]), "wrong-resource"),
    ]
    send(people, *(sent for sent, _ in hostile))
    people.wait_enforced()
    told = [
        event_codec("quarantine").decode(m.value() or b"")["reason"]
        for m in people.messages(quarantine_topic(RESOURCE))
    ]
    assert len(told) == known + len(hostile)
    assert sorted(told) == sorted(reason for _, reason in hostile)
    assert metered(people) == counted


def test_who_is_no_source_has_no_heartbeat(people: RunningBus) -> None:
    """Nobody vouches for another's source."""
    refused = people.cli("heartbeat", "geography.division", "--as", WANG, status=None)
    assert refused.returncode != 0
    assert f"{OTHER} may not write geography.division" in refused.stderr
