"""Several sources of one resource: each answers for its own rows, and nobody for another's."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import fastavro
import pytest
from confluent_kafka import KafkaError, Message

from consumers.subscription import Subscription
from infra.clock import new_id, system_clock
from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from producers.publisher import Headers, Publisher
from schemas.catalogue import ShareType, packaged_resource
from schemas.catalogue.identifiers import credit_code_check_character
from schemas.clock import micros
from schemas.codec import event_codec, frame_prefix, load_event_schema
from schemas.errors import InvalidRecord
from schemas.ledger.acts import Purpose, Request
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import ENVELOPE_HEADER, quarantine_topic, raw_topic
from schemas.policy import Policy
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    OTHER,
    SOURCE,
    SUBSCRIBER,
    WANG,
    ZHANG,
    RunningBus,
)

pytestmark = pytest.mark.integration

RESOURCE = "licence.certificate"
ISSUERS = {ZHANG: SOURCE, LI: SUBSCRIBER, WANG: OTHER}
TYPES = {ZHANG: "11", LI: "21", WANG: "31"}
"""A type of licence that each of the three departments issues; the first digit says who does."""
DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED
Row = dict[str, Any]


def licence(person: str, number: int) -> Row:
    """Return a licence of a type that the person's department issues."""
    kind = TYPES[person]
    holder = f"9144010300000{kind}05"
    return {
        "licence_number": f"{kind}T{number:08d}",
        "type_code": kind,
        "holder_kind": "organisation",
        "holder_number": holder + credit_code_check_character(holder),
        "issuer": (issuer := f"111000000000000{kind}") + credit_code_check_character(issuer),
        "issued_on": date(2024, 5, 1),
        "expires_on": date(2034, 5, 1),
        "status": "valid",
        "file_digest": None,
        "file_location": None,
    }


def key_of(row: Row) -> bytes:
    """Return the key of a licence's record."""
    number: str = row["licence_number"]
    return number.encode()


@pytest.fixture(scope="module")
def licences(bus: RunningBus) -> RunningBus:
    """A bus with the licences of three issuing departments, each answering for its types."""
    given = [
        argument
        for person, department in ISSUERS.items()
        for argument in ("--source", f"{department}=prefix:{TYPES[person][0]}")
    ]
    told = bus.cli("catalogue", "publish", RESOURCE, *given, "--as", ZHANG).stdout
    assert f"{SOURCE}=prefix:1, {SUBSCRIBER}=prefix:2, {OTHER}=prefix:3" in told
    return bus


@pytest.fixture(scope="module")
def grant(licences: RunningBus) -> Grant:
    """A grant of every licence's unconditional items."""
    contract, _ = packaged_resource(RESOURCE)
    policy = Policy.kept(RESOURCE, contract.shared(ShareType.UNCONDITIONAL))
    asked = Request(policy.canonical_json().decode(), Purpose("verification", "scopes", "测试"))
    with licences.client(LI) as client:
        name = client.state().requests[f"r{client.send(asked).sequence}"].grant
        state = client.wait_until(
            lambda now: now.grants[name].status is GrantStatus.ACTIVE, f"{name}", LIMIT_S
        )
    return state.grants[name]


def publisher(bus: RunningBus, person: str) -> Publisher:
    """Return a person's publisher of licences."""
    return open_publisher(bus.bus, load_profile(bus.home, person), RESOURCE)


