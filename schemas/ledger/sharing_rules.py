"""Rules of sharing: who may publish an entry, ask, answer, revoke (R5.2, R7, R10, R12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.catalogue import Contract, ShareType, check_schema, parse_contract
from schemas.errors import InvalidContract, InvalidInput, InvalidPolicy
from schemas.ledger import acts
from schemas.ledger.published import Resource
from schemas.ledger.ruling import (
    No,
    check_overlap,
    provides,
    the,
)
from schemas.ledger.signing import Command
from schemas.ledger.state import (
    LedgerState,
    source_rows,
    sources_rows,
)
from schemas.ledger.subjects import (
    RequestCase,
    RequestStatus,
)
from schemas.policy import Policy, RowFilter, overlap, parse_policy, view_schema
from schemas.policy.condition_reading import settled
from schemas.policy.schema_reading import read_record
from schemas.schema_text import schema_text
from schemas.strict_json import read_json

MAX_SCOPE_VALUES: Final = 10_000
"""Values in the rows of all sources of an entry."""


def publish_entry(state: LedgerState, command: Command) -> str:
    """The provider that an entry names publishes it; its sources share no row (R5.3, R10).

    What it publishes under the same name again is the entry's next version.
    """
    act = the(command, acts.PublishEntry)
    contract = parse_contract(_json(act.contract, "contract"), where=act.resource)
    schema = _json(act.schema, "schema")
    if not isinstance(schema, dict):
        raise No("invalid-contract", "the schema is no Avro record")
    if contract.resource != act.resource:
        raise No("invalid-contract", f"the contract is of {contract.resource}")
    known = state.resources.get(act.resource)
    if known is not None:
        _check_next(known, command.department, contract, schema)
    else:
        _check_provider(state, contract, command.department)
    earlier = {each.number: each.schema for each in known.versions} if known else {}
    check_schema(contract, schema, where=act.resource, earlier=earlier)
    if not act.sources:
        raise No("no-source", "an entry names at least one source department (R10.2)")
    _check_sources(state, act.sources, contract.key)
    if known is not None and sources_rows(act.sources, contract.key) != known.sources:
        raise No("sources-changed", f"{act.resource} keeps its sources and their rows")
    return "provider"


def _check_next(
    known: Resource, department: str, contract: Contract, schema: Mapping[str, Any]
) -> None:
    """Refuse what can't be an entry's next version, whatever its schema."""
    name, last = contract.resource, known.versions[-1]
    if (contract.document, schema) == (last.contract.document, last.schema):
        said = f"{name} is published already, as version {last.number}"
        raise No("already-published", f"{said}; its sources and their rows stay as they are")
    if department != known.lead:
        raise No("not-the-lead", f"{known.lead} leads {name} and publishes its versions (R10)")
    if known.waiting is not None:
        raise No("not-ready", f"version {last.number} of {name} is still being provisioned")
    if contract.key != last.contract.key:
        raise No("key-changed", f"the key item of {name} stays {last.contract.key}")
    if contract.partitions != last.contract.partitions:
        raise No("partitions-changed", f"{name} keeps its {last.contract.partitions} partitions")


def _check_provider(state: LedgerState, contract: Contract, department: str) -> None:
    """R10.2: whoever publishes an entry leads it for good, so it can't be another's.

    An entry names its provider in words. Where nobody joined under that name, anybody may publish
    it: the ledger can't tell who is meant.
    """
    named = [each.id for each in state.departments.values() if each.name == contract.provider]
    if named and department not in named:
        raise No(
            "not-the-provider",
            f"{contract.resource} names {contract.provider} as its provider, which is "
            f"{', '.join(named)}, not {department}",
        )


def _check_sources(state: LedgerState, sources: Sequence[acts.Source], key_item: str) -> None:
    """R5.3: one datum has one source, so that nobody has to ask which of two is right."""
    scopes: dict[str, RowFilter] = {}
    if sum(len(each.rows.values) for each in sources if each.rows) > MAX_SCOPE_VALUES:
        raise No("too-many-rows", f"the sources' rows have more than {MAX_SCOPE_VALUES} values")
    for source in sources:
        department = source.department
        if department not in state.departments:
            raise No("unknown-department", f"nobody registered the department {department}")
        if department in scopes:
            raise No("source-twice", f"{department} is named as a source twice")
        try:
            rows = source_rows(source, key_item)
        except InvalidPolicy as error:
            raise No("invalid-scope", f"the rows of {department}: {error.problem}") from error
        if rows is not None:
            scopes[department] = rows
        elif len(sources) > 1:
            raise No("no-scope", f"{department} is not the only source, so it needs its rows")
    both = overlap(scopes)
    if both is not None:
        raise No("scopes-overlap", f"some rows belong to {both[0]} and to {both[1]} (R5.3)")


def request(state: LedgerState, command: Command) -> str:
    """Whoever asks states a purpose, and asks for what is shared, once (R5.2, R10.1)."""
    act = the(command, acts.Request)
    policy = parse_policy(act.policy)
    resource = _resource(state, policy)
    view = view_schema(policy, resource.schema, key_item=resource.contract.key)
    _check_written(policy, resource)
    audience = policy.audience
    if audience is not None and audience.department != command.department:
        raise No("foreign-audience", "pseudonyms are made for the department that asks")
    closed = set(resource.contract.shared(ShareType.NOT_SHARED)) & {
        *policy.top_items,
        # Each record has its key, or what stands for it.
        resource.contract.key,
    }
    if closed:
        raise No("not-shared", f"{', '.join(sorted(closed))} is not shared (R10.1)")
    if not act.purpose.matter.strip() or not act.purpose.legal_basis.strip():
        raise No("no-purpose", "a request states the matter it serves and its legal basis (R5.2)")
    _check_registrable(view, policy)
    if act.amends is not None:
        _check_amended(state, command.department, policy, act.amends)
    twin = (command.department, policy, act.purpose)
    replaced = act.amends.grant if act.amends else None
    for case in state.requests.values():
        if (
            (case.subscriber, case.policy, case.purpose) == twin
            and case.grant != replaced
            and _is_open(state, case)
        ):
            raise No("already-requested", f"{case.id} asks for the same and is open or granted")
    return "subscriber"


def answer(state: LedgerState, command: Command) -> str:
    """The provider answers once, a refusal with its reason (R12.2); nobody answers themselves."""
    act = command.act
    assert isinstance(act, acts.Approve | acts.Refuse)
    case = state.requests.get(act.request)
    if case is None:
        raise No("unknown-request", f"there is no request {act.request}")
    if case.status is not RequestStatus.PENDING:
        raise No("already-answered", f"{act.request} is {case.status} already")
    if not provides(state.resources[case.policy.resource], command.department):
        what = case.policy.resource
        raise No("not-the-provider", f"{command.department} does not provide {what}")
    if case.person == command.person:
        raise No("own-request", "whoever asks does not answer")
    if isinstance(act, acts.Approve) and act.until is not None and act.until <= command.issued_at:
        raise No("past-term", f"the term's end {act.until.isoformat()} is past")
    if isinstance(act, acts.Refuse) and not act.reason.strip():
        raise No("no-reason", "a refusal states its reason (R12.2)")
    return "provider"


def revoke(state: LedgerState, command: Command) -> str:
    """A party ends a grant, and says why."""
    act = the(command, acts.Revoke)
    grant = state.grants.get(act.grant)
    if grant is None:
        raise No("unknown-grant", f"there is no grant {act.grant}")
    if not grant.is_open:
        raise No("already-revoked", f"{act.grant} is {grant.status} already")
    if not act.reason.strip():
        raise No("no-reason", "a revocation states its reason")
    if provides(state.resources[grant.resource], command.department):
        return "provider"
    if grant.subscriber == command.department:
        return "subscriber"
    raise No("not-a-party", f"{command.department} neither provides nor uses {act.grant}")


def _check_amended(
    state: LedgerState, department: str, policy: Policy, amends: acts.Amendment
) -> None:
    """A grant is replaced by one grant, which its own subscriber asked for."""
    grant = state.grants.get(amends.grant)
    if grant is None:
        raise No("unknown-grant", f"there is no grant {amends.grant}")
    if grant.subscriber != department:
        raise No("not-a-party", f"{department} does not use {grant.id}")
    if grant.resource != policy.resource:
        raise No("another-resource", f"{grant.id} is of {grant.resource}")
    if not grant.is_open:
        raise No("not-active", f"{grant.id} is {grant.status}")
    check_overlap(amends.overlap_s)
    for case in state.requests.values():
        if case.amends and case.amends.grant == grant.id and _is_open(state, case):
            raise No("already-amended", f"{case.id} asks to amend {grant.id} already")


def _is_open(state: LedgerState, case: RequestCase) -> bool:
    if case.status is RequestStatus.PENDING:
        return True
    return case.status is RequestStatus.APPROVED and state.grants[case.grant].is_open


def _resource(state: LedgerState, policy: Policy) -> Resource:
    resource = state.resources.get(policy.resource)
    if resource is None:
        raise No("unknown-resource", f"nobody published {policy.resource}")
    if not resource.ready:
        raise No("not-ready", f"{policy.resource} is still being provisioned; try again")
    return resource


def _check_registrable(view: Mapping[str, object], policy: Policy) -> None:
    # A type is defined where it is used first, which in a view may be deeper than in its source.
    try:
        schema_text(view)
    except InvalidInput as error:
        raise InvalidPolicy(error.problem, where=policy.resource) from error


def _check_written(policy: Policy, resource: Resource) -> None:
    """Refuse what means the same as another policy, which has another digest and another view."""
    if settled(policy, read_record(resource.schema)) != policy:
        raise InvalidPolicy(
            "a row filter's instant or decimal is not written in its one form",
            where="rows",
            remedy="Write instants in UTC, 2026-01-31T00:00:00Z, and no zeros that say nothing",
        )


def _json(text: str, what: str) -> Any:
    try:
        return read_json(text)
    except InvalidInput as error:
        raise InvalidContract(error.problem, where=what, remedy=error.remedy) from error
