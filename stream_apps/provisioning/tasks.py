"""What the ledger asks of broker and registry, and how it is done: each task is idempotent.

Derived things only: drop them all, and these tasks make them again from the ledger (a revocation's
steps have an order: quota, ACLs, credential, and last the quota's entry; the broker shows each done
before the next).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import AdminClient

from infra.kafka import access_control, desired, groups, topics
from infra.kafka.clients import Access, end_offsets
from infra.kafka.desired import Desired
from infra.kafka.fenced_transaction import TRANSACTION_TIMEOUT_MS
from infra.kafka.furnishing import furnish
from infra.kafka.quotas import CUT_OFF, NO_QUOTA, put_quota
from schemas import names
from schemas.clock import EPOCH, Clock
from schemas.errors import InvalidInput, Unavailable
from schemas.ledger import acts
from schemas.ledger.published import Resource, Version, version_id
from schemas.ledger.state import (
    CredentialStatus,
    Grant,
    GrantStatus,
    LedgerState,
    Reset,
    View,
)
from schemas.policy import view_schema

_LAST_TRANSACTION: Final = timedelta(milliseconds=TRANSACTION_TIMEOUT_MS) + timedelta(seconds=2)
"""How long after its cut a view may still be written to: by a transaction begun before."""


class SchemaRegistrar(Protocol):
    """The part of the registry that provisioning uses."""

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Register a schema and return its id; the same schema again gives the same id."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits: its subject's name, and how to do it; `do` returns the report."""

    subject: str
    do: Callable[[], acts.Act]


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Carries out tasks on a broker and a registry.

    Attributes:
        access: may create topics, users and ACLs.
        registry: takes schemas.
        password: gives each principal's password.
        now: gives the state as of the ledger's present end.
        clock: tells how long ago a view ended.
        brokers: that the cluster was made with.
    """

    access: Access
    registry: SchemaRegistrar
    password: Callable[[str], str]
    now: Callable[[], LedgerState]
    clock: Clock
    brokers: int = 1

    @property
    def admin(self) -> AdminClient:
        """A new client: one that saw the broker restart keeps asking with a stale leader epoch."""
        return self.access.admin()

    def pending(self, state: LedgerState) -> Iterator[Task]:
        """Yield a task for everything that waits, cuts first: they need the broker alone."""
        for grant in state.grants.values():
            if grant.status is GrantStatus.REVOKED:
                yield Task(f"cut/{grant.id}", partial(self._cut, grant))
        for department in state.departments.values():
            if not department.ready:
                yield Task(f"department/{department.id}", partial(self._department, department.id))
        for resource in state.resources.values():
            version = resource.waiting
            if version is not None:
                name = version_id(version.contract.resource, version.number)
                yield Task(f"resource/{name}", partial(self._version, resource, version))
        for grant in state.grants.values():
            if grant.status is GrantStatus.GRANTED:
                entry, live = state.resources[grant.resource], state.views.get(grant.view)
                yield Task(f"grant/{grant.id}", partial(self._grant, entry, grant, live))
            elif grant.status is GrantStatus.ACTIVE:
                yield from self._credentials(grant)
        for reset in state.resets.values():
            grant = state.grants[reset.grant]
            if not reset.done and grant.status is GrantStatus.ACTIVE:
                yield Task(f"reset/{reset.id}", partial(self._reset, grant, reset))

    def _credentials(self, grant: Grant) -> Iterator[Task]:
        """Yield what rotations ask for: the new credential, then the end of the old one."""
        for each in grant.credentials:
            subject = f"credential/{grant.id}/{each.version}/"
            if each.status is CredentialStatus.WAITING:
                yield Task(subject + "working", partial(self._put, grant, each.version))
            elif (
                each.status is CredentialStatus.WORKING
                and each.version < grant.version
                and each.ends_at is not None
                and each.ends_at <= self.clock()
            ):
                yield Task(subject + "dropped", partial(self._drop, grant, each.version))

    def _put(self, grant: Grant, version: int) -> acts.Act:
        self._let_in(grant, version)
        return acts.ReportCredential(grant.id, version, "working")

    def _drop(self, grant: Grant, version: int) -> acts.Act:
        self._turn_away(grant, version)
        return acts.ReportCredential(grant.id, version, "dropped")

    def _reset(self, grant: Grant, reset: Reset) -> acts.Act:
        principal = names.grant_principal(grant.id, grant.version)
        access = replace(self.access, principal=principal, password=self.password(principal))
        group = names.grant_group_prefix(grant.id) + reset.group
        try:
            offsets = groups.reset(access, group, grant.view, reset.to)
        except InvalidInput:  # somebody has begun to read in it meanwhile
            offsets = ()
        return acts.ReportReset(reset.id, offsets)

    def _let_in(self, grant: Grant, version: int) -> None:
        self._furnish(desired.of_credential(grant, version))

    def _turn_away(self, grant: Grant, version: int) -> None:
        principal = names.grant_principal(grant.id, version)
        # Rights are asked when a fetch arrives; one that waits at the broker is held by its quota.
        put_quota(self.access, principal, CUT_OFF)
        access_control.withdraw_all(self.admin, principal)
        access_control.drop_user(self.admin, principal)
        put_quota(self.access, principal, NO_QUOTA)

    def _department(self, department: str) -> acts.Act:
        self._furnish(desired.of_department(department))
        return acts.ReportProvisioned("department", department, 0)

    def _version(self, entry: Resource, version: Version) -> acts.Act:
        self._furnish(desired.of_resource(entry))
        # Every version under the same subjects: the registry shows that each may follow.
        schema_id = self._register(map(names.value_subject, entry.raw_topics), version.schema)
        name = version_id(version.contract.resource, version.number)
        return acts.ReportProvisioned("resource", name, schema_id)

    def _register(self, subjects: Iterable[str], schema: Mapping[str, object]) -> int:
        """Register one schema under several subjects; return the one id that it has in all."""
        found = {self.registry.register(subject, schema) for subject in subjects}
        if len(found) != 1:
            raise InvalidInput("the registry gives one schema several ids", where=str(found))
        return found.pop()

    def _grant(self, entry: Resource, grant: Grant, live: View | None) -> acts.Act:
        self._clear(grant.view)
        # The credential opens the view only when its schema can be asked for.
        self._furnish(desired.of_view(entry, grant))
        # A live view keeps its schema, whatever a later version says of its items meanwhile.
        schema_id = live.schema_id if live else self._register_view(entry, grant)
        self._let_in(grant, 1)
        return acts.ReportProvisioned("grant", grant.id, schema_id)

    def _register_view(self, entry: Resource, grant: Grant) -> int:
        schema = view_schema(grant.policy, entry.schema, key_item=entry.contract.key)
        return self.registry.register(names.value_subject(grant.view), schema)

    def _furnish(self, wanted: Desired) -> None:
        furnish(self.access, wanted, self.password, self.brokers)

    def _clear(self, view: str) -> None:
        """Delete what an earlier opening of a view left; nobody kept it up to date meanwhile.

        A view is written only behind the entry that opened it. So one that holds something, and
        that the ledger doesn't know even now, is an earlier one.
        """
        if not any(self._ends(view, IsolationLevel.READ_UNCOMMITTED)):
            return
        state = self.now()
        if view in state.views:
            return
        cuts = [grant.cut_at for grant in state.grants.values() if grant.view == view]
        over = max(filter(None, cuts), default=EPOCH) + _LAST_TRANSACTION
        if self.clock() < over:
            raise Unavailable(f"the last transaction of {view} may still be open")
        topics.delete(self.admin, view)

    def _ends(self, topic: str, isolation: IsolationLevel) -> tuple[int, ...]:
        """Return where each partition ends; nothing where there is no such topic."""
        places = [(topic, number) for number in range(topics.partition_count(self.admin, topic))]
        ends = end_offsets(self.admin, places, isolation)
        return tuple(ends[place] for place in places)

    def _cut(self, grant: Grant) -> acts.Act:
        for credential in grant.credentials:
            self._turn_away(grant, credential.version)
        return acts.ReportCut(grant.id, self._ends(grant.view, IsolationLevel.READ_COMMITTED))
