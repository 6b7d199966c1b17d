"""Who may do what: decides, from the state alone, whether a command takes effect.

The ledger process decides before it appends; every follower decides again, so that an illegal
entry has no effect anywhere. A refusal carries a code for machines and a reason for people; it is
appended like any other answer (R12.2: a refusal states its reason).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from schemas.catalogue import ShareType, check_schema, parse_contract
from schemas.errors import InvalidContract, InvalidInput, InvalidPolicy, Refused
from schemas.ledger import acts
from schemas.ledger.entry import Entry, Refusal
from schemas.ledger.signing import Command, SignedCommand
from schemas.ledger.state import (
    PROVISIONING,
    CredentialStatus,
    Grant,
    GrantStatus,
    LedgerState,
    RequestCase,
    RequestStatus,
    Resource,
    source_rows,
)
from schemas.names import check_group, check_id
from schemas.policy import Policy, RowFilter, overlap, parse_policy, view_schema
from schemas.schema_text import schema_text
from schemas.starting_point import read_start
from schemas.strict_json import read_json


@dataclass(frozen=True, slots=True)
class Verdict:
    """In which role the actor acted, and why the command has no effect (None: it has)."""

    role: str
    refusal: Refusal | None


A = TypeVar("A")
MAX_REASON: Final = 2000
"""Characters of a refusal's reason."""
MAX_SCOPE_VALUES: Final = 10_000
"""Values in the rows of all sources of an entry."""
MAX_OVERLAP_S: Final = 90 * 86_400
"""How long two credentials of a grant may work at most."""


class _No(Refused):
    def __init__(self, code: str, reason: str) -> None:
        self.verdict_code = code
        super().__init__(reason)


def decide(state: LedgerState, signed: SignedCommand) -> Verdict:
    """Judge one command against the state before it. Pure; never raises for a bad command."""
    unforeseen = "bad-signature"
    try:
        _check_signature(state, signed)
        unforeseen = "malformed"
        return Verdict(_RULES[type(signed.command.act)](state, signed.command), None)
    except _No as no:
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
            raise _No("unknown-person", f"nobody registered {command.person!r}")
        key, department = person.public_key, person.department
    if department != command.department:
        raise _No("wrong-department", f"{command.person} does not act for {command.department}")
    if not signed.is_signed_by(key):
        raise _No("bad-signature", f"the signature is not {command.person}'s")


def _genesis(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.Genesis)
    if state.sequence >= 0:
        raise _No("not-first", "the ledger has its first entry already")
    if act.person != command.person or act.person == PROVISIONING:
        raise _No("wrong-person", "the first person signs the first entry, and is a person")
    check_id(act.department, "department")
    check_id(act.person, "person")
    return "operator"


def _register_department(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.RegisterDepartment)
    _operator_only(state, command)
    check_id(act.department, "department")
    if act.department in state.departments:
        raise _No("already-registered", f"department {act.department} is registered already")
    if not act.name.strip():
        raise _No("no-name", "a department needs its name")
    if act.kind == "other_party" and not act.basis.strip():
        raise _No("no-basis", "a party that is no department needs a cited basis (R2)")
    return "operator"


def _register_person(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.RegisterPerson)
    _operator_only(state, command)
    check_id(act.person, "person")
    if act.person in state.persons:
        raise _No("already-registered", f"person {act.person} is registered already")
    if act.department not in state.departments:
        raise _No("unknown-department", f"nobody registered the department {act.department}")
    return "operator"


def _publish_entry(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.PublishEntry)
    contract = parse_contract(_json(act.contract, "contract"), where=act.resource)
    schema = _json(act.schema, "schema")
    if not isinstance(schema, dict):
        raise _No("invalid-contract", "the schema is no Avro record")
    check_schema(contract, schema, where=act.resource)
    if contract.resource != act.resource:
        raise _No("invalid-contract", f"the contract is of {contract.resource}")
    if act.resource in state.resources:
        raise _No("already-published", f"{act.resource} is published already")
    if not act.sources:
        raise _No("no-source", "an entry names at least one source department (R10.2)")
    _check_sources(state, act.sources, contract.key)
    return "provider"


