"""What the ledger's rules share: how they say no, and who somebody is to a grant or resource."""

from __future__ import annotations

from typing import Final, TypeVar

from schemas.errors import Refused
from schemas.ledger.published import Resource
from schemas.ledger.signing import Command
from schemas.ledger.state import PROVISIONING, LedgerState
from schemas.ledger.subjects import Grant, GrantStatus

A = TypeVar("A")
MAX_OVERLAP_S: Final = 90 * 86_400
"""How long two credentials of a grant, or a grant and the one that amends it, work at most."""


class No(Refused):
    """A rule says no, with a code for machines and a reason for people."""

    def __init__(self, code: str, reason: str) -> None:
        self.verdict_code = code
        super().__init__(reason)


def operator_only(state: LedgerState, command: Command) -> None:
    """Refuse whoever is not of the operator."""
    if command.department != state.operator:
        raise No("not-the-operator", "only the platform operator registers")


def provisioning_only(state: LedgerState, command: Command) -> None:
    """Refuse whoever is not the provisioning process."""
    if command.person != PROVISIONING:
        raise No("not-provisioning", "only the provisioning process reports")


def provides(resource: Resource, department: str) -> bool:
    """Tell whether a department is lead or source of a resource."""
    return department == resource.lead or department in resource.sources


def party(state: LedgerState, grant: Grant, command: Command, *, provider: bool) -> str:
    """Return in which role a department acts on a grant; refuse whoever has none."""
    if grant.subscriber == command.department:
        return "subscriber"
    if provider and provides(state.resources[grant.resource], command.department):
        return "provider"
    if command.department == state.operator:
        return "operator"
    raise No("not-a-party", f"{command.department} is no party of {grant.id}")


def active_grant(state: LedgerState, name: str) -> Grant:
    """Return the grant of that name; refuse where it is none, or not active."""
    grant = state.grants.get(name)
    if grant is None:
        raise No("unknown-grant", f"there is no grant {name}")
    if grant.status is not GrantStatus.ACTIVE:
        raise No("not-active", f"{name} is {grant.status}")
    return grant


def check_overlap(seconds: int) -> None:
    """Refuse an overlap that is none, or too long."""
    if not 0 <= seconds <= MAX_OVERLAP_S:
        raise No("bad-overlap", f"an overlap is between 0 s and {MAX_OVERLAP_S} s")


def the(command: Command, kind: type[A]) -> A:
    """Return the act as the kind by which its rule was found."""
    assert isinstance(command.act, kind)
    return command.act
