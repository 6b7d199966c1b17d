"""What the ledger's entries add up to: departments, people, catalogue, requests, grants.

`LedgerState.apply` folds one entry; it trusts that `validation.decide` judged it, and every reader
of the ledger calls both. The objects are read models: whoever holds a state may read it, only
`apply` changes it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.catalogue import Contract, parse_contract
from schemas.ledger import acts
from schemas.ledger.entry import NO_ENTRY, Entry
from schemas.ledger.published import Resource as Resource
from schemas.ledger.published import Version
from schemas.ledger.signing import SignedCommand
from schemas.ledger.subjects import (
    Credential,
    CredentialStatus,
    Department,
    Grant,
    GrantStatus,
    Person,
    RequestCase,
    RequestStatus,
    Reset,
    View,
)
from schemas.policy import Match, Policy, RowFilter, parse_policy
from schemas.starting_point import read_start


@dataclass(slots=True)
class LedgerState:
    """All that follows from the entries up to `sequence` (-1: none)."""

    sequence: int = -1
    head: bytes = NO_ENTRY
    departments: dict[str, Department] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    requests: dict[str, RequestCase] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    resets: dict[str, Reset] = field(default_factory=dict)
    answered: dict[tuple[str, uuid.UUID], Entry] = field(default_factory=dict)
    """By person and command id: an id is its person's, and nobody else can use it up."""
    unverified: dict[SignedCommand, Entry] = field(default_factory=dict)
    """Refusals of what nobody is known to have sent; each stands for exactly that command."""
    operator: str = ""

    def live_views(self, resource: str) -> Iterator[View]:
        """Yield the views of a resource that enforcement has to keep."""
        return (view for view in self.views.values() if view.policy.resource == resource)

    def answer_to(self, signed: SignedCommand) -> Entry | None:
        """Return the entry behind which this command has no effect any more, or None.

        It answers this very command, or an earlier one of the same person and id.
        """
        command = signed.command
        known = self.answered.get((command.person, command.command_id))
        return known or self.unverified.get(signed)

    def apply(self, entry: Entry) -> None:
        """Fold one valid entry; a refusal only counts as answered."""
        self.pass_over(entry)
        if entry.is_verified:
            command = entry.signed.command
            self.answered[command.person, command.command_id] = entry
        else:
            self.unverified[entry.signed] = entry
        if entry.refusal is None:
            _FOLDS[type(entry.act)](self, entry, entry.act)

    def pass_over(self, entry: Entry) -> None:
        """Go on behind an entry without any other effect."""
        self.sequence = entry.sequence
        self.head = entry.hash


def _genesis(state: LedgerState, entry: Entry, act: acts.Genesis) -> None:
    state.operator = act.department
    state.departments[act.department] = Department(
        act.department, act.department_name, "agency", ready=True
    )
    for person, name, key in (
        (act.person, act.person_name, act.public_key),
        (PROVISIONING, "provisioning", act.provisioning_key),
    ):
        state.persons[person] = Person(person, act.department, name, key)


def _register_department(state: LedgerState, entry: Entry, act: acts.RegisterDepartment) -> None:
    state.departments[act.department] = Department(act.department, act.name, act.kind)


def _register_person(state: LedgerState, entry: Entry, act: acts.RegisterPerson) -> None:
    state.persons[act.person] = Person(act.person, act.department, act.name, act.public_key)


def _publish_entry(state: LedgerState, entry: Entry, act: acts.PublishEntry) -> None:
    contract, schema = parse_contract(json.loads(act.contract)), json.loads(act.schema)
    known = state.resources.get(act.resource)
    if known is None:
        state.resources[act.resource] = Resource(
            lead=entry.signed.command.department,
            sources=sources_rows(act.sources, contract.key),
            versions=(Version(1, contract, schema),),
        )
    else:
        known.versions += (Version(len(known.versions) + 1, contract, schema),)


def _request(state: LedgerState, entry: Entry, act: acts.Request) -> None:
    policy = parse_policy(act.policy)
    command = entry.signed.command
    case = RequestCase(
        id=f"r{entry.sequence}",
        subscriber=command.department,
        person=command.person,
        policy=policy,
        purpose=act.purpose,
        asked_at=entry.at,
        amends=act.amends,
    )
    state.requests[case.id] = case
    if not needs_approval(state.resources[policy.resource].contract, policy):
        _grant(state, entry, case, "")


def _approve(state: LedgerState, entry: Entry, act: acts.Approve) -> None:
    _grant(state, entry, state.requests[act.request], act.conditions, act.until)


def _refuse(state: LedgerState, entry: Entry, act: acts.Refuse) -> None:
    case = state.requests[act.request]
    case.status, case.answer = RequestStatus.REFUSED, act.reason


def _revoke(state: LedgerState, entry: Entry, act: acts.Revoke) -> None:
    grant = state.grants[act.grant]
    grant.status, grant.reason = GrantStatus.REVOKED, act.reason
    _leave(state, grant.view)


def _leave(state: LedgerState, view: str) -> None:
    # A grant that is being provisioned is going to read the view: it goes on without a gap.
    if not any(other.is_open and other.view == view for other in state.grants.values()):
        state.views.pop(view, None)


