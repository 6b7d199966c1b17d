"""Hostile bytes on `raw`: they come out as coordinates and a reason, and nowhere as themselves."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro
import pytest
from confluent_kafka import KafkaError, Message, Producer

from infra.clock import new_id, system_clock
from infra.ledger.profiles import load_profile
from schemas.catalogue import packaged_resource
from schemas.clock import micros
from schemas.codec import event_codec, frame_prefix, load_event_schema
from schemas.ledger.subjects import Grant
from schemas.names import (
    ENVELOPE_HEADER,
    METERING,
    accepted_topic,
    quarantine_topic,
    raw_topic,
)
from tests.integration.running_bus import LI, LIMIT_S, RESOURCE, SOURCE, ZHANG, RunningBus
from tests.integration.synthetic_divisions import Row, townships

pytestmark = pytest.mark.integration

MARK = "绝不外泄"
"""In everything hostile; so it must be nowhere but on `raw`."""
HOSTILE = townships("81", 1)[0] | {"name": MARK}
GOOD = townships("82", 40)
Record = tuple[bytes | None, bytes | None, list[tuple[str, str | bytes | None]]]
Place = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """The hostile records by place on `raw`, with the reason each must get, and all outputs."""

    expected: dict[Place, str]
    outputs: Mapping[str, list[Message]]
    grant: Grant


def envelope(**claims: str) -> dict[str, Any]:
    """Return an envelope as a source writes it, or with other claims."""
    now = system_clock()
    return {
        "event_id": new_id().bytes,
        "sequence": micros(now),
        "source": SOURCE,
        "resource": RESOURCE,
        "occurred_at": now,
        **claims,
    }


def encode(schema: Mapping[str, Any], record: Mapping[str, Any]) -> bytes:
    """Return a record's Avro bytes, by fastavro alone."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(dict(schema)), record)
    return buffer.getvalue()


def hostile_records(schema_id: int, other_id: int) -> list[tuple[Record, str]]:
    """Return what a broken or malicious source could send, each with its reason."""
    _, schema = packaged_resource(RESOURCE)

    def framed(row: Row = HOSTILE, number: int = schema_id, **claims: str) -> bytes:
        return frame_prefix(number) + encode(schema, {"envelope": envelope(**claims), **row})

    key = HOSTILE["code"].encode()
    noise = b"\xff" + random.Random(7).randbytes(60) + MARK.encode()
    header = encode(load_event_schema("envelope"), envelope())
    foreign = encode(load_event_schema("envelope"), envelope(source="health"))
    good = framed()
    return [
        ((key, noise, []), "bad-frame"),
        ((key, b"", []), "bad-frame"),
        ((key, framed(number=other_id), []), "unknown-schema"),
        ((key, framed(number=4_000_000), []), "unknown-schema"),
        ((b"819999999", good, []), "key-mismatch"),
        ((None, good, []), "missing-key"),
        ((b"", good, []), "missing-key"),
        ((key, framed(resource="population.person"), []), "wrong-resource"),
        ((key, framed(source="health"), []), "unknown-source"),
        ((key, framed({**HOSTILE, "name": MARK * 82_500}), []), "output-limit"),
        ((key, good[:-1], []), "truncated"),
        ((key, good[:20], []), "truncated"),
        ((key, good + b"\x00", []), "trailing-bytes"),
        ((key, None, []), "delete-without-envelope"),
        ((key, None, [(ENVELOPE_HEADER, header[:-1])]), "truncated"),
        ((key, None, [(ENVELOPE_HEADER, header + MARK.encode())]), "trailing-bytes"),
        ((key, None, [(ENVELOPE_HEADER, foreign)]), "unknown-source"),
        ((None, None, []), "missing-key"),
    ]


def send(producer: Producer, record: Record, partition: int) -> Place:
    """Write a record to `raw` past every check of the publisher; return where it stands."""
    places: list[Place] = []

    def delivered(_: KafkaError | None, message: Message) -> None:
        places.append((message.partition() or 0, message.offset() or 0))

    key, value, headers = record
    topic = raw_topic(RESOURCE, SOURCE)
    producer.produce(topic, value, key, partition, delivered, headers=headers)
    assert producer.flush(LIMIT_S) == 0
    return places[0]


