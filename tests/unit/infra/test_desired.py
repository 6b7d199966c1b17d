"""What the broker has to hold follows a grant's credentials through rotation and revocation."""

from __future__ import annotations

from datetime import timedelta

from infra.kafka.desired import OF_BUS, Desired, may_be, must_be
from schemas.ledger.acts import ReportCredential, Revoke, RotateCredential
from schemas.names import department_principal
from tests.unit.ledger_story import Story, published

OVERLAP = timedelta(hours=1)
LONG = timedelta(days=1)


def users(story: Story, later: timedelta = timedelta()) -> tuple[set[str], set[str]]:
    """Return which users of grants have to be there, and which may be."""
    must, may = must_be(story.state, story.now + later), may_be(story.state)
    assert must.users.items() <= may.users.items()
    assert must.permissions <= may.permissions
    assert must.topics.items() <= may.topics.items()
    return readers(must), readers(may)


def readers(wanted: Desired) -> set[str]:
    """Return the users that are grants."""
    return {name for name in wanted.users if name.startswith("grant.")}


def test_a_rotation_leaves_no_moment_in_which_something_is_wrong() -> None:
    """While provisioning makes or drops a credential, its parts may be there or not."""
    story = published()
    grant = story.grant("li")
    first, second = f"grant.{grant}", f"grant.{grant}.v2"
    assert users(story) == ({first}, {first})

    story.do("li", RotateCredential(grant, int(OVERLAP.total_seconds())))
    assert users(story) == ({first}, {first, second})
    story.do("provisioning", ReportCredential(grant, 2, "working"))
    assert users(story) == ({first, second}, {first, second})
    # Its end has come, and provisioning has not reported yet.
    assert users(story, LONG) == ({second}, {first, second})
    story.do("provisioning", ReportCredential(grant, 1, "dropped"))
    assert users(story) == ({second}, {second})


def test_a_revoked_grant_has_to_have_nothing_and_ends_with_nothing() -> None:
    """Until the cut is reported its parts may be there; its view may stay for ever."""
    story = published()
    grant = story.grant("li")
    view = story.state.grants[grant].view
    assert view in must_be(story.state, story.now).topics
    story.do("zhang", Revoke(grant, "事项已办结"))
    assert users(story) == (set(), {f"grant.{grant}"})
    story = published()
    story.cut(story.grant("li"))
    assert users(story) == (set(), set())
    assert view in may_be(story.state).topics


def test_before_the_first_entry_the_bus_has_to_have_its_own() -> None:
    """Furnishing makes it, so that there can be a first entry."""
    before = must_be(Story().state, Story().now)
    assert before == OF_BUS
    assert department_principal("platform") in before.users