def _check_sources(state: LedgerState, sources: Sequence[acts.Source], key_item: str) -> None:
    """R5.3: one datum has one source, so that nobody has to ask which of two is right."""
    scopes: dict[str, RowFilter] = {}
    if sum(len(each.rows.values) for each in sources if each.rows) > MAX_SCOPE_VALUES:
        raise _No("too-many-rows", f"the sources' rows have more than {MAX_SCOPE_VALUES} values")
    for source in sources:
        department = source.department
        if department not in state.departments:
            raise _No("unknown-department", f"nobody registered the department {department}")
        if department in scopes:
            raise _No("source-twice", f"{department} is named as a source twice")
        try:
            rows = source_rows(source, key_item)
        except InvalidPolicy as error:
            raise _No("invalid-scope", f"the rows of {department}: {error.problem}") from error
        if rows is not None:
            scopes[department] = rows
        elif len(sources) > 1:
            raise _No("no-scope", f"{department} is not the only source, so it needs its rows")
    both = overlap(scopes)
    if both is not None:
        raise _No("scopes-overlap", f"some rows belong to {both[0]} and to {both[1]} (R5.3)")


def _request(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.Request)
    policy = parse_policy(act.policy)
    resource = _resource(state, policy)
    view = view_schema(policy, resource.schema, key_item=resource.contract.key)
    closed = set(resource.contract.shared(ShareType.NOT_SHARED)) & set(policy.items)
    if closed:
        raise _No("not-shared", f"{', '.join(sorted(closed))} is not shared (R10.1)")
    if not act.purpose.matter.strip() or not act.purpose.legal_basis.strip():
        raise _No("no-purpose", "a request states the matter it serves and its legal basis (R5.2)")
    _check_registrable(view, policy)
    twin = (command.department, policy, act.purpose)
    for case in state.requests.values():
        if (case.subscriber, case.policy, case.purpose) == twin and _is_open(state, case):
            raise _No("already-requested", f"{case.id} asks for the same and is open or granted")
    return "subscriber"


def _answer(state: LedgerState, command: Command) -> str:
    act = command.act
    assert isinstance(act, acts.Approve | acts.Refuse)
    case = state.requests.get(act.request)
    if case is None:
        raise _No("unknown-request", f"there is no request {act.request}")
    if case.status is not RequestStatus.PENDING:
        raise _No("already-answered", f"{act.request} is {case.status} already")
    if not _provides(state.resources[case.policy.resource], command.department):
        what = case.policy.resource
        raise _No("not-the-provider", f"{command.department} does not provide {what}")
    if case.person == command.person:
        raise _No("own-request", "whoever asks does not answer")
    if isinstance(act, acts.Refuse) and not act.reason.strip():
        raise _No("no-reason", "a refusal states its reason (R12.2)")
    return "provider"


def _revoke(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.Revoke)
    grant = state.grants.get(act.grant)
    if grant is None:
        raise _No("unknown-grant", f"there is no grant {act.grant}")
    if grant.status not in (GrantStatus.GRANTED, GrantStatus.ACTIVE):
        raise _No("already-revoked", f"{act.grant} is {grant.status} already")
    if not act.reason.strip():
        raise _No("no-reason", "a revocation states its reason")
    if _provides(state.resources[grant.resource], command.department):
        return "provider"
    if grant.subscriber == command.department:
        return "subscriber"
    raise _No("not-a-party", f"{command.department} neither provides nor uses {act.grant}")


def _report_provisioned(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.ReportProvisioned)
    _provisioning_only(state, command)
    waiting: Mapping[str, bool] = {
        "department": act.id in state.departments and not state.departments[act.id].ready,
        "resource": act.id in state.resources and not state.resources[act.id].ready,
        "grant": act.id in state.grants and state.grants[act.id].status is GrantStatus.GRANTED,
    }
    if not waiting[act.kind]:
        raise _No("not-waiting", f"{act.kind} {act.id} does not wait for provisioning")
    return "process"


def _report_cut(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.ReportCut)
    _provisioning_only(state, command)
    grant = state.grants.get(act.grant)
    if grant is None or grant.status is not GrantStatus.REVOKED:
        raise _No("not-waiting", f"grant {act.grant} does not wait for its cut")
    return "process"


def _rotate_credential(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.RotateCredential)
    grant = _active_grant(state, act.grant)
    if not 0 <= act.overlap_s <= MAX_OVERLAP_S:
        raise _No("bad-overlap", f"an overlap is between 0 s and {MAX_OVERLAP_S} s")
    live = [c for c in grant.credentials if c.status is not CredentialStatus.DROPPED]
    if len(live) > 1:
        raise _No("rotation-under-way", f"{act.grant} has two credentials until the old one ends")
    return _party(state, grant, command, provider=True)