def _report_provisioned(state: LedgerState, entry: Entry, act: acts.ReportProvisioned) -> None:
    if act.kind == "department":
        state.departments[act.id].ready = True
    elif act.kind == "resource":
        resource = state.resources[act.id.partition("/")[0]]
        *earlier, last = resource.versions
        resource.versions = (*earlier, replace(last, schema_id=act.schema_id, ready=True))
    else:
        grant = state.grants[act.id]
        grant.status, grant.active_sequence = GrantStatus.ACTIVE, entry.sequence
        partitions = view_partitions(state.resources[grant.resource].contract, grant.policy)
        view = View(grant.view, grant.policy, partitions, act.schema_id, entry.sequence)
        state.views.setdefault(grant.view, view)


def _report_cut(state: LedgerState, entry: Entry, act: acts.ReportCut) -> None:
    grant = state.grants[act.grant]
    if grant.is_open:
        grant.reason = f"amended by {grant.amended_by}" if grant.amended_by else "its term is over"
    grant.status = GrantStatus.ENDED
    grant.cut_sequence, grant.cut_at = entry.sequence, entry.at
    grant.end_offsets = act.end_offsets
    _leave(state, grant.view)


def _report_filled(state: LedgerState, entry: Entry, act: acts.ReportFilled) -> None:
    grant = state.grants[act.grant]
    grant.filled = True
    if grant.amends is None:
        return
    amended, until = state.grants[grant.amends.grant], _after(entry, grant.amends.overlap_s)
    if amended.is_open and not amended.amended_by:
        amended.amended_by = grant.id
        amended.until = min(until, amended.until or until)


def _after(entry: Entry, seconds: int) -> datetime:
    return entry.at + timedelta(seconds=seconds)


def _rotate_credential(state: LedgerState, entry: Entry, act: acts.RotateCredential) -> None:
    credentials = state.grants[act.grant].credentials
    credentials[-1].ends_at = _after(entry, act.overlap_s)
    credentials.append(Credential(credentials[-1].version + 1))


def _report_credential(state: LedgerState, entry: Entry, act: acts.ReportCredential) -> None:
    credential = state.grants[act.grant].credentials[act.version - 1]
    credential.status = CredentialStatus(act.status)


def _reset_offsets(state: LedgerState, entry: Entry, act: acts.ResetOffsets) -> None:
    known = f"o{entry.sequence}"
    state.resets[known] = Reset(known, act.grant, act.group, read_start(act.to))


def _report_reset(state: LedgerState, entry: Entry, act: acts.ReportReset) -> None:
    reset = state.resets[act.reset]
    reset.done, reset.offsets = True, act.offsets


def _grant(
    state: LedgerState,
    entry: Entry,
    case: RequestCase,
    conditions: str,
    until: datetime | None = None,
) -> None:
    case.status, case.answer, case.grant = RequestStatus.APPROVED, conditions, f"g{entry.sequence}"
    state.grants[case.grant] = Grant(
        id=case.grant,
        request=case.id,
        subscriber=case.subscriber,
        policy=case.policy,
        purpose=case.purpose,
        conditions=conditions,
        granted_at=entry.at,
        until=until,
        amends=case.amends,
    )


def sources_rows(sources: Iterable[acts.Source], key_item: str) -> dict[str, RowFilter | None]:
    """Return the rows of each source department; raises like `source_rows`."""
    return {each.department: source_rows(each, key_item) for each in sources}


def source_rows(source: acts.Source, key_item: str) -> RowFilter | None:
    """Return the rows that a source answers for, in their canonical form; None for all.

    Raises:
        InvalidPolicy: the values are none, or one of them is empty.
    """
    rows = source.rows
    return None if rows is None else RowFilter(key_item, Match(rows.match), rows.values)


def view_partitions(contract: Contract, policy: Policy) -> int:
    """Return a view's partition count: the source's, or 1 where rows are limited."""
    return 1 if policy.rows else contract.partitions


def needs_approval(contract: Contract, policy: Policy) -> bool:
    """Tell whether a policy tells anything of an item that is not unconditional (R9, R12.1).

    A masked item still tells something, and so do a key's pseudonym and whether a row is let
    through.
    """
    told = (contract.key, *policy.top_items, *policy.row_items)
    return any(contract.item(name).share != "unconditional" for name in told)


PROVISIONING = "provisioning"
"""Id under which the provisioning process acts."""

_FOLDS: Mapping[type, Any] = {
    acts.Genesis: _genesis,
    acts.RegisterDepartment: _register_department,
    acts.RegisterPerson: _register_person,
    acts.PublishEntry: _publish_entry,
    acts.Request: _request,
    acts.Approve: _approve,
    acts.Refuse: _refuse,
    acts.Revoke: _revoke,
    acts.ReportProvisioned: _report_provisioned,
    acts.ReportCut: _report_cut,
    acts.RotateCredential: _rotate_credential,
    acts.ReportCredential: _report_credential,
    acts.ResetOffsets: _reset_offsets,
    acts.ReportReset: _report_reset,
    acts.ReportFilled: _report_filled,
}