def encode(schema: Mapping[str, Any], record: Mapping[str, Any]) -> bytes:
    """Return a record's Avro bytes, by fastavro alone."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(dict(schema)), record)
    return buffer.getvalue()


def envelope(source: str) -> dict[str, Any]:
    """Return an envelope as that source writes it."""
    now = system_clock()
    return {
        "event_id": new_id().bytes,
        "sequence": micros(now),
        "source": source,
        "resource": RESOURCE,
        "occurred_at": now,
    }


def send_past_the_publisher(
    bus: RunningBus, person: str, rows: list[Row], *, topic: str = "", deletes: bool = False
) -> list[Message | KafkaError]:
    """Send rows, or their deletes, with a bare client; return what became of each."""
    source = ISSUERS[person]
    schema_id = bus.state().resources[RESOURCE].schema_id
    _, schema = packaged_resource(RESOURCE)
    outcomes: list[Message | KafkaError] = []
    profile = load_profile(bus.home, person)
    producer = profile.access(bus.bus.cluster).producer({})
    for row in rows:
        said = envelope(source)
        value: bytes | None = frame_prefix(schema_id) + encode(schema, {"envelope": said, **row})
        headers: Headers = []
        if deletes:
            value = None
            headers = [(ENVELOPE_HEADER, encode(load_event_schema("envelope"), said))]
        producer.produce(
            topic or raw_topic(RESOURCE, source), value, key_of(row), headers=headers,
            on_delivery=lambda error, message: outcomes.append(error or message),
        )  # fmt: skip
    assert producer.flush(LIMIT_S) == 0
    return outcomes


def quarantined(bus: RunningBus) -> set[tuple[Any, ...]]:
    """Return source, topic, partition, offset and reason of everything in quarantine."""
    codec = event_codec("quarantine")
    told = [codec.decode(each.value() or b"") for each in bus.messages(quarantine_topic(RESOURCE))]
    names = ("source", "topic", "partition", "offset", "reason")
    return {tuple(each[name] for name in names) for each in told}


def present(bus: RunningBus, grant: Grant, group: str) -> dict[str, tuple[str, bool]]:
    """Return, by key, who said the last thing of a licence, and whether it is still there."""
    with Subscription(bus.properties(grant), group=group, until_end=True) as subscription:
        return {each.key: (each.source, each.items is not None) for each in subscription}


def test_the_catalogue_shows_who_answers_for_which_rows(licences: RunningBus) -> None:
    """R7, R10.2: whoever reads the catalogue knows whom to ask about a licence."""
    rows = licences.json("catalogue", "list")
    (entry,) = (row for row in rows if row["resource"] == RESOURCE)
    assert entry["sources"] == [
        f"{department}=prefix:{TYPES[person][0]}" for person, department in ISSUERS.items()
    ]


def test_each_issuer_s_licences_reach_the_view(licences: RunningBus, grant: Grant) -> None:
    """R5.3: three sources make one resource; a subscriber needn't know how they share it out."""
    licences.wait_live(grant)
    expected: dict[str, tuple[str, bool]] = {}
    for person, department in ISSUERS.items():
        rows = [licence(person, number) for number in range(20)]
        with publisher(licences, person) as own:
            for row in rows:
                own.upsert(row)
            own.delete(rows[0]["licence_number"])
        expected |= {row["licence_number"]: (department, row is not rows[0]) for row in rows}
    licences.wait_enforced()
    found = present(licences, grant, "issuers")
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("person", ISSUERS)
def test_another_issuer_s_licence_is_refused_by_the_publisher(
    licences: RunningBus, person: str
) -> None:
    """R5.3: neither stated nor deleted, and nothing is sent."""
    with publisher(licences, person) as own:
        for other in set(ISSUERS) - {person}:
            row = licence(other, 1)
            with pytest.raises(InvalidRecord, match="foreign-row"):
                own.upsert(row)
            with pytest.raises(InvalidRecord, match="foreign-row"):
                own.delete(row["licence_number"])
        assert own.sent == 0


@pytest.mark.parametrize("deletes", [False, True], ids=["upserts", "deletes"])
def test_another_issuer_s_licence_sent_past_the_publisher_is_quarantined(
    licences: RunningBus, grant: Grant, deletes: bool
) -> None:
    """R5.3: what a source doesn't answer for changes no view, whatever client it is sent with."""
    licences.wait_live(grant)
    kept = [licence(person, 100 + deletes) for person in ISSUERS]
    for person, row in zip(ISSUERS, kept, strict=True):
        with publisher(licences, person) as own:
            own.upsert(row)
    licences.wait_enforced()
    before = quarantined(licences)

    expected = set()
    for person, source in ISSUERS.items():
        foreign = [row | {"status": "revoked"} for row in kept if row["type_code"] != TYPES[person]]
        for outcome in send_past_the_publisher(licences, person, foreign, deletes=deletes):
            assert isinstance(outcome, Message)
            place = (outcome.topic(), outcome.partition(), outcome.offset())
            expected.add((source, *place, "foreign-row"))
    licences.wait_enforced()
    assert len(expected) == 6
    assert quarantined(licences) - before == expected

    found = present(licences, grant, f"foreign-{deletes}")
    for person, row in zip(ISSUERS, kept, strict=True):
        assert found[row["licence_number"]] == (ISSUERS[person], True)


def test_no_source_writes_another_s_topic(licences: RunningBus) -> None:
    """The broker lets each of the three write its own topic alone."""
    before = licences.raw_ends()
    for person in ISSUERS:
        for other in set(ISSUERS) - {person}:
            topic = raw_topic(RESOURCE, ISSUERS[other])
            (outcome,) = send_past_the_publisher(licences, person, [licence(other, 1)], topic=topic)
            assert isinstance(outcome, KafkaError)
            assert outcome.code() == DENIED
    assert licences.raw_ends() == before
