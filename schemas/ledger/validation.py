"""Who may do what: decides, from the state alone, whether a command takes effect.

The ledger process decides before it appends; every follower decides again, so that an illegal
entry has no effect anywhere. A refusal carries a code for machines and a reason for people; it is
appended like any other answer (R12.2: a refusal states its reason).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas.errors import InvalidInput
from schemas.ledger import acts, operating_rules, sharing_rules
from schemas.ledger.entry import Entry, Refusal
from schemas.ledger.ruling import (
    No,
)
from schemas.ledger.signing import Command, SignedCommand
from schemas.ledger.state import LedgerState

MAX_REASON: Final = 2000
"""Characters of a refusal's reason."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """In which role the actor acted, and why the command has no effect (None: it has)."""

    role: str
    refusal: Refusal | None


def decide(state: LedgerState, signed: SignedCommand) -> Verdict:
    """Judge one command against the state before it. Pure; never raises for a bad command."""
    unforeseen = "bad-signature"
    try:
        _check_signature(state, signed)
        unforeseen = "malformed"
        return Verdict(_RULES[type(signed.command.act)](state, signed.command), None)
    except No as no:
        return _refused(no.verdict_code, no.problem)
    except InvalidInput as error:
        return _refused(error.code, str(error))
    except MemoryError:  # says something of this machine, nothing of the command
        raise
    except Exception as error:
        # A rule has a hole. Raised, it would end the ledger process, which then reads the same
        # command again, for ever; so it ends in a refusal, here and in every follower.
        return _refused(unforeseen, f"the command can't be judged: {type(error).__name__}")


def is_legal(state: LedgerState, entry: Entry) -> bool:
    """Tell a follower whether an entry continues the chain and says what `decide` would say."""
    verdict = decide(state, entry.signed)
    # A reason is worded for people and may be worded better one day; its code may not change.
    codes = [refusal and refusal.code for refusal in (verdict.refusal, entry.refusal)]
    return (
        entry.sequence == state.sequence + 1
        and entry.previous == state.head
        and state.answer_to(entry.signed) is None
        and verdict.role == entry.role
        and codes[0] == codes[1]
    )


def _refused(code: str, reason: str) -> Verdict:
    # A reason may quote the command, whose JSON can hold what no Avro string can (half a
    # surrogate pair), and more of it than an entry has room for.
    text = reason.encode("utf-8", "backslashreplace").decode("utf-8")
    return Verdict("none", Refusal(code, text[:MAX_REASON]))


def _check_signature(state: LedgerState, signed: SignedCommand) -> None:
    # The codes are those of `entry.UNVERIFIED`: such an answer uses up nobody's command id.
    command = signed.command
    # Only the first entry brings its own key; later the ledger says who holds which.
    if isinstance(command.act, acts.Genesis) and state.sequence < 0:
        key, department = command.act.public_key, command.act.department
    else:
        person = state.persons.get(command.person)
        if person is None:
            raise No("unknown-person", f"nobody registered {command.person!r}")
        key, department = person.public_key, person.department
    if department != command.department:
        raise No("wrong-department", f"{command.person} does not act for {command.department}")
    if not signed.is_signed_by(key):
        raise No("bad-signature", f"the signature is not {command.person}'s")


_RULES: Mapping[type, Callable[[LedgerState, Command], str]] = {
    acts.Genesis: operating_rules.genesis,
    acts.RegisterDepartment: operating_rules.register_department,
    acts.RegisterPerson: operating_rules.register_person,
    acts.PublishEntry: sharing_rules.publish_entry,
    acts.Request: sharing_rules.request,
    acts.Approve: sharing_rules.answer,
    acts.Refuse: sharing_rules.answer,
    acts.Revoke: sharing_rules.revoke,
    acts.ReportProvisioned: operating_rules.report_provisioned,
    acts.ReportCut: operating_rules.report_cut,
    acts.RotateCredential: operating_rules.rotate_credential,
    acts.ReportCredential: operating_rules.report_credential,
    acts.ResetOffsets: operating_rules.reset_offsets,
    acts.ReportReset: operating_rules.report_reset,
    acts.ReportFilled: operating_rules.report_filled,
}
