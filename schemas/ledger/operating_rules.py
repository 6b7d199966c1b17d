"""Rules of joining and operating: departments, people, credentials, offsets, reports (R4, R23)."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.ledger import acts
from schemas.ledger.published import version_id
from schemas.ledger.ruling import (
    No,
    active_grant,
    check_overlap,
    operator_only,
    party,
    provisioning_only,
    the,
)
from schemas.ledger.signing import Command
from schemas.ledger.state import PROVISIONING, LedgerState
from schemas.ledger.subjects import CredentialStatus, GrantStatus
from schemas.names import check_group, check_id
from schemas.starting_point import read_start


def genesis(state: LedgerState, command: Command) -> str:
    """The first person signs the first entry, which brings its own key."""
    act = the(command, acts.Genesis)
    if state.sequence >= 0:
        raise No("not-first", "the ledger has its first entry already")
    if act.person != command.person or act.person == PROVISIONING:
        raise No("wrong-person", "the first person signs the first entry, and is a person")
    check_id(act.department, "department")
    check_id(act.person, "person")
    return "operator"


def register_department(state: LedgerState, command: Command) -> str:
    """The operator registers departments, and other parties with their basis (R2, R4)."""
    act = the(command, acts.RegisterDepartment)
    operator_only(state, command)
    check_id(act.department, "department")
    if act.department in state.departments:
        raise No("already-registered", f"department {act.department} is registered already")
    if not act.name.strip():
        raise No("no-name", "a department needs its name")
    if act.kind == "other_party" and not act.basis.strip():
        raise No("no-basis", "a party that is no department needs a cited basis (R2)")
    return "operator"


def register_person(state: LedgerState, command: Command) -> str:
    """The operator registers people of a registered department (R23)."""
    act = the(command, acts.RegisterPerson)
    operator_only(state, command)
    check_id(act.person, "person")
    if act.person in state.persons:
        raise No("already-registered", f"person {act.person} is registered already")
    if act.department not in state.departments:
        raise No("unknown-department", f"nobody registered the department {act.department}")
    return "operator"


def rotate_credential(state: LedgerState, command: Command) -> str:
    """A party to a grant, or the operator, asks for a new credential; two live at most."""
    act = the(command, acts.RotateCredential)
    grant = active_grant(state, act.grant)
    check_overlap(act.overlap_s)
    live = [c for c in grant.credentials if c.status is not CredentialStatus.DROPPED]
    if len(live) > 1:
        raise No("rotation-under-way", f"{act.grant} has two credentials until the old one ends")
    return party(state, grant, command, provider=True)


def reset_offsets(state: LedgerState, command: Command) -> str:
    """The subscriber, or the operator, sets where a group of a grant reads on."""
    act = the(command, acts.ResetOffsets)
    grant = active_grant(state, act.grant)
    check_group(act.group)
    read_start(act.to)
    twins = [r for r in state.resets.values() if (r.grant, r.group) == (act.grant, act.group)]
    if not all(reset.done for reset in twins):
        raise No("reset-under-way", f"{act.group} of {act.grant} is being set already")
    return party(state, grant, command, provider=False)


def report_provisioned(state: LedgerState, command: Command) -> str:
    """Provisioning reports what waits for it, and nothing else."""
    act = the(command, acts.ReportProvisioned)
    provisioning_only(state, command)
    waiting: Mapping[str, bool] = {
        "department": act.id in state.departments and not state.departments[act.id].ready,
        "resource": _version_waits(state, act.id),
        "grant": act.id in state.grants and state.grants[act.id].status is GrantStatus.GRANTED,
    }
    if not waiting[act.kind]:
        raise No("not-waiting", f"{act.kind} {act.id} does not wait for provisioning")
    return "process"


def _version_waits(state: LedgerState, reported: str) -> bool:
    name, _, _ = reported.partition("/")
    waiting = state.resources[name].waiting if name in state.resources else None
    return waiting is not None and reported == version_id(name, waiting.number)


def report_cut(state: LedgerState, command: Command) -> str:
    """Provisioning reports the cut of a grant that was revoked, or whose term is over."""
    act = the(command, acts.ReportCut)
    provisioning_only(state, command)
    grant = state.grants.get(act.grant)
    if grant is None or not (
        grant.status is GrantStatus.REVOKED or grant.is_over(command.issued_at)
    ):
        raise No("not-waiting", f"grant {act.grant} does not wait for its cut")
    return "process"


def report_filled(state: LedgerState, command: Command) -> str:
    """Provisioning reports that an amending grant's view holds the present state."""
    act = the(command, acts.ReportFilled)
    provisioning_only(state, command)
    if active_grant(state, act.grant).waits_to_take_over:
        return "process"
    raise No("not-waiting", f"grant {act.grant} does not wait for its view")


def report_credential(state: LedgerState, command: Command) -> str:
    """Provisioning reports that a credential works, or is gone."""
    act = the(command, acts.ReportCredential)
    provisioning_only(state, command)
    grant = active_grant(state, act.grant)
    waits = CredentialStatus.WAITING if act.status == "working" else CredentialStatus.WORKING
    known = {c.version: c for c in grant.credentials if c.status is waits}
    credential = known.get(act.version)
    if credential is None or (act.status == "dropped" and credential.ends_at is None):
        raise No("not-waiting", f"version {act.version} of {act.grant} does not wait for it")
    return "process"


def report_reset(state: LedgerState, command: Command) -> str:
    """Provisioning reports where a group stands now."""
    act = the(command, acts.ReportReset)
    provisioning_only(state, command)
    reset = state.resets.get(act.reset)
    if reset is None or reset.done:
        raise No("not-waiting", f"reset {act.reset} does not wait for a report")
    return "process"
