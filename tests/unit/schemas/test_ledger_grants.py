"""What entries add up to: requests, grants, and the views that grants share."""

from __future__ import annotations

import uuid

import pytest

from schemas.ledger import acts
from schemas.ledger.chain import verify
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import GrantStatus, RequestStatus
from schemas.ledger.validation import is_legal
from tests.unit.ledger_story import (
    PURPOSE,
    RESOURCE,
    Story,
    opened,
    peopled,
    policy_text,
    publication,
    published,
)

GUANGDONG = {"item": "code", "prefix": ["44"]}


def view_of(story: Story, grant: str) -> str:
    """Return the topic of a grant's view."""
    return story.state.grants[grant].view


def test_the_first_entry_brings_operator_and_provisioning() -> None:
    """The operator's department is ready; its person and provisioning can act (R4)."""
    state = opened().state
    assert state.operator == "platform"
    assert state.departments["platform"].ready
    assert {person.department for person in state.persons.values()} == {"platform"}
    assert set(state.persons) == {"operator", PROVISIONING}


def test_a_department_is_ready_once_it_is_provisioned() -> None:
    """Registered is not yet ready."""
    story = opened()
    story.do("operator", acts.RegisterDepartment("health", "卫生健康委", "agency", ""))
    assert not story.state.departments["health"].ready
    story.provision("department", "health")
    assert story.state.departments["health"].ready


def test_the_lead_is_who_publishes() -> None:
    """R10.2: the lead department keeps the entry, the sources answer for the data."""
    story = peopled()
    story.do("wang", publication())
    resource = story.state.resources[RESOURCE]
    assert (resource.lead, resource.sources) == ("justice", {"civil-affairs": None})
    assert not resource.ready


def test_a_resource_gets_the_schema_id_that_provisioning_reports() -> None:
    """The registry numbers schemas, and the ledger remembers the number."""
    resource = published().state.resources[RESOURCE]
    assert (resource.ready, resource.schema_id) == (True, 11)
    assert resource.raw_topics == {"raw.geography.division.civil-affairs": "civil-affairs"}


def test_unconditional_items_are_granted_at_once() -> None:
    """R12.1: taken directly; the entry that asks is the entry that grants."""
    story = published()
    asked = story.ask("li")
    case = story.state.requests[asked]
    assert case.status is RequestStatus.APPROVED
    grant = story.state.grants[case.grant]
    assert (grant.id, grant.request) == (f"g{story.state.sequence}", asked)
    assert (grant.subscriber, grant.purpose) == ("health", PURPOSE)
    assert grant.status is GrantStatus.GRANTED


@pytest.mark.parametrize("items", [("code", "area"), ("code", "name", "area")])
def test_one_conditional_item_makes_the_request_wait(items: tuple[str, ...]) -> None:
    """R9, R12.2: what is not wholly unconditional waits for the provider's answer."""
    story = published()
    case = story.state.requests[story.ask("li", items)]
    assert (case.status, case.grant) == (RequestStatus.PENDING, "")
    assert not story.state.grants


def test_an_approval_grants_on_its_conditions() -> None:
    """R12.2: the subscriber uses the data as the answer says."""
    story = published()
    asked = story.ask("li", ("code", "area"))
    grant = story.state.grants["g" + story.do("zhang", acts.Approve(asked, "仅限预案编制"))]
    assert (grant.conditions, grant.request) == ("仅限预案编制", asked)
    assert story.state.requests[asked].grant == grant.id
    assert grant.granted_at == story.state.answered[_last(story)].at


def _last(story: Story) -> tuple[str, uuid.UUID]:
    return next(reversed(story.state.answered))


def test_a_refusal_is_kept_with_its_reason() -> None:
    """R12.2: the requester can read why."""
    story = published()
    asked = story.ask("li", ("code", "area"))
    story.do("zhang", acts.Refuse(asked, "面积未经核实"))
    case = story.state.requests[asked]
    assert (case.status, case.answer) == (RequestStatus.REFUSED, "面积未经核实")
    assert not story.state.grants


def test_a_view_opens_when_its_first_grant_is_provisioned() -> None:
    """Granted is not yet supplied: enforcement starts behind provisioning's report."""
    story = published()
    grant = story.state.requests[story.ask("li")].grant
    assert not story.state.views
    story.provision("grant", grant, 21)
    view = story.state.views[view_of(story, grant)]
    assert story.state.grants[grant].status is GrantStatus.ACTIVE
    assert story.state.grants[grant].active_sequence == story.state.sequence == view.opened
    assert (view.schema_id, view.topic) == (21, f"view.{RESOURCE}.{view.policy.name}")


