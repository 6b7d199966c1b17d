"""A grant ends while records flow: nothing is read behind the cut, and the others go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Consumer, KafkaError

from consumers.subscription import Subscription
from infra.kafka.quotas import OF_DEPARTMENT, OF_GRANT, quotas
from schemas.errors import GrantRevoked
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import OPERATOR, department_principal, grant_principal
from tests.integration.meanwhile import meanwhile
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    SOURCE,
    SUBSCRIBER,
    WANG,
    ZHANG,
    RunningBus,
    wait_for,
)
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

ROWS = townships("46", 200)
ITEMS = ("code", "level", "parent")


@dataclass
class Reader:
    """A subscriber in a thread: what it read, and how it ended."""

    grant: Grant
    places: set[tuple[int, int]] = field(default_factory=set)
    enough: threading.Event = field(default_factory=threading.Event)
    ended: BaseException | None = None

    def follow(self, bus: RunningBus) -> None:
        """Read until the grant ends, or until it is enough."""
        try:
            with Subscription(bus.properties(self.grant)) as subscription:
                for record in subscription:
                    self.places.add((record.partition, record.offset))
                    if self.enough.is_set():
                        return
        except GrantRevoked as error:
            self.ended = error


@dataclass(frozen=True)
class Aftermath:
    """What a revocation left: the revoked grant and another one on its view, and who read them."""

    grant: Grant
    other: Grant
    reader: Reader


@pytest.fixture(scope="module")
def aftermath(bus: RunningBus) -> Aftermath:
    """Revoke one of two grants on a view, with both subscribers reading and a provider writing."""
    grant, other = bus.grant(LI, "to be revoked", ITEMS), bus.grant(WANG, "to stay", ITEMS)
    assert grant.view == other.view
    bus.wait_live(grant)
    ends, stays = Reader(grant), Reader(other)
    with flow(bus), ThreadPoolExecutor(2) as pool:
        following = pool.submit(stays.follow, bus)
        ending = pool.submit(ends.follow, bus)
        try:
            wait_for(lambda: min(len(ends.places), len(stays.places)) > 300, "both to read")
            bus.cli("revoke", grant.id, "--reason", "事项已办结", "--as", ZHANG)
            ending.result(LIMIT_S)
            # Twice: the transaction under way at the cut does not know of it, the next one does.
            bus.wait_enforced()
            bus.wait_enforced()
            before = len(stays.places)
            wait_for(lambda: len(stays.places) > before + 300, "the other grant to go on")
        finally:
            ends.enough.set()
            stays.enough.set()
        following.result(LIMIT_S)
    assert stays.ended is None
    return Aftermath(bus.state().grants[grant.id], other, ends)


@contextmanager
def flow(bus: RunningBus) -> Iterator[None]:
    """Let records flow, as fast as they are delivered, until the block ends."""

    def publish(enough: threading.Event) -> None:
        with bus.publisher() as publisher:
            while not enough.is_set():
                for row in ROWS:
                    publisher.upsert(row)
                publisher.flush()

    with meanwhile(publish):
        yield


def test_the_subscription_ends_with_a_named_error(aftermath: Aftermath) -> None:
    """Whoever iterates is told that the grant ended, and where to see why."""
    error = aftermath.reader.ended
    assert isinstance(error, GrantRevoked)
    assert aftermath.grant.id in str(error)
    assert "sharebus grants" in error.remedy


def test_nothing_is_read_behind_the_cut(bus: RunningBus, aftermath: Aftermath) -> None:
    """Of what was appended after the cut, the revoked grant's subscriber saw no record."""
    assert aftermath.grant.status is GrantStatus.ENDED
    ends = aftermath.grant.end_offsets
    assert len(ends) == 4
    assert all(offset < ends[partition] for partition, offset in aftermath.reader.places)
    # And there was something to be seen.
    supplied = [(m.partition() or 0, m.offset() or 0) for m in bus.messages(aftermath.grant.view)]
    assert sum(offset >= ends[partition] for partition, offset in supplied) > 300


def test_the_credential_no_longer_authenticates(bus: RunningBus, aftermath: Aftermath) -> None:
    """The properties that were handed out open nothing any more."""
    errors: list[KafkaError] = []
    properties = bus.properties(aftermath.grant)
    consumer = Consumer({**properties.config, "error_cb": errors.append, "log_level": 0})
    try:
        consumer.subscribe([properties.topic])
        wait_for(lambda: consumer.poll(0.1) or errors, "the broker to refuse")
    finally:
        consumer.close()
    assert errors[0].code() == KafkaError._AUTHENTICATION


def test_who_is_let_in_is_bounded_and_who_was_cut_off_leaves_no_quota(
    bus: RunningBus, aftermath: Aftermath
) -> None:
    """Each kind of principal has its quota from the start; a cut's goes when none waits."""
    found = quotas(bus.bus.admin_access())
    assert found[grant_principal(aftermath.other.id)] == OF_GRANT
    for department in (SOURCE, SUBSCRIBER, OPERATOR):
        assert found[department_principal(department)] == OF_DEPARTMENT
    assert not [name for name in found if name.startswith("process.")]
    ended = grant_principal(aftermath.grant.id)
    wait_for(lambda: ended not in quotas(bus.bus.admin_access()), "the cut's quota to be removed")


def test_a_subscriber_that_comes_later_is_told(bus: RunningBus, aftermath: Aftermath) -> None:
    """`sharebus subscribe` with the old file ends with the grant's end, not by waiting."""
    ended = bus.cli("subscribe", "--grant", aftermath.grant.id, status=3)
    assert f"error: the broker no longer lets grant {aftermath.grant.id}" in ended.stderr
    assert ended.stdout == ""


def test_usage_stops_at_the_cut(bus: RunningBus, aftermath: Aftermath) -> None:
    """What was let out before the cut is counted, what was let out behind it is not."""
    bus.wait_enforced()
    bus.wait_stored()
    supplied = [(m.partition() or 0, m.offset() or 0) for m in bus.messages(aftermath.grant.view)]
    ends = aftermath.grant.end_offsets
    before = sum(offset < ends[partition] for partition, offset in supplied)
    counted = bus.counted()
    assert len(aftermath.reader.places) <= before <= counted[aftermath.grant.id] < len(supplied)
    assert len(supplied) - before <= counted[aftermath.other.id] <= len(supplied)


def test_the_end_and_its_reason_are_visible(bus: RunningBus, aftermath: Aftermath) -> None:
    """`sharebus grants` shows the end; a command on the ended grant tells what is the matter."""
    rows = {row["grant"]: row["status"] for row in bus.json("grants")}
    assert (rows[aftermath.grant.id], rows[aftermath.other.id]) == ("ended", "active")
    ended = bus.cli("grants", "properties", aftermath.grant.id, status=2)
    assert f"grant {aftermath.grant.id} is ended" in ended.stderr
    assert "事项已办结" in ended.stderr
    again = bus.cli("revoke", aftermath.grant.id, "--reason", "x", "--as", ZHANG, status=3)
    assert "ended already" in again.stderr