@pytest.fixture(scope="module")
def outcome(bus: RunningBus) -> Outcome:
    """Write hostile records between good ones, with the source's own credential."""
    grant = bus.grant(LI, "quarantine", ("code", "name", "parent", "area"))
    bus.wait_live(grant)
    state = bus.state()
    records = hostile_records(
        state.resources[RESOURCE].schema_id, state.views[grant.view].schema_id
    )
    access = load_profile(bus.home, ZHANG).access(bus.bus.cluster)
    # As large as the broker takes, which is more than the bus's own producers send.
    producer = access.producer({"message.max.bytes": 1_048_000})
    sent: dict[Place, str] = {}

    with bus.publisher() as publisher:
        for number, row in enumerate(GOOD):
            publisher.upsert(row)
            publisher.flush()
            if number < len(records):
                record, reason = records[number]
                sent[send(producer, record, number % 4)] = reason
    assert len(sent) == len(records)
    bus.wait_enforced()
    topics = [
        t
        for t in bus.admin().list_topics(timeout=LIMIT_S).topics
        if t != raw_topic(RESOURCE, SOURCE)
    ]
    return Outcome(sent, {topic: bus.messages(topic) for topic in topics}, grant)


def test_each_comes_out_as_coordinates_and_reason(outcome: Outcome) -> None:
    """The source finds every refused record again: where it is, and what is wrong with it."""
    found = {}
    for message in outcome.outputs[quarantine_topic(RESOURCE)]:
        told = event_codec("quarantine").decode(message.value() or b"")
        assert told.keys() == {"topic", "partition", "offset", "source", "reason"}
        assert (told["topic"], told["source"]) == (raw_topic(RESOURCE, SOURCE), SOURCE)
        found[told["partition"], told["offset"]] = told["reason"]
    assert found.keys() >= outcome.expected.keys()
    assert {place: found[place] for place in outcome.expected} == outcome.expected


def test_nothing_of_it_goes_anywhere(outcome: Outcome) -> None:
    """No byte of a refused record is in any other topic of the bus."""
    assert {accepted_topic(RESOURCE), METERING, outcome.grant.view} <= outcome.outputs.keys()
    hostile = MARK.encode()
    for topic, messages in outcome.outputs.items():
        for message in messages:
            parts = (message.key() or b"", message.value() or b"", *_header_values(message))
            assert not any(hostile in part for part in parts), topic
            if topic.startswith(("accepted.", "view.")):
                assert not (message.key() or b"").startswith(b"81")


def test_the_good_ones_between_them_go_through(outcome: Outcome) -> None:
    """What is refused holds up nothing: every good record is accepted, and in the view."""
    for topic in (accepted_topic(RESOURCE), outcome.grant.view):
        keys = Counter((m.key() or b"").decode() for m in outcome.outputs[topic])
        assert all(keys[row["code"]] == 1 for row in GOOD)


def test_the_meter_says_how_many_were_refused_and_why(outcome: Outcome) -> None:
    """`metering` counts each refused record under its reason, and every record that came."""
    refused: Counter[str] = Counter()
    records = 0
    for message in outcome.outputs[METERING]:
        tally = event_codec("metering").decode(message.value() or b"")
        if (tally["kind"], tally["resource"]) == ("live", RESOURCE):
            refused.update(tally["quarantined"])
            records += tally["records"]
    quarantined = [
        event_codec("quarantine").decode(message.value() or b"")["reason"]
        for message in outcome.outputs[quarantine_topic(RESOURCE)]
    ]
    assert refused == Counter(quarantined)
    accepted = len(outcome.outputs[accepted_topic(RESOURCE)])
    assert records == accepted + len(quarantined)


def _header_values(message: Message) -> list[bytes]:
    headers: Any = message.headers() or []
    return [value for _, value in headers if isinstance(value, bytes)]
