"""What the broker has to hold: topics, users with their quotas, permissions; pure.

One declaration for all who make it so or compare with it: the first furnishing, provisioning and
`sharebus drift`. What the bus itself needs is constant; the rest follows from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from infra.kafka import access_control, quotas, topics
from infra.kafka.access_control import Permission
from infra.kafka.process_permissions import PROCESS_PERMISSIONS
from infra.kafka.quotas import NO_QUOTA, Quota
from infra.kafka.topics import Topic
from schemas import names
from schemas.ledger.published import Resource
from schemas.ledger.state import LedgerState, view_partitions
from schemas.ledger.subjects import (
    Credential,
    CredentialStatus,
    Grant,
    GrantStatus,
)


@dataclass(frozen=True, slots=True)
class Desired:
    """A part of what the broker has to hold.

    Attributes:
        topics: by name.
        users: principals and their quotas.
        permissions: what they may do.
    """

    topics: Mapping[str, Topic] = field(default_factory=dict)
    users: Mapping[str, Quota] = field(default_factory=dict)
    permissions: frozenset[Permission] = frozenset()

    def __or__(self, other: Desired) -> Desired:
        return Desired(
            {**self.topics, **other.topics},
            {**self.users, **other.users},
            self.permissions | other.permissions,
        )

    def __and__(self, other: Desired) -> Desired:
        return Desired(
            {name: topic for name, topic in self.topics.items() if name in other.topics},
            {name: quota for name, quota in self.users.items() if name in other.users},
            self.permissions & other.permissions,
        )


def of_department(department: str) -> Desired:
    """A department: where it sends commands, its user, what it may do (R4)."""
    return Desired(
        _named([topics.commands(department)]),
        {names.department_principal(department): quotas.OF_DEPARTMENT},
        frozenset(access_control.of_department(department)),
    )


def of_resource(entry: Resource) -> Desired:
    """A catalogue entry: its topics, and what its sources may do with them."""
    resource = entry.contract.resource
    sources = (access_control.of_source(source, resource) for source in entry.sources)
    return Desired(
        _named(topics.of_resource(resource, entry.sources, entry.contract.partitions)),
        permissions=frozenset(permission for several in sources for permission in several),
    )


def of_view(entry: Resource, grant: Grant) -> Desired:
    """The topic of a grant's view."""
    return Desired(
        _named([topics.of_view(grant.view, view_partitions(entry.contract, grant.policy))])
    )


def of_credential(grant: Grant, version: int) -> Desired:
    """One version of a grant's credential: its user, and what that may do."""
    return Desired(
        users={names.grant_principal(grant.id, version): quotas.OF_GRANT},
        permissions=frozenset(access_control.of_grant(grant.id, grant.view, version)),
    )


def of_grant(entry: Resource, grant: Grant, credentials: Iterable[Credential]) -> Desired:
    """A grant: its view, and some of its credentials."""
    held = (of_credential(grant, each.version) for each in credentials)
    return _joined([of_view(entry, grant), *held])


def must_be(state: LedgerState, now: datetime) -> Desired:
    """Return what has to be there: all that was reported as provisioned and has not ended.

    Args:
        state: of the ledger.
        now: a rotated credential whose end has come is in provisioning's hands.
    """
    departments = (of_department(d.id) for d in state.departments.values() if d.ready)
    resources = (of_resource(r) for r in state.resources.values() if r.ready)
    active = (g for g in state.grants.values() if g.status is GrantStatus.ACTIVE)
    grants = (
        of_grant(state.resources[g.resource], g, (c for c in g.credentials if _works(c, now)))
        for g in active
    )
    return _joined((OF_BUS, *departments, *resources, *grants))


def may_be(state: LedgerState) -> Desired:
    """Return all that may be there: also what is being made or taken away, and views that ended."""
    departments = (of_department(d.id) for d in state.departments.values())
    resources = (of_resource(r) for r in state.resources.values())
    grants = (
        of_view(state.resources[g.resource], g)
        if g.status is GrantStatus.ENDED
        else of_grant(
            state.resources[g.resource],
            g,
            (c for c in g.credentials if c.status is not CredentialStatus.DROPPED),
        )
        for g in state.grants.values()
    )
    return _joined((OF_BUS, *departments, *resources, *grants))


def _works(credential: Credential, now: datetime) -> bool:
    ended = credential.ends_at is not None and credential.ends_at <= now
    return credential.status is CredentialStatus.WORKING and not ended


def _named(several: Iterable[Topic]) -> dict[str, Topic]:
    return {topic.name: topic for topic in several}


def _joined(parts: Iterable[Desired]) -> Desired:
    whole_topics: dict[str, Topic] = {}
    users: dict[str, Quota] = {}
    permissions: set[Permission] = set()
    for part in parts:
        whole_topics |= part.topics
        users |= part.users
        permissions |= part.permissions
    return Desired(whole_topics, users, frozenset(permissions))


OF_BUS: Final = Desired(
    {topic.name: topic for topic in topics.BUS_TOPICS},
    dict.fromkeys(PROCESS_PERMISSIONS, NO_QUOTA),
    frozenset(p for several in PROCESS_PERMISSIONS.values() for p in several),
) | of_department(names.OPERATOR)
"""What the bus needs before there is a ledger."""
