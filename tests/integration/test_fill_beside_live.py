"""A view is filled between the live records, not before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event

import pytest

from schemas.catalogue import packaged_resource
from schemas.codec import event_codec
from schemas.ledger.subjects import GrantStatus
from schemas.names import METERING
from schemas.policy import Match, RowFilter
from stream_apps.enforcement.backfill import SLICE_BYTES
from tests.integration.meanwhile import meanwhile
from tests.integration.running_bus import LI, RESOURCE, RunningBus
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

ROWS = 150_000
"""Dozens of slices: seconds of filling."""
BURST, PAUSE_S = 20, 0.15
LARGE = 300_000
"""Bytes of a record."""


def test_records_that_come_during_a_fill_do_not_wait_for_its_end(own_bus: RunningBus) -> None:
    """Bursts with pauses: the fill begins when nothing else is to do, and still gives way."""
    bus = own_bus
    with bus.publisher() as publisher:
        for row in townships("47", ROWS):
            publisher.upsert(row)
    bus.wait_enforced()
    with bursts(bus):
        grant = bus.grant(LI, "beside live", ("code",), RowFilter("code", Match.PREFIX, ("4",)))
        bus.wait_live(grant)
    bus.wait_enforced()
    filling, live = worked_at(bus, grant.policy.name)
    assert len(filling) > ROWS // 10_000
    beside = [at for at in live if filling[0] < at < filling[-1]]
    # A burst is one transaction or a few; a fill that goes first lets none through.
    assert len(beside) >= 2, f"{len(filling)} slices from {filling[0]} to {filling[-1]}"
    assert bus.state().grants[grant.id].status is GrantStatus.ACTIVE


def test_a_fill_of_large_records_comes_to_its_end(own_bus: RunningBus) -> None:
    """Where a slice is full by its bytes and the end of the partition is told together with it."""
    partitions = packaged_resource(RESOURCE)[0].partitions
    count = 2 * partitions * SLICE_BYTES // LARGE
    with own_bus.publisher() as publisher:
        for row in townships("49", count):
            publisher.upsert(row | {"path": ["字" * (LARGE // 3)]})
    own_bus.wait_enforced()
    rows = RowFilter("code", Match.PREFIX, ("49",))
    grant = own_bus.grant(LI, "large", ("code", "path"), rows)
    own_bus.wait_live(grant)
    assert len({message.key() for message in own_bus.messages(grant.view)}) == count


@contextmanager
def bursts(bus: RunningBus) -> Iterator[None]:
    """Publish a few records at a time, with pauses in which enforcement has nothing to do."""
    rows = townships("48", BURST)

    def publish(enough: Event) -> None:
        with bus.publisher() as publisher:
            while not enough.wait(PAUSE_S):
                for row in rows:
                    publisher.upsert(row)
                publisher.flush()

    with meanwhile(publish):
        yield


def worked_at(bus: RunningBus, policy: str) -> tuple[list[datetime], list[datetime]]:
    """Return when slices of a view's fill were counted, and when live records were, in order."""
    told = [event_codec("metering").decode(m.value() or b"") for m in bus.messages(METERING)]
    filling = [
        each["at"]
        for each in told
        if each["kind"] == "backfill" and any(v["view"] == policy for v in each["views"])
    ]
    live = [each["at"] for each in told if each["kind"] == "live" and each["records"]]
    return sorted(filling), sorted(live)
