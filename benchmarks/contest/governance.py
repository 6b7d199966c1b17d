"""Makes one resource and its grants through the ledger, many at once.

What provisioning does for departments and the resource is done with its own code. For a thousand
grants its way, a user and its rights each, takes minutes and is not what is measured: here the
topics of all views are made in one request, and the reports sent together; and the views count as
filled, because nothing is there yet to fill them with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contest.cases import SUBSCRIBER, Case
from contest.catalogue_entry import contract_of
from contest.records import SOURCE
from infra.bus import Bus
from infra.clock import new_id, system_clock
from infra.kafka import desired, topics
from infra.kafka.clients import Access
from infra.kafka.progress import Progress, progress_key
from infra.ledger.follower import LedgerFollower
from infra.ledger.profiles import Profile, load_profile, prepare_profile
from infra.registry.client import RegistryClient
from schemas import names
from schemas.catalogue import contract_json
from schemas.errors import CommandRefused, InvalidPolicy, Unavailable
from schemas.ledger import acts
from schemas.ledger.entry import Entry
from schemas.ledger.signing import Command, public_bytes, sign
from schemas.ledger.state import PROVISIONING, LedgerState
from schemas.ledger.subjects import GrantStatus, View
from schemas.policy import parse_policy, view_schema
from stream_apps.provisioning.tasks import Provisioner

ANSWER_LIMIT_S = 120.0


class NotSupported(RuntimeError):
    """The bus doesn't take a case yet; why."""


@dataclass(frozen=True)
class Signer:
    """Who acts, and how its commands reach the broker."""

    person: str
    department: str
    key: Ed25519PrivateKey
    producer: Producer


class Desk:
    """Sends commands by the hundred, and knows what the ledger made of them."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._held = bus, ExitStack()
        access = bus.process_access("provisioning")
        self._follower = self._held.enter_context(LedgerFollower(access, "provisioning.bench"))
        self._operator = self._signer(load_profile(bus.home, "operator"))
        self._provisioning = Signer(
            PROVISIONING,
            names.OPERATOR,
            bus.secrets.signing_key(PROVISIONING),
            access.producer(),
        )
        registry = RegistryClient(bus.registry_as("provisioning"))
        self._registry = registry
        self._provisioner = Provisioner(
            access, registry, bus.secrets.password, self.state, system_clock, bus.brokers
        )

    def close(self) -> None:
        """Let the connections go."""
        self._held.close()

    def state(self) -> LedgerState:
        """Return what the ledger adds up to now."""
        self._follower.catch_up()
        return self._follower.state

    def furnish(self, case: Case) -> list[View]:
        """Publish the case's resource and grant its policies; return the views, in their order.

        Raises:
            NotSupported: a policy is one that the bus doesn't take.
        """
        contract = contract_of(case.kind)
        provider = self._register(SOURCE, "lead")
        reader = self._register(SUBSCRIBER, "asker")
        text = json.dumps(case.kind.schema, ensure_ascii=False)
        sources = (acts.Source(SOURCE),)
        publish = acts.PublishEntry(contract.resource, contract_json(contract), text, sources)
        self._send(provider, [publish])
        self._provision()
        purpose = acts.Purpose("verification", "benchmark", "none")
        try:
            policies = [parse_policy(document) for document in case.policies]
            asked: list[acts.Act] = [
                acts.Request(policy.canonical_json().decode(), purpose) for policy in policies
            ]
            self._send(reader, asked)
        except (InvalidPolicy, CommandRefused) as error:
            raise NotSupported(str(error)) from error
        self._open_views()
        by_name = {view.policy.name: view for view in self.state().views.values()}
        return [by_name[policy.name] for policy in policies]

    def _register(self, department: str, person: str) -> Signer:
        bus = self._bus
        self._send(self._operator, [acts.RegisterDepartment(department, department, "agency", "")])
        self._provision()
        password = bus.secrets.password(names.department_principal(department))
        profile = prepare_profile(bus.home, person, department, password)
        key = public_bytes(profile.key)
        self._send(self._operator, [acts.RegisterPerson(person, department, person, key)])
        return self._signer(profile)

    def _provision(self) -> None:
        for task in list(self._provisioner.pending(self.state())):
            self._send(self._provisioning, [task.do()])

    def _open_views(self) -> None:
        state = self.state()
        grants = [g for g in state.grants.values() if g.status is GrantStatus.GRANTED]
        entry = state.resources[grants[0].resource]
        wanted = [t for g in grants for t in desired.of_view(entry, g).topics.values()]
        topics.create(self._bus.admin_access().admin(), wanted)
        # Views that differ in their rows alone have one schema; it is registered for the first.
        known: dict[str, int] = {}
        reports: list[acts.Act] = []
        for grant in grants:
            schema = view_schema(grant.policy, entry.schema, key_item=entry.contract.key)
            text = json.dumps(schema)
            if text not in known:
                subject = names.value_subject(grant.view)
                known[text] = self._registry.register(subject, schema)
            reports.append(acts.ReportProvisioned("grant", grant.id, known[text]))
        self._send(self._provisioning, reports)
        self._mark_filled(entry.contract.partitions)

    def _mark_filled(self, partitions: int) -> None:
        """Say of every view what enforcement would find: nothing is accepted yet to fill it with.

        It would find it partition by partition, a transaction each.
        """
        producer = self._bus.admin_access().producer()
        for view in self.state().views.values():
            filled = Progress(view.opened, 0, live=True).encode()
            for partition in range(partitions):
                key = progress_key(view.topic, partition)
                producer.produce(names.PROGRESS, filled, key, 0)
        producer.flush(30)

    def _signer(self, profile: Profile) -> Signer:
        access: Access = profile.access(self._bus.cluster)
        return Signer(profile.person, profile.department, profile.key, access.producer())

    def _send(self, who: Signer, several: Sequence[acts.Act]) -> list[Entry]:
        """Send commands, and return the entries that carried them out.

        Raises:
            CommandRefused: the ledger refused one.
        """
        signed = [
            sign(Command(new_id(), who.person, who.department, system_clock(), act), who.key)
            for act in several
        ]
        for each in signed:
            who.producer.produce(names.commands_topic(who.department), each.encode())
        who.producer.flush(30)
        deadline = time.monotonic() + ANSWER_LIMIT_S
        while True:
            self._follower.poll(0.2)
            found = [self._follower.state.answer_to(each) for each in signed]
            answers = [answer for answer in found if answer is not None]
            if len(answers) == len(signed):
                break
            if time.monotonic() > deadline:
                raise Unavailable("the ledger did not answer")
        for answer in answers:
            if answer.refusal is not None:
                raise CommandRefused(answer.refusal.reason, where=answer.refusal.code)
        return answers
