"""A grant's term ends by itself; one that amends another ends that one's, without a gap."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from schemas.catalogue import ShareType, contract_json, packaged_resource
from schemas.ledger import acts
from schemas.ledger.ruling import MAX_OVERLAP_S
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.policy import Policy
from schemas.schema_text import schema_text
from tests.unit.ledger_story import PURPOSE, SOURCE, UNCONDITIONAL, Story, policy_text, published

PERSONS = "population.person"
HOUR = 3600
FEWER = UNCONDITIONAL[:2]
OTHER = acts.Purpose("verification", "另一事项", "突发事件应对法第四十二条")
CUT = (3, 1, 4, 1)


def limited(story: Story, until: datetime | None) -> Grant:
    """Let the provider grant a conditional item until then, provisioned."""
    asked = story.ask("li", ("code", "area"))
    name = "g" + story.do("zhang", acts.Approve(asked, "", until))
    story.provision("grant", name, 21)
    return story.state.grants[name]


def amending(
    grant: str, overlap: int = HOUR, items: tuple[str, ...] = FEWER, **more: Any
) -> acts.Request:
    """Return a request that asks for a grant in another's place."""
    return acts.Request(
        policy_text(items), more.get("purpose", PURPOSE), acts.Amendment(grant, overlap)
    )


def replaced(story: Story, overlap: int = HOUR) -> tuple[Grant, Grant]:
    """Return a grant, and one that amends it, works, and is not filled yet."""
    old = story.state.grants[story.grant("li")]
    new = story.state.grants["g" + story.do("li", amending(old.id, overlap))]
    story.provision("grant", new.id, 22)
    return old, new


def cut_at(story: Story, grant: Grant) -> None:
    """Let time pass until the grant's term is over, and report its cut."""
    assert grant.until is not None
    while story.now < grant.until:
        story.tell("operator", acts.Revoke("g0", "time passes"))
    story.do(PROVISIONING, acts.ReportCut(grant.id, CUT))


def test_a_term_ends_at_its_time_and_not_before() -> None:
    """Provisioning reports the cut of what is over; before that it has nothing to cut."""
    story = published()
    grant = limited(story, story.now + timedelta(hours=1))
    assert story.refusal(PROVISIONING, acts.ReportCut(grant.id, CUT)).code == "not-waiting"
    assert not grant.is_over(story.now)
    cut_at(story, grant)
    assert (grant.status, grant.reason) == (GrantStatus.ENDED, "its term is over")
    assert grant.end_offsets == CUT
    assert grant.view not in story.state.views


def test_a_grant_without_a_term_goes_on() -> None:
    """Unconditional items are taken for as long as they are needed (R9.1)."""
    story = published()
    grant = limited(story, None)
    assert not grant.is_over(story.now + timedelta(days=36_500))


def test_a_term_has_not_ended_before_it_begins() -> None:
    """An answer that grants nothing is no grant."""
    story = published()
    asked = story.ask("li", ("code", "area"))
    past = acts.Approve(asked, "", story.now)
    assert story.refusal("zhang", past).code == "past-term"


def test_the_amended_grant_goes_on_until_the_new_view_is_whole_and_the_overlap_over() -> None:
    """Whoever reads the new view from its start has everything before the old one ends."""
    story = published()
    old, new = replaced(story)
    at = story.now
    assert not old.is_over(at + timedelta(days=365))
    story.do(PROVISIONING, acts.ReportFilled(new.id))
    assert (old.amended_by, old.until) == (new.id, at + timedelta(hours=1))
    cut_at(story, old)
    assert (old.status, old.reason) == (GrantStatus.ENDED, f"amended by {new.id}")
    assert new.status is GrantStatus.ACTIVE
    assert story.state.views.keys() == {new.view}


def test_a_term_that_ends_before_the_overlap_stays_as_it_is() -> None:
    """An amendment prolongs nothing."""
    story = published()
    end = story.now + timedelta(hours=1)
    old = limited(story, end)
    new = "g" + story.do("li", amending(old.id, 24 * HOUR))
    story.provision("grant", new, 22)
    story.do(PROVISIONING, acts.ReportFilled(new))
    assert old.until == end


def test_an_amendment_that_is_revoked_before_it_takes_over_changes_nothing() -> None:
    """The old grant goes on, and may be amended again."""
    story = published()
    old, new = replaced(story)
    story.cut(new.id)
    assert story.refusal(PROVISIONING, acts.ReportFilled(new.id)).code == "not-active"
    assert (old.status, old.until) == (GrantStatus.ACTIVE, None)
    story.do("li", amending(old.id))


def test_a_grant_whose_term_ends_is_renewed() -> None:
    """Asked for once more in the same words, as an amendment; the view is shared."""
    story = published()
    old = limited(story, story.now + timedelta(hours=2))
    again = "r" + story.do("li", amending(old.id, 0, ("code", "area")))
    new = story.state.grants["g" + story.do("zhang", acts.Approve(again, ""))]
    story.provision("grant", new.id, 21)
    story.do(PROVISIONING, acts.ReportFilled(new.id))
    cut_at(story, old)
    assert story.state.views.keys() == {new.view} == {old.view}


def test_a_grant_is_amended_by_its_subscriber_with_another_of_its_resource() -> None:
    """It is a request like any other, and its words are those of a grant that is there."""
    story = published()
    grant = story.grant("li")
    for person, act, code in (
        ("li", amending("g999"), "unknown-grant"),
        ("wang", amending(grant), "not-a-party"),
        ("li", amending(grant, -1), "bad-overlap"),
        ("li", amending(grant, MAX_OVERLAP_S + 1), "bad-overlap"),
    ):
        assert story.refusal(person, act).code == code
    story.do("li", amending(grant))
    assert story.refusal("li", amending(grant, purpose=OTHER)).code == "already-amended"
    story.cut(grant)
    assert story.refusal("li", amending(grant, purpose=OTHER)).code == "not-active"


def test_only_an_amendment_waits_to_be_filled_and_only_once() -> None:
    """The report says that one grant takes over from another."""
    story = published()
    _, new = replaced(story)
    plain = story.grant("wang")
    assert story.refusal(PROVISIONING, acts.ReportFilled(plain)).code == "not-waiting"
    assert story.refusal("operator", acts.ReportFilled(new.id)).code == "not-provisioning"
    story.do(PROVISIONING, acts.ReportFilled(new.id))
    assert story.refusal(PROVISIONING, acts.ReportFilled(new.id)).code == "not-waiting"


def test_another_resource_is_another_grant() -> None:
    """What replaces a grant tells of the same things."""
    story = published()
    contract, schema = packaged_resource(PERSONS)
    text = contract_json(contract), schema_text(schema)
    story.do("zhang", acts.PublishEntry(PERSONS, *text, (SOURCE,)))
    story.provision("resource", PERSONS, 31)
    policy = Policy.kept(PERSONS, contract.shared(ShareType.UNCONDITIONAL))
    other = acts.Request(
        policy.canonical_json().decode(), PURPOSE, acts.Amendment(story.grant("li"), HOUR)
    )
    assert story.refusal("li", other).code == "another-resource"
