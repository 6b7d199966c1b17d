"""Looks at broker and ledger of a bus, and tells, or mends, where they differ."""

from __future__ import annotations

from infra.bus import Bus
from infra.kafka import desired
from infra.kafka.observed import observe
from infra.ledger.follower import LedgerFollower
from schemas.clock import Clock
from stream_apps.drift.comparison import Deviation, Finding, Kind, compare
from stream_apps.drift.mending import Mender, Outcome
from stream_apps.drift.sharing import of_the_bus

_GROUP = "sharebus.drift"


def examine(bus: Bus, clock: Clock) -> list[Deviation]:
    """Return where the broker differs from what ledger and declared permissions say.

    The ledger is read before and after the broker, so that what changes meanwhile is no deviation.
    It is read as the administrator, because the operator's own rights may be what is missing.

    Raises:
        Unavailable: the broker did not answer.
        Tampered: the ledger doesn't agree with itself.
    """
    admin = bus.admin_access()
    with LedgerFollower(admin, _GROUP) as ledger:
        ledger.catch_up()
        must, may = desired.must_be(ledger.state, clock()), desired.may_be(ledger.state)
        observed = observe(admin)
        ledger.catch_up()
        must &= desired.must_be(ledger.state, clock())
        may |= desired.may_be(ledger.state)
    if bus.cluster.is_shared:
        observed = of_the_bus(observed)
    return compare(must, may, observed, bus.brokers, frozenset({admin.principal}))


def mend(
    bus: Bus, deviations: list[Deviation], clock: Clock, *, delete_topics: bool = False
) -> list[Outcome]:
    """Mend deviations, in their order; return what became of each.

    A grant may be revoked while its access is being restored, and provisioning have taken it away
    just before: so the ledger is asked again afterwards, and what it has ended is taken away.

    Raises:
        Unavailable: the broker refused or did not answer; what was done stays done.
    """
    mender = Mender(
        bus.admin_access(),
        bus.secrets.password,
        bus.brokers,
        delete_topics,
        bus.cluster.is_shared,
    )
    outcomes = [mender.mend(deviation) for deviation in deviations]
    restored = {each.name for each in deviations if each.finding is Finding.MISSING}
    if restored:
        for late in examine(bus, clock):
            taken_away = late.finding is Finding.SURPLUS and late.kind is not Kind.TOPIC
            if taken_away and late.name in restored:
                mender.mend(late)
    return outcomes
