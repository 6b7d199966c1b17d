"""Acts on the ledger: signs a command, sends it, and waits for the entry that answers it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.kafka.clients import Access
from infra.kafka.cluster import Cluster
from infra.ledger.follower import LedgerFollower
from infra.ledger.profiles import Profile
from schemas.clock import Clock, NewId
from schemas.errors import AccessDenied, CommandRefused, Unavailable
from schemas.ledger.acts import (
    Act,
    Approve,
    PublishEntry,
    Refuse,
    RegisterDepartment,
    RegisterPerson,
    Request,
)
from schemas.ledger.entry import Entry
from schemas.ledger.signing import Command, SignedCommand, sign
from schemas.ledger.state import LedgerState
from schemas.names import commands_topic

ANSWER_TIMEOUT_S = 60.0


class LedgerClient:
    """One person, or one process, that acts on the ledger and reads it.

    Args:
        access: may write `commands.<department>` and read `ledger`.
        group: a group name the principal may use.
        person, department, key: who signs.
        clock, new_id: injected.
    """

    def __init__(
        self,
        access: Access,
        group: str,
        person: str,
        department: str,
        key: Ed25519PrivateKey,
        *,
        clock: Clock,
        new_id: NewId,
    ) -> None:
        self._person, self._department, self._key = person, department, key
        self._clock, self._new_id = clock, new_id
        self._producer = access.producer({"linger.ms": 0, "message.timeout.ms": 30_000})
        self._follower = LedgerFollower(access, group)

    @classmethod
    def of_profile(
        cls, profile: Profile, cluster: Cluster, *, clock: Clock, new_id: NewId
    ) -> LedgerClient:
        """Return the client of a person."""
        return cls(
            profile.access(cluster),
            f"{profile.group_prefix}ledger",
            profile.person,
            profile.department,
            profile.key,
            clock=clock,
            new_id=new_id,
        )

    def state(self) -> LedgerState:
        """Return what all entries up to now add up to."""
        self._follower.catch_up()
        return self._follower.state

    def send(self, act: Act, command_id: uuid.UUID | None = None) -> Entry:
        """Send a command and return the entry that carried it out.

        Args:
            act: what is asked.
            command_id: give one to make a repetition harmless: a person's id is carried out once,
                and sending the same act again returns the first answer.

        Raises:
            CommandRefused: with the ledger's reason; or the person asked something else under the
                id before, and this was not carried out.
            AccessDenied: the broker does not take the department's commands.
            Unavailable: no answer in time; the command may still be carried out.
        """
        signed = self._sign(act, command_id or self._new_id())
        if self.state().answer_to(signed) is None:
            self._deliver([signed])
        entry = self._await_answer(signed)
        if entry.act != act:
            raise CommandRefused(
                f"{self._person} asked something else under this command id",
                where=f"entry {entry.sequence}, command {signed.command.command_id}",
                remedy="Send it under a new id",
            )
        if entry.refusal is not None:
            raise CommandRefused(
                entry.refusal.reason,
                where=f"entry {entry.sequence}, {entry.refusal.code}",
                remedy=_remedy(act, entry.refusal.code),
            )
        return entry

    def submit(self, several: Sequence[tuple[Act, uuid.UUID]]) -> list[SignedCommand]:
        """Send commands without waiting for answers; return them as sent, to look for those.

        The ledger has them when this returns, or some of them when it raises; an id that is
        answered already changes nothing. Unlike the rest of a client, it may be called by any
        thread.

        Raises:
            AccessDenied: the broker does not take the department's commands.
            Unavailable: not all could be delivered.
        """
        commands = [self._sign(act, command_id) for act, command_id in several]
        self._deliver(commands)
        return commands

    def wait_until(
        self, condition: Callable[[LedgerState], bool], what: str, timeout_s: float = 60
    ) -> LedgerState:
        """Follow the ledger until the condition holds, and return the state.

        Raises:
            Unavailable: it did not hold in time; `what` says for what was waited.
        """
        deadline = time.monotonic() + timeout_s
        while not condition(self._follower.state):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"waited {timeout_s:.0f} s in vain for {what}",
                    remedy="It may still come; look at: sharebus status",
                )
            self._follower.poll(0.2)
        return self._follower.state

    def close(self) -> None:
        """Let the connections go."""
        self._follower.close()

    def __enter__(self) -> LedgerClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sign(self, act: Act, command_id: uuid.UUID) -> SignedCommand:
        command = Command(command_id, self._person, self._department, self._clock(), act)
        return sign(command, self._key)

    def _deliver(self, commands: Sequence[SignedCommand]) -> None:
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        topic = commands_topic(self._department)
        try:
            for command in commands:
                self._producer.produce(topic, command.encode(), on_delivery=delivered)
            self._producer.flush(35)
        except KafkaException as error:
            raise Unavailable("the command could not be sent", where=topic) from error
        if failures:
            name = failures[0].name()
            if "AUTH" in name:
                raise AccessDenied(f"the broker refuses your department's commands: {name}")
            raise Unavailable("the command was not delivered", where=f"{topic}, {name}")

    def _await_answer(self, signed: SignedCommand) -> Entry:
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while time.monotonic() < deadline:
            self._follower.poll(0.2)
            entry = self._follower.state.answer_to(signed)
            if entry is not None:
                return entry
        raise Unavailable(
            f"the ledger did not answer within {ANSWER_TIMEOUT_S:.0f} s",
            where=f"command {signed.command.command_id}",
            remedy="The command may still be carried out; look at: sharebus status",
        )


def _remedy(act: Act, code: str) -> str:
    """Say what mends a refusal, or where to look before asking the refused thing otherwise."""
    if code == "unknown-department":
        return "The operator registers it with: sharebus register department ID --name NAME"
    match act:
        case PublishEntry() if code == "not-the-provider":
            return "Let a person of the provider publish it; --source names who else may write it"
        case PublishEntry() if code in ("no-scope", "invalid-scope", "scopes-overlap"):
            return "Name the rows of each source apart: --source DEPARTMENT=prefix:21,22"
        case RegisterDepartment() | RegisterPerson():
            return "See who is registered with: sharebus ledger list"
        case PublishEntry():
            return "See what is published, and by whom, with: sharebus catalogue list"
        case Request():
            return "See what was asked and granted with: sharebus grants requests"
        case Approve() | Refuse():
            return "See what waits for an answer, and whose, with: sharebus grants requests"
        case _:
            return "See how things stand with: sharebus grants, sharebus ledger list"