def _report_credential(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.ReportCredential)
    _provisioning_only(state, command)
    grant = _active_grant(state, act.grant)
    waits = CredentialStatus.WAITING if act.status == "working" else CredentialStatus.WORKING
    known = {c.version: c for c in grant.credentials if c.status is waits}
    credential = known.get(act.version)
    if credential is None or (act.status == "dropped" and credential.ends_at is None):
        raise _No("not-waiting", f"version {act.version} of {act.grant} does not wait for it")
    return "process"


def _reset_offsets(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.ResetOffsets)
    grant = _active_grant(state, act.grant)
    check_group(act.group)
    read_start(act.to)
    twins = [r for r in state.resets.values() if (r.grant, r.group) == (act.grant, act.group)]
    if not all(reset.done for reset in twins):
        raise _No("reset-under-way", f"{act.group} of {act.grant} is being set already")
    return _party(state, grant, command, provider=False)


def _report_reset(state: LedgerState, command: Command) -> str:
    act = _as(command, acts.ReportReset)
    _provisioning_only(state, command)
    reset = state.resets.get(act.reset)
    if reset is None or reset.done:
        raise _No("not-waiting", f"reset {act.reset} does not wait for a report")
    return "process"


def _active_grant(state: LedgerState, name: str) -> Grant:
    grant = state.grants.get(name)
    if grant is None:
        raise _No("unknown-grant", f"there is no grant {name}")
    if grant.status is not GrantStatus.ACTIVE:
        raise _No("not-active", f"{name} is {grant.status}")
    return grant


def _party(state: LedgerState, grant: Grant, command: Command, *, provider: bool) -> str:
    if grant.subscriber == command.department:
        return "subscriber"
    if provider and _provides(state.resources[grant.resource], command.department):
        return "provider"
    if command.department == state.operator:
        return "operator"
    raise _No("not-a-party", f"{command.department} is no party of {grant.id}")


def _operator_only(state: LedgerState, command: Command) -> None:
    if command.department != state.operator:
        raise _No("not-the-operator", "only the platform operator registers")


def _provisioning_only(state: LedgerState, command: Command) -> None:
    if command.person != PROVISIONING:
        raise _No("not-provisioning", "only the provisioning process reports")


def _provides(resource: Resource, department: str) -> bool:
    return department == resource.lead or department in resource.sources


def _is_open(state: LedgerState, case: RequestCase) -> bool:
    if case.status is RequestStatus.PENDING:
        return True
    live = (GrantStatus.GRANTED, GrantStatus.ACTIVE)
    return case.status is RequestStatus.APPROVED and state.grants[case.grant].status in live


def _resource(state: LedgerState, policy: Policy) -> Resource:
    resource = state.resources.get(policy.resource)
    if resource is None:
        raise _No("unknown-resource", f"nobody published {policy.resource}")
    if not resource.ready:
        raise _No("not-ready", f"{policy.resource} is still being provisioned; try again")
    return resource


def _check_registrable(view: Mapping[str, object], policy: Policy) -> None:
    # A type is defined where it is used first, which in a view may be deeper than in its source.
    try:
        schema_text(view)
    except InvalidInput as error:
        raise InvalidPolicy(error.problem, where=policy.resource) from error


def _json(text: str, what: str) -> Any:
    try:
        return read_json(text)
    except InvalidInput as error:
        raise InvalidContract(error.problem, where=what, remedy=error.remedy) from error


def _as(command: Command, kind: type[A]) -> A:
    assert isinstance(command.act, kind)
    return command.act


_RULES: Mapping[type, Callable[[LedgerState, Command], str]] = {
    acts.Genesis: _genesis,
    acts.RegisterDepartment: _register_department,
    acts.RegisterPerson: _register_person,
    acts.PublishEntry: _publish_entry,
    acts.Request: _request,
    acts.Approve: _answer,
    acts.Refuse: _answer,
    acts.Revoke: _revoke,
    acts.ReportProvisioned: _report_provisioned,
    acts.ReportCut: _report_cut,
    acts.RotateCredential: _rotate_credential,
    acts.ReportCredential: _report_credential,
    acts.ResetOffsets: _reset_offsets,
    acts.ReportReset: _report_reset,
}
