"""Many grants end under load; no client reads behind its cut, however long its fetch is held.

How long a cut takes is measured by `benchmarks/revocations.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infra.clock import new_id
from infra.kafka.observed import ends_of
from infra.kafka.quotas import CUT_OFF, quotas
from schemas.codec import event_codec
from schemas.ledger.acts import Revoke
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import METERING, grant_principal
from tests.integration import held_fetches
from tests.integration.held_fetches import KINDS, Reader, following, reader
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    WANG,
    ZHANG,
    RunningBus,
    wait_for,
    wait_for_none,
)
from tests.integration.steady_flow import flow

pytestmark = pytest.mark.integration

SHARED = [("code", "level"), ("code", "parent"), ("code", "name")]
"""Views on which another grant stays."""
ALONE = ("code", "name", "level")
"""The view whose grants all end."""
A_SECOND = 150
LONGEST_S = 15
"""Longer than a fetch is held: the broker closes a connection that is idle for 10 s."""


@dataclass(frozen=True)
class Aftermath:
    """What is left when all is over.

    Attributes:
        readers: of the grants that ended.
        alone: the grants of the view that has none left.
        seen: where that view ended when enforcement had seen its end.
        after: where it ended much later.
        grown: how much each other view grew meanwhile.
    """

    readers: list[Reader]
    alone: list[Grant]
    seen: tuple[int, ...]
    after: tuple[int, ...]
    grown: list[int]


@pytest.fixture(scope="module")
def aftermath(own_bus: RunningBus) -> Aftermath:
    """Revoke twenty grants, ten one after another and ten at once, while a provider publishes."""
    bus = own_bus
    views = [*SHARED, ALONE]
    ending = [bus.grant(LI, f"ends {n}", views[n % len(views)]) for n in range(20)]
    staying = [bus.grant(WANG, "stays", items) for items in SHARED]
    for grant in (*ending[: len(views)], *staying):
        bus.wait_live(grant)
    kinds = [*KINDS, *(KINDS[n % 4] for n in range(len(ending) - len(KINDS)))]
    readers = [reader(bus, *each) for each in zip(ending, kinds, strict=True)]
    alone = ending[3 :: len(views)]
    with flow(bus, A_SECOND), following(readers):
        wait_for_none(lambda: unread(readers), "all to read")
        for grant in ending[:10]:
            revoke(bus, [grant])
        revoke(bus, ending[10:])
        wait_for(
            lambda: known_sequence(bus) >= last_cut(bus, alone), "the end of a view to be seen"
        )
        bus.wait_decided(alone[0].view)
        seen = total(bus, alone[0])
        before = [total(bus, each) for each in staying]
        wait_for(lambda: min(growth(bus, staying, before)) > LONGEST_S * A_SECOND, "the others")
        wait_for_none(lambda: cut_off(bus), "no fetch to be held any more")
        after, grown = total(bus, alone[0]), growth(bus, staying, before)
    return Aftermath(readers, alone, seen, after, grown)


def unread(readers: list[Reader]) -> list[str]:
    """Return which kinds have not read yet, of those that ever will."""
    return [each.kind for each in readers if not each.places and each.kind != held_fetches.SILENT]


def revoke(bus: RunningBus, grants: list[Grant]) -> None:
    """Revoke several at the same moment, and wait for their cuts."""
    names = [grant.id for grant in grants]
    with bus.client(ZHANG) as client:
        client.submit([(Revoke(name, "事项已办结"), new_id()) for name in names])
        client.state()
        client.wait_until(
            lambda state: all(state.grants[n].status is GrantStatus.ENDED for n in names),
            "the cuts",
            LIMIT_S,
        )


def total(bus: RunningBus, grant: Grant) -> tuple[int, ...]:
    """Return where the grant's view ends now."""
    return ends_of(bus.bus.admin_access().admin(), [grant.view])[grant.view]


def growth(bus: RunningBus, grants: list[Grant], before: list[tuple[int, ...]]) -> list[int]:
    """Return how much each grant's view has grown."""
    return [sum(total(bus, g)) - sum(ends) for g, ends in zip(grants, before, strict=True)]


def cut_off(bus: RunningBus) -> list[str]:
    """Return who still has the quota of a cut."""
    return [name for name, quota in quotas(bus.bus.admin_access()).items() if quota == CUT_OFF]


def metering(bus: RunningBus) -> Iterator[dict[str, object]]:
    """Yield each metering record."""
    codec = event_codec("metering")
    return (codec.decode(message.value() or b"") for message in bus.messages(METERING))


def known_sequence(bus: RunningBus) -> int:
    """Return the last ledger entry that a transaction of enforcement has known."""
    return max(int(str(record["ledger_sequence"])) for record in metering(bus))


def last_cut(bus: RunningBus, grants: list[Grant]) -> int:
    """Return the entry that ended the last of some grants."""
    state = bus.state()
    return max(state.grants[grant.id].cut_sequence for grant in grants)


def test_nobody_reads_behind_the_cut(own_bus: RunningBus, aftermath: Aftermath) -> None:
    """Of all kinds of clients; all of them had read before, except those that never do."""
    state = own_bus.state()
    leaked: Counter[str] = Counter()
    for each in aftermath.readers:
        grant = state.grants[each.grant.id]
        assert len(grant.end_offsets) == 4
        leaked[each.kind] += len(each.beyond(grant.end_offsets))
    assert leaked.keys() == set(KINDS)
    assert not leaked.total(), leaked
    read = {each.kind for each in aftermath.readers if each.places}
    assert read >= set(KINDS) - {held_fetches.SILENT}


def test_the_views_of_others_went_on(aftermath: Aftermath) -> None:
    """There was something to be read behind every cut, while a fetch could be held."""
    assert all(grown > LONGEST_S * A_SECOND for grown in aftermath.grown)


def test_a_view_without_grants_gets_no_record(own_bus: RunningBus, aftermath: Aftermath) -> None:
    """Once the loop has seen the last one's end: not one, and none is metered."""
    assert len(aftermath.alone) == 5
    assert aftermath.seen == aftermath.after
    end, policy = last_cut(own_bus, aftermath.alone), aftermath.alone[0].policy.name
    late = [record for record in metering(own_bus) if int(str(record["ledger_sequence"])) >= end]
    assert late
    supplied: list[str] = [each["view"] for record in late for each in record["views"]]  # type: ignore[attr-defined]
    assert supplied
    assert policy not in supplied


def test_what_a_cut_leaves_is_nothing(own_bus: RunningBus, aftermath: Aftermath) -> None:
    """Neither user nor right nor quota, as drift sees it."""
    principals = {grant_principal(each.grant.id) for each in aftermath.readers}
    assert not principals & quotas(own_bus.bus.admin_access()).keys()
    assert own_bus.cli("drift").stdout.strip() == "Drift: none"
