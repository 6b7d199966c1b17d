"""A grant's credential is rotated with an overlap, and its groups are set anew, by its parties."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.ledger import acts
from schemas.ledger.ruling import MAX_OVERLAP_S
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import CredentialStatus, GrantStatus
from tests.unit.ledger_story import Story, published

HOUR = 3600


def rotated(story: Story, grant: str) -> None:
    """Rotate as the subscriber, and report the new credential."""
    story.do("li", acts.RotateCredential(grant, HOUR))
    story.do(PROVISIONING, acts.ReportCredential(grant, 2, "working"))


@pytest.mark.parametrize("person", ["li", "zhang", "operator"])
def test_each_party_may_rotate_and_the_entry_says_until_when_the_old_one_works(
    person: str,
) -> None:
    """Subscriber, provider, operator; until the new one works, the old one is the newest."""
    story = published()
    grant = story.state.grants[story.grant("li")]
    at = story.now
    story.do(person, acts.RotateCredential(grant.id, HOUR))
    assert [c.version for c in grant.credentials] == [1, 2]
    assert grant.credentials[0].ends_at == at + timedelta(hours=1)
    assert grant.version == 1
    story.do(PROVISIONING, acts.ReportCredential(grant.id, 2, "working"))
    assert grant.version == 2
    story.do(PROVISIONING, acts.ReportCredential(grant.id, 1, "dropped"))
    assert grant.credentials[0].status is CredentialStatus.DROPPED


def test_at_most_two_credentials_live() -> None:
    """A third one comes when the first has ended."""
    story = published()
    grant = story.grant("li")
    rotated(story, grant)
    again = acts.RotateCredential(grant, HOUR)
    assert story.refusal("li", again).code == "rotation-under-way"
    story.do(PROVISIONING, acts.ReportCredential(grant, 1, "dropped"))
    story.do("li", again)


@pytest.mark.parametrize("overlap", [-1, MAX_OVERLAP_S + 1])
def test_an_overlap_has_its_bounds(overlap: int) -> None:
    """An old credential does not live on for ever."""
    story = published()
    refusal = story.refusal("li", acts.RotateCredential(story.grant("li"), overlap))
    assert refusal.code == "bad-overlap"


def test_a_credential_is_reported_only_when_it_waits() -> None:
    """The only one is never dropped, and only provisioning reports."""
    story = published()
    grant = story.grant("li")
    for version, status in ((1, "dropped"), (1, "working"), (2, "working")):
        report = acts.ReportCredential(grant, version, status)
        assert story.refusal(PROVISIONING, report).code == "not-waiting"
    story.do("li", acts.RotateCredential(grant, HOUR))
    report = acts.ReportCredential(grant, 2, "working")
    assert story.refusal("li", report).code == "not-provisioning"


def test_a_reset_is_recorded_and_reported_once() -> None:
    """Who asked, for which group, where to, and what came of it."""
    story = published()
    grant = story.grant("li")
    asked = acts.ResetOffsets(grant, "default", "2026-11-01T00:00:00+08:00")
    known = "o" + story.do("li", asked)
    assert story.refusal("li", asked).code == "reset-under-way"
    report = acts.ReportReset(known, (4, 0))
    story.do(PROVISIONING, report)
    assert (story.state.resets[known].done, story.state.resets[known].offsets) == (True, (4, 0))
    assert story.refusal(PROVISIONING, report).code == "not-waiting"
    story.do("operator", asked)


@pytest.mark.parametrize(
    ("group", "to"),
    [("default", "yesterday"), ("default", "2026-11-01T00:00:00"), ("a b", "end"), ("", "end")],
)
def test_a_reset_says_a_group_and_an_aware_time(group: str, to: str) -> None:
    """A time without its zone would mean another moment elsewhere."""
    story = published()
    refusal = story.refusal("li", acts.ResetOffsets(story.grant("li"), group, to))
    assert refusal.code == "invalid-input"


@pytest.mark.parametrize("person", ["zhang", "wang"])
def test_nobody_else_moves_a_subscriber_s_groups(person: str) -> None:
    """Not even the provider; and a stranger rotates nothing."""
    story = published()
    grant = story.grant("li")
    assert story.refusal(person, acts.ResetOffsets(grant, "a", "end")).code == "not-a-party"
    assert story.refusal("wang", acts.RotateCredential(grant, 0)).code == "not-a-party"


@pytest.mark.parametrize(
    "act", [acts.RotateCredential("g9", 0), acts.ResetOffsets("g9", "a", "end")]
)
def test_only_an_active_grant_has_credentials_and_groups(act: acts.Act) -> None:
    """An unknown grant, and one that was revoked."""
    story = published()
    assert story.refusal("li", act).code == "unknown-grant"
    grant = story.grant("li")
    story.cut(grant)
    assert story.state.grants[grant].status is GrantStatus.ENDED
    ended = acts.RotateCredential(grant, 0)
    assert story.refusal("li", ended).code == "not-active"
