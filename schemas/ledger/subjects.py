"""What the ledger's entries are about: departments, people, requests, grants, views.

The objects are read models: whoever holds a state may read them, only its folds change them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.ledger import acts
from schemas.names import view_topic
from schemas.policy import Policy
from schemas.starting_point import Start


@dataclass(slots=True)
class Department:
    """A registered department; `ready` once provisioning has reported it."""

    id: str
    name: str
    kind: str
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """A registered person, or the provisioning process, and its Ed25519 public key."""

    id: str
    department: str
    name: str
    public_key: bytes


class RequestStatus(StrEnum):
    """Where a request stands (R12.2)."""

    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


@dataclass(slots=True)
class RequestCase:
    """A request, who made it, and the provider's answer."""

    id: str
    subscriber: str
    person: str
    policy: Policy
    purpose: acts.Purpose
    asked_at: datetime
    amends: acts.Amendment | None = None
    status: RequestStatus = RequestStatus.PENDING
    answer: str = ""
    grant: str = ""


class GrantStatus(StrEnum):
    """A grant's life: granted, active once provisioned, revoked, ended at the cut."""

    GRANTED = "granted"
    ACTIVE = "active"
    REVOKED = "revoked"
    ENDED = "ended"


class CredentialStatus(StrEnum):
    """A credential's life: asked for, working once provisioned, dropped."""

    WAITING = "waiting"
    WORKING = "working"
    DROPPED = "dropped"


@dataclass(slots=True)
class Credential:
    """One version of a grant's credential; `ends_at` once a newer one was asked for."""

    version: int
    status: CredentialStatus = CredentialStatus.WAITING
    ends_at: datetime | None = None


@dataclass(slots=True)
class Reset:
    """A group that a subscriber had set anew; `offsets` once `done`, none if it had members."""

    id: str
    grant: str
    group: str
    to: Start
    done: bool = False
    offsets: tuple[int, ...] = ()


@dataclass(slots=True)
class Grant:
    """Subscriber x policy x purpose; the sequences say between which entries it supplied.

    Its term is over at `until`. One that amends another ends that one's term once its own view is
    `filled`, and is then the other's `amended_by`.
    """

    id: str
    request: str
    subscriber: str
    policy: Policy
    purpose: acts.Purpose
    conditions: str
    granted_at: datetime
    until: datetime | None = None
    amends: acts.Amendment | None = None
    filled: bool = False
    amended_by: str = ""
    status: GrantStatus = GrantStatus.GRANTED
    active_sequence: int = 0
    cut_sequence: int = 0
    cut_at: datetime | None = None
    end_offsets: tuple[int, ...] = ()
    reason: str = ""
    credentials: list[Credential] = field(
        default_factory=lambda: [Credential(1, CredentialStatus.WORKING)]
    )

    @property
    def is_open(self) -> bool:
        """Whether it supplies, or is going to."""
        return self.status in (GrantStatus.GRANTED, GrantStatus.ACTIVE)

    def is_over(self, now: datetime) -> bool:
        """Tell whether its term has ended and it has not."""
        return self.is_open and self.until is not None and self.until <= now

    @property
    def waits_to_take_over(self) -> bool:
        """Whether it works, and goes to replace another when its view is whole."""
        return self.status is GrantStatus.ACTIVE and self.amends is not None and not self.filled

    @property
    def version(self) -> int:
        """Version of the newest credential that works."""
        working = CredentialStatus.WORKING
        return max((c.version for c in self.credentials if c.status is working), default=1)

    @property
    def resource(self) -> str:
        """Id of the resource that is granted."""
        return self.policy.resource

    @property
    def view(self) -> str:
        """Topic of the grant's view."""
        return view_topic(self.policy.resource, self.policy.name)


@dataclass(frozen=True, slots=True)
class View:
    """A view that was opened for a grant and goes on while one is granted or active.

    `opened` is the entry that opened it.
    """

    topic: str
    policy: Policy
    partitions: int
    schema_id: int
    opened: int
