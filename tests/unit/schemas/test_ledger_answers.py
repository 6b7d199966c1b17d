"""A command id is its person's: nobody else can use it up, and its person only once."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from schemas.ledger import acts
from schemas.ledger.chain import fold, verify
from schemas.ledger.entry import decode_entry
from schemas.ledger.signing import SignedCommand, public_bytes
from schemas.ledger.state import PROVISIONING
from schemas.ledger.subjects import GrantStatus
from schemas.ledger.validation import decide, is_legal
from tests.unit.ledger_story import (
    DEPARTMENTS,
    GENESIS,
    PURPOSE,
    Story,
    key_of,
    policy_text,
    published,
    registration,
)

ID = uuid.UUID(int=1)
ASKED = acts.Request(policy_text(), PURPOSE)
STOLEN = acts.Genesis("justice", "", PROVISIONING, "", public_bytes(key_of("wang")), bytes(32))


def forged(story: Story, person: str, act: acts.Act = ASKED) -> SignedCommand:
    """Return what another signed under a person's name and the id."""
    return story.signed(person, act, key=key_of("mallory"), command_id=ID)


FORGERIES: dict[str, Callable[[Story, str], SignedCommand]] = {
    "bad-signature": forged,
    "wrong-department": lambda story, person: story.signed(
        person, ASKED, department="justice", key=key_of("wang"), command_id=ID
    ),
    "unknown-person": lambda story, _: forged(story, "nobody"),
    "a second genesis": lambda story, person: story.signed(
        person, STOLEN, department="justice", key=key_of("wang"), command_id=ID
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_who_can_t_sign_for_a_person_leaves_the_ids_free(
    forgery: Callable[[Story, str], SignedCommand],
) -> None:
    """A department that guesses the id of a report to come can't keep it from being answered."""
    story = published()
    grant = story.state.requests[story.ask("li")].grant
    refused = story.send(forgery(story, PROVISIONING))
    assert refused.refusal is not None
    assert story.state.answer_to(refused.signed) == refused
    report = acts.ReportProvisioned("grant", grant, 21)
    story.do(PROVISIONING, report, command_id=ID)
    assert story.state.grants[grant].status is GrantStatus.ACTIVE
    assert verify(story.messages).grants[grant].status is GrantStatus.ACTIVE


def test_two_people_may_use_one_id() -> None:
    """Each person's commands are numbered by that person alone."""
    story = published()
    story.do("wang", ASKED, command_id=ID)
    story.do("li", ASKED, command_id=ID)
    assert len(verify(story.messages).grants) == 2


@pytest.mark.parametrize("act", [ASKED, acts.Revoke("g1", "x")], ids=["the same", "another"])
def test_a_person_s_id_is_answered_once(act: acts.Act) -> None:
    """The answer to a person's second command of one id is the first one's."""
    story = published()
    first = story.tell("li", ASKED, command_id=ID)
    second = story.signed("li", act, command_id=ID)
    assert second != first.signed
    assert story.state.answer_to(second) == first
    entry, legal = fold(verify(story.messages), story.write(second, decide(story.state, second)))
    assert entry.signed == second
    assert not legal


def test_a_forgery_of_an_answered_command_changes_no_answer() -> None:
    """What somebody else sends under an answered id doesn't stand for it."""
    story = published()
    first = story.tell("li", ASKED, command_id=ID)
    forgery = forged(story, "li")
    answer = story.write(forgery, decide(story.state, forgery))
    assert not is_legal(story.state, decode_entry(answer))
    assert story.state.answer_to(first.signed) == first


def test_a_command_refused_before_its_person_was_known_is_not_carried_out_later() -> None:
    """Whoever kept the bytes can't use them once the person is registered."""
    story = Story()
    story.do("operator", GENESIS)
    story.do("operator", acts.RegisterDepartment("health", "卫生健康委", "agency", ""))
    early = story.signed("li", acts.Revoke("g1", "x"), command_id=ID)
    refused = story.send(early)
    story.do("operator", registration("li"))
    assert story.state.answer_to(early) == refused
    assert not fold(verify(story.messages), story.write(early, decide(story.state, early)))[1]
    story.refusal("li", acts.Revoke("g1", "x"), command_id=ID)


def test_a_command_is_of_the_department_that_its_person_signed() -> None:
    """On another department's topic a command would have to name that one, unsigned."""
    story = published()
    signed = story.signed("li", ASKED)
    for department in set(DEPARTMENTS.values()) - {"health"}:
        moved = story.signed("li", ASKED, department=department, key=key_of("mallory"))
        moved = SignedCommand(moved.command, signed.signature)
        refusal = decide(story.state, moved).refusal
        assert refusal is not None
        assert refusal.code == "wrong-department"
