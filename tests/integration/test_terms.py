"""A grant ends with its term; one that amends another takes over from it without a gap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from infra.clock import system_clock
from infra.kafka.observed import ends_of
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import accepted_topic
from tests.integration.expected_views import Expected, folded
from tests.integration.held_fetches import SUBSCRIPTION, following, reader
from tests.integration.running_bus import LI, LIMIT_S, RESOURCE, WANG, ZHANG, RunningBus, wait_for
from tests.integration.steady_flow import flow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

PURPOSE = ("--purpose", "verification", "--matter", "terms", "--basis", "测试")
OVERLAP_S = 15
A_SECOND = 200


def test_an_amended_grant_hands_over_without_a_gap(own_bus: RunningBus) -> None:
    """The new view is a correct copy, and whole, before the old one ends; then that one is cut."""
    bus = own_bus
    old = bus.grant(LI, "terms", ("code", "name", "level"))
    bus.wait_live(old)
    reading = reader(bus, old, SUBSCRIPTION)
    with flow(bus, A_SECOND), following([reading]):
        wait_for(lambda: reading.places, "the old view to be read")
        amending = ("--items", "code,name", "--amend", old.id, "--overlap", f"{OVERLAP_S}s")
        [row] = bus.json("request", RESOURCE, *amending, *PURPOSE, "--as", LI)
        new = followed(bus, lambda now: now.grants[row["grant"]].filled).grants[row["grant"]]
        whole = ends_of(bus.admin(), [old.view])[old.view]
        old = followed(bus, lambda now: has_ended(now, old)).grants[old.id]
        assert new.status is GrantStatus.ACTIVE
    bus.wait_enforced()
    bus.wait_live(new)

    assert (old.reason, old.amended_by) == (f"amended by {new.id}", new.id)
    assert old.until is not None
    assert old.cut_at is not None
    assert old.cut_at >= old.until
    assert reading.beyond(whole), "the old view was read on while both could be"
    assert not reading.beyond(old.end_offsets)
    accepted = bus.messages(accepted_topic(RESOURCE))
    assert folded(bus.messages(new.view), by_key=True) == Expected(bus, new).state(accepted)
    assert bus.state().views.keys() == {new.view}
    shown = {each["grant"]: each for each in bus.json("grants")}
    assert shown[old.id]["amended_by"] == new.id
    assert shown[old.id]["until"] == old.until.isoformat()


def test_a_grant_ends_with_its_term(own_bus: RunningBus) -> None:
    """At its time, by itself, like one that is revoked; whoever asks for it is told why."""
    bus = own_bus
    [row] = bus.json("request", RESOURCE, "--items", "code,area", *PURPOSE, "--as", WANG)
    until = system_clock() + timedelta(seconds=20)
    told = bus.cli("approve", row["request"], "--as", ZHANG, "--until", until.isoformat())
    name = told.stdout.split()[-1]
    assert bus.state().grants[name].until == until
    grant = followed(bus, lambda now: has_ended(now, now.grants[name])).grants[name]
    assert grant.cut_at is not None
    assert grant.cut_at >= until
    assert len(grant.end_offsets) == 4
    ended = bus.cli("subscribe", "--grant", name, "--until-end", status=2)
    assert f"grant {name} is ended" in ended.stderr
    assert "its term is over" in ended.stderr


@pytest.mark.parametrize(
    ("until", "told"), [("soon", "is no time"), ("2027-01-01T00:00:00", "time zone")]
)
def test_an_end_that_is_none_is_told(own_bus: RunningBus, until: str, told: str) -> None:
    """Nothing is granted by an answer that makes no sense."""
    ended = own_bus.cli("approve", "r0", "--as", ZHANG, "--until", until, status=2)
    assert told in ended.stderr
    assert "to do: " in ended.stderr


def test_an_overlap_needs_what_it_overlaps_with(own_bus: RunningBus) -> None:
    """Nothing that was said is left out in silence."""
    asked = ("request", RESOURCE, "--as", LI, *PURPOSE, "--overlap", "1h")
    assert "--amend" in own_bus.cli(*asked, status=2).stderr


def followed(bus: RunningBus, condition: Callable[[LedgerState], bool]) -> LedgerState:
    """Return the state in which a condition holds."""
    with bus.client(LI) as client:
        client.state()
        return client.wait_until(condition, "the ledger to go on", LIMIT_S)


def has_ended(state: LedgerState, grant: Grant) -> bool:
    """Tell whether a grant is cut."""
    return state.grants[grant.id].status is GrantStatus.ENDED
