"""What has to end is ended together, reported once, and never while access is being made."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from schemas.errors import SharebusError, Unavailable
from schemas.ledger.acts import Act, ReportCredential, ReportCut, Revoke, RotateCredential
from schemas.ledger.signing import SignedCommand
from schemas.ledger.state import PROVISIONING, LedgerState
from stream_apps.provisioning.cuts import Cuts
from stream_apps.provisioning.endings import Ending, ended, endings
from stream_apps.provisioning.releases import Releases
from stream_apps.provisioning.worker import report_id
from tests.unit.ledger_story import Story, published

ENDS = (3, 1, 4, 1)
HOLD = timedelta(seconds=30)


@dataclass
class Broker:
    """A broker, the ledger and a clock, as provisioning meets them."""

    story: Story
    letting_in: str = ""
    is_ready: bool = True
    later: timedelta = timedelta()
    failures: list[tuple[str, SharebusError]] = field(default_factory=list)
    batches: list[list[str]] = field(default_factory=list)
    sent: list[SignedCommand] = field(default_factory=list)
    quotas: set[str] = field(default_factory=set)
    kept: timedelta | None = HOLD
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.story.now

    @property
    def state(self) -> LedgerState:
        """The ledger's state."""
        return self.story.state

    def clock(self) -> datetime:
        """Return the time."""
        return self.began + self.later

    def end(self, several: Sequence[Ending]) -> list[Act]:
        """Cut off, or fail where a subject is among those that fail."""
        self.batches.append([each.subject for each in several])
        for subject, error in self.failures:
            if subject in self.batches[-1]:
                raise error
        self.quotas |= {name for each in several for name in each.principals}
        return [each.report(ENDS) for each in several]

    def submit(self, several: Sequence[tuple[Act, uuid.UUID]]) -> list[SignedCommand]:
        """Take reports; they are not answered yet."""
        commands = [self.story.signed(PROVISIONING, a, command_id=i) for a, i in several]
        self.sent += commands
        return commands

    def held(self) -> set[str]:
        """Return who has the quota of a cut."""
        return set(self.quotas)

    def hold(self) -> timedelta | None:
        """Return how long it has to stay."""
        return self.kept

    def release(self, principals: Collection[str]) -> None:
        """Remove it."""
        self.quotas -= set(principals)

    def cuts(self) -> Cuts:
        """Return what is tested, as it is when provisioning has just started."""
        return Cuts(self, self.end, self.submit, Releases(self, self.clock), self.clock)

    def answer(self) -> None:
        """Let the ledger answer what was sent."""
        for signed in self.sent:
            self.story.send(signed)
        self.sent = []


def run(*turns: Callable[[], Awaitable[None]]) -> None:
    """Let turns be taken, one after another."""

    async def take() -> None:
        for turn in turns:
            await turn()

    asyncio.run(take())


def revoked(count: int) -> tuple[Broker, list[str]]:
    """Return a ledger in which so many grants wait for their cut."""
    story = published()
    grants = [story.grant("li" if n % 2 else "wang", rows=rows(n)) for n in range(count)]
    for grant in grants:
        story.do("zhang", Revoke(grant, "事项已办结"))
    return Broker(story), grants


def rows(number: int) -> dict[str, object]:
    """Return a filter of its own, so that each request is another one."""
    return {"item": "code", "prefix": [f"{number + 11}"]}


def test_what_waits_is_cut_together_and_reported_once() -> None:
    """Twice the turn, once the cut: a report's own entry comes later."""
    broker, grants = revoked(3)
    cuts = broker.cuts()
    run(cuts.carry_out, cuts.carry_out)
    assert broker.batches == [[f"cut/{grant}" for grant in grants]]
    reports = [signed.command for signed in broker.sent]
    assert [each.act for each in reports] == [ReportCut(grant, ENDS) for grant in grants]
    assert [each.command_id for each in reports] == [report_id(f"cut/{g}") for g in grants]
    broker.answer()
    run(cuts.carry_out)
    assert len(broker.batches) == 1
    assert not list(endings(broker.state, broker.clock()))


def test_a_report_that_is_never_answered_is_given_again() -> None:
    """The ledger may have been away; the same id makes the second one harmless."""
    broker, _ = revoked(1)
    cuts = broker.cuts()
    run(cuts.carry_out)
    broker.later = timedelta(minutes=1)
    run(cuts.carry_out)
    assert len(broker.sent) == 2
    assert len({signed.command.command_id for signed in broker.sent}) == 1