def test_a_second_grant_of_the_same_policy_shares_the_view() -> None:
    """Cost follows policies, not subscribers; the view stays as the first grant opened it."""
    story = published()
    first = story.grant("li")
    view = story.state.views[view_of(story, first)]
    second = story.grant("wang")
    assert view_of(story, second) == view.topic
    assert story.state.views == {view.topic: view}
    assert story.state.grants[second].active_sequence > view.opened


def test_other_rows_are_another_view() -> None:
    """A view holds what one policy lets through, and no other."""
    story = published()
    first, second = story.grant("li"), story.grant("wang", rows=GUANGDONG)
    assert view_of(story, first) != view_of(story, second)
    assert len(story.state.views) == 2


def test_a_view_has_the_partitions_of_its_resource_unless_rows_are_limited() -> None:
    """Full views go partition by partition; a row-limited one is thin and has one."""
    story = published()
    full, limited = story.grant("li"), story.grant("li", rows=GUANGDONG)
    assert story.state.views[view_of(story, full)].partitions == 4
    assert story.state.views[view_of(story, limited)].partitions == 1


def test_a_view_lives_until_its_last_grant_is_revoked() -> None:
    """The cut of one is not the cut of the others."""
    story = published()
    first, second = story.grant("li"), story.grant("wang")
    topic = view_of(story, first)
    story.do("zhang", acts.Revoke(first, "期满"))
    assert [view.topic for view in story.state.live_views(RESOURCE)] == [topic]
    story.do("zhang", acts.Revoke(second, "期满"))
    assert not list(story.state.live_views(RESOURCE))


def test_revoking_a_grant_that_was_never_active_leaves_the_shared_view() -> None:
    """A grant that nobody provisioned holds no view."""
    story = published()
    first = story.grant("li")
    waiting = story.state.requests[story.ask("wang")].grant
    story.do("wang", acts.Revoke(waiting, "不再需要"))
    assert view_of(story, first) in story.state.views


def test_a_view_goes_on_for_a_grant_that_is_being_provisioned() -> None:
    """Revoking its only active grant meanwhile leaves no gap, and opens nothing a second time."""
    story = published()
    first = story.grant("li")
    opened = story.state.views[view_of(story, first)].opened
    waiting = story.state.requests[story.ask("wang")].grant
    story.cut(first)
    story.provision("grant", waiting, 21)
    assert story.state.views[view_of(story, waiting)].opened == opened
    story.cut(waiting)
    assert not story.state.views


def test_a_view_that_ended_is_opened_anew() -> None:
    """Another opening sequence tells enforcement to fill the view from the start."""
    story = published()
    first = story.grant("li")
    before = story.state.views[view_of(story, first)].opened
    story.cut(first)
    again = story.grant("li")
    view = story.state.views[view_of(story, again)]
    assert view.opened == story.state.grants[again].active_sequence > before


def test_the_cut_is_the_entry_that_reports_it() -> None:
    """R22: when a grant could read no more, and up to which offsets, is on record."""
    story = published()
    grant = story.state.grants[story.grant("li")]
    story.do("zhang", acts.Revoke(grant.id, "期满"))
    assert (grant.status, grant.cut_at) == (GrantStatus.REVOKED, None)
    at = story.now
    story.do(PROVISIONING, acts.ReportCut(grant.id, (3, 1, 4, 1)))
    assert grant.status is GrantStatus.ENDED
    assert (grant.cut_sequence, grant.cut_at) == (story.state.sequence, at)
    assert (grant.end_offsets, grant.reason) == ((3, 1, 4, 1), "期满")


def test_live_views_are_those_of_one_resource() -> None:
    """Enforcement of one resource sees no other's views."""
    story = published()
    story.grant("li")
    assert not list(story.state.live_views("no.resource"))


def test_a_command_that_was_answered_is_not_legal_again() -> None:
    """A repeated command id is carried out once, whatever comes with it."""
    story = published()
    known = uuid.UUID(int=1)
    story.do("li", acts.Request(policy_text(("code",)), PURPOSE), command_id=known)
    twin = Story(verify(story.messages), list(story.messages))
    entry = twin.tell("li", acts.Request(policy_text(), PURPOSE), command_id=known)
    assert not is_legal(story.state, entry)
    assert len(story.state.grants) == 1


def test_a_refused_command_is_not_carried_out_later() -> None:
    """The first answer to a person's id stands, also when it was no."""
    story = published()
    known = uuid.UUID(int=2)
    story.refusal("li", acts.Revoke("g99", "期满"), command_id=known)
    twin = Story(verify(story.messages), list(story.messages))
    entry = twin.tell("li", acts.Request(policy_text(), PURPOSE), command_id=known)
    assert not is_legal(story.state, entry)


def test_folding_the_same_entries_gives_the_same_state() -> None:
    """Read models can be dropped and rebuilt from the ledger."""
    story = published()
    story.cut(story.grant("li"))
    story.grant("wang", rows=GUANGDONG)
    assert repr(verify(story.messages)) == repr(story.state)
