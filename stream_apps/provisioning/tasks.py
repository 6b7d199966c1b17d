"""What the ledger asks of broker and registry, and how it is done: each task is idempotent.

Derived things only: drop them all, and these tasks make them again from the ledger. What ends is in
`endings.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from confluent_kafka.admin import AdminClient

from infra.kafka import desired, groups, topics
from infra.kafka.clients import Access
from infra.kafka.desired import Desired
from infra.kafka.fenced_transaction import TRANSACTION_TIMEOUT_MS
from infra.kafka.furnishing import furnish
from infra.kafka.observed import ends_of
from infra.kafka.progress import progress_of, read_progress
from schemas import names
from schemas.clock import EPOCH, Clock
from schemas.errors import InvalidInput, NotYet, Unavailable
from schemas.ledger import acts
from schemas.ledger.published import Resource, Version, version_id
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import (
    CredentialStatus,
    Grant,
    GrantStatus,
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
    """One thing that waits: its subject's name, and how to do it.

    `do` returns the report, or raises NotYet. `lets_in` names the grant whose access it makes: that
    is not ended meanwhile.
    """

    subject: str
    do: Callable[[], acts.Act]
    lets_in: str = ""


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
        """Yield a task for everything that waits to be made."""
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
                yield Task(f"grant/{grant.id}", partial(self._grant, entry, grant, live), grant.id)
            elif grant.status is GrantStatus.ACTIVE:
                yield from self._credentials(grant)
                if grant.waits_to_take_over:
                    entry, view = state.resources[grant.resource], state.views[grant.view]
                    yield Task(f"filled/{grant.id}", partial(self._filled, entry, grant, view))
        for reset in state.resets.values():
            grant = state.grants[reset.grant]
            if not reset.done and grant.status is GrantStatus.ACTIVE:
                yield Task(f"reset/{reset.id}", partial(self._reset, grant, reset))

    def _credentials(self, grant: Grant) -> Iterator[Task]:
        """Yield what rotations ask for: the new credential."""
        for each in grant.credentials:
            if each.status is CredentialStatus.WAITING:
                subject = f"credential/{grant.id}/{each.version}/working"
                yield Task(subject, partial(self._put, grant, each.version), grant.id)

    def _put(self, grant: Grant, version: int) -> acts.Act:
        self._let_in(grant, version)
        return acts.ReportCredential(grant.id, version, "working")

    def _filled(self, entry: Resource, grant: Grant, view: View) -> acts.Act:
        """Report a view that is whole, so that its grant can take over from another."""
        known = read_progress(self.access, "provisioning.progress")
        partitions = range(entry.contract.partitions)
        if not all(progress_of(known, view, partition).live for partition in partitions):
            raise NotYet(f"{view.topic} is still being filled")
        return acts.ReportFilled(grant.id)

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
        if not any(ends_of(self.admin, [view])[view]):
            return
        state = self.now()
        if view in state.views:
            return
        cuts = [grant.cut_at for grant in state.grants.values() if grant.view == view]
        over = max(filter(None, cuts), default=EPOCH) + _LAST_TRANSACTION
        if self.clock() < over:
            raise Unavailable(f"the last transaction of {view} may still be open")
        topics.delete(self.admin, view)