def test_a_report_that_is_refused_is_not_given_again() -> None:
    """It is counted and said; nothing else comes of it."""
    broker, (grant,) = revoked(1)
    cuts = Cuts(
        broker,
        lambda _: [ReportCut("g0", ENDS)],
        broker.submit,
        Releases(broker, broker.clock),
        broker.clock,
    )
    run(cuts.carry_out)
    broker.answer()
    broker.later = timedelta(hours=1)
    run(cuts.carry_out, cuts.carry_out)
    assert broker.sent == []
    assert [each.grant for each in endings(broker.state, broker.clock())] == [grant]


def test_one_that_can_t_be_cut_holds_up_no_other() -> None:
    """After a failure they are tried one by one; when all is well again, together."""
    broker, grants = revoked(3)
    broker.failures = [(f"cut/{grants[0]}", Unavailable("no leader"))]
    cuts = broker.cuts()
    run(cuts.carry_out, cuts.carry_out)
    assert [signed.command.act for signed in broker.sent] == [
        ReportCut(grant, ENDS) for grant in grants[1:]
    ]
    broker.failures = []
    run(cuts.carry_out)
    assert broker.batches[-1] == [f"cut/{grants[0]}"]


def test_nobody_is_cut_off_while_being_let_in() -> None:
    """What is made last would stay; the cut waits for its end."""
    broker, (grant, other) = revoked(2)
    broker.letting_in = grant
    cuts = broker.cuts()
    run(cuts.carry_out)
    assert broker.batches == [[f"cut/{other}"]]
    broker.letting_in = ""
    run(cuts.carry_out)
    assert broker.batches[1:] == [[f"cut/{grant}"]]


def test_nothing_is_done_before_the_ledger_is_read() -> None:
    """What waits in an old state may have been reported long ago."""
    broker, _ = revoked(1)
    broker.is_ready = False
    run(broker.cuts().carry_out)
    assert broker.batches == []


def test_a_credential_ends_when_its_time_is_over() -> None:
    """The one that was replaced, not the grant's new one."""
    story = published()
    grant = story.grant("li")
    story.do("li", RotateCredential(grant, 3600))
    story.do(PROVISIONING, ReportCredential(grant, 2, "working"))
    broker = Broker(story)
    cuts = broker.cuts()
    run(cuts.carry_out)
    assert broker.batches == []
    broker.later = timedelta(hours=2)
    run(cuts.carry_out)
    assert broker.quotas == {f"grant.{grant}"}
    assert [signed.command.act for signed in broker.sent] == [ReportCredential(grant, 1, "dropped")]


@pytest.mark.parametrize("restarted", [False, True])
def test_the_quota_of_a_cut_goes_when_no_fetch_can_be_held_any_more(*, restarted: bool) -> None:
    """Not earlier; also when provisioning was started again in between."""
    broker, (grant,) = revoked(1)
    cuts = broker.cuts()
    run(cuts.carry_out)
    broker.answer()
    assert ended(broker.state) == {f"grant.{grant}"}
    begun = broker.clock()
    if restarted:
        cuts = broker.cuts()
        run(cuts.carry_out)
    while broker.clock() < begun + HOLD - timedelta(seconds=5):
        run(cuts.carry_out)
        assert broker.quotas
        broker.later += timedelta(seconds=1)
    broker.later += timedelta(seconds=20)
    run(cuts.carry_out)
    assert not broker.quotas


def test_a_quota_of_somebody_who_did_not_end_stays() -> None:
    """Whoever set it, it is none of a cut's."""
    broker = Broker(published(), quotas={"grant.g99"})
    cuts = broker.cuts()
    run(cuts.carry_out)
    broker.later = timedelta(hours=1)
    run(cuts.carry_out)
    assert broker.quotas == {"grant.g99"}


def test_where_connections_are_never_closed_the_quota_stays() -> None:
    """Then a fetch may be held for as long as its client likes."""
    broker, _ = revoked(1)
    broker.kept = None
    cuts = broker.cuts()
    run(cuts.carry_out)
    broker.answer()
    broker.later = timedelta(days=30)
    run(cuts.carry_out)
    assert broker.quotas
