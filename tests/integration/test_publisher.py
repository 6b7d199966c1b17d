"""The publisher as a library, on the real broker: what it took is sent; its outcome is told."""

from __future__ import annotations

import pytest

from infra.ledger.profiles import load_profile
from producers.opening import open_publisher, open_resource
from producers.publisher import Outcome
from schemas.errors import AccessDenied, InvalidRecord
from schemas.names import raw_topic
from tests.integration.running_bus import LI, RESOURCE, SOURCE, ZHANG, RunningBus, wait_for
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

ROWS = townships("90", 4000)


def keys_by_place(bus: RunningBus) -> dict[tuple[int, int], str]:
    """Return which key stands where on the source's topic."""
    bus.wait_decided(raw_topic(RESOURCE, SOURCE))
    return {
        (message.partition() or 0, message.offset() or 0): (message.key() or b"").decode()
        for message in bus.messages(raw_topic(RESOURCE, SOURCE))
    }


def test_what_was_taken_is_sent_though_the_block_raises(bus: RunningBus) -> None:
    """A bad row that nobody catches ends the program; the rows before it are delivered."""
    taken, publisher = ROWS[:2000], bus.publisher()

    def publish() -> None:
        with publisher:
            for row in taken:
                publisher.upsert(row)
            publisher.upsert(ROWS[2000] | {"level": "village"})

    with pytest.raises(InvalidRecord) as refusal:
        publish()
    assert refusal.value.where == "level"
    assert not getattr(refusal.value, "__notes__", [])
    assert publisher.delivered == len(taken)
    found = set(keys_by_place(bus).values())
    assert {row["code"] for row in taken} <= found
    assert ROWS[2000]["code"] not in found


def test_what_became_of_every_event_is_told(bus: RunningBus) -> None:
    """Each once, under its number, with the place where it stands; a delete like an upsert."""
    told: list[Outcome] = []
    sent = ROWS[3000:]
    profile = load_profile(bus.home, ZHANG)
    with open_publisher(bus.bus, profile, RESOURCE, told.append) as publisher:
        for row in sent:
            publisher.upsert(row)
        publisher.delete(sent[0]["code"])
    keys = [*(row["code"] for row in sent), sent[0]["code"]]
    assert sorted(each.number for each in told) == list(range(len(keys)))
    assert not any(each.reason for each in told)
    places = keys_by_place(bus)
    assert [places[each.partition, each.offset] for each in told] == [
        keys[each.number] for each in told
    ]


def test_what_the_broker_refuses_is_told_too(bus: RunningBus) -> None:
    """Somebody who is no source: every event comes back with the broker's reason."""
    told: list[Outcome] = []
    source = load_profile(bus.home, ZHANG)
    stranger = load_profile(bus.home, LI).access(bus.bus.cluster)
    opening = open_resource(bus.bus, source, RESOURCE)
    publisher = opening.publisher(source, stranger, told.append)
    for row in ROWS[:7]:
        publisher.upsert(row)

    def all_told() -> bool:
        with pytest.raises(AccessDenied):
            publisher.flush()
        return len(told) == 7

    wait_for(all_told, "what became of the events")
    assert sorted(told) == [
        Outcome(number, "TOPIC_AUTHORIZATION_FAILED", -1, -1) for number in range(7)
    ]
    assert publisher.delivered == 0
