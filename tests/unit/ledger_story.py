"""A ledger in memory, told act by act and written as the ledger process writes it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.catalogue import contract_json, packaged_resource
from schemas.clock import micros, uuid7
from schemas.ledger import acts
from schemas.ledger.acts import Act
from schemas.ledger.entry import Entry, Refusal, decode_entry, encode_entry
from schemas.ledger.signing import Command, SignedCommand, public_bytes, sign
from schemas.ledger.state import PROVISIONING, LedgerState
from schemas.ledger.validation import Verdict, decide

RESOURCE = "geography.division"
UNCONDITIONAL = ("code", "name", "level", "parent", "path")
PURPOSE = acts.Purpose("work_reference", "应急预案", "突发事件应对法第四十二条")
BEGINNING = datetime(2026, 1, 5, 1, tzinfo=UTC)

DEPARTMENTS = {"operator": "platform", PROVISIONING: "platform"} | {
    "zhang": "civil-affairs",
    "zhao": "civil-affairs",
    "li": "health",
    "wang": "justice",
}
"""Who works where. 民政部 provides, 卫生健康委 and 司法部 subscribe."""


def key_of(person: str) -> Ed25519PrivateKey:
    """Return a person's key, always the same one."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(person.encode()).digest())


def policy_text(items: Iterable[str] = UNCONDITIONAL, **more: Any) -> str:
    """Return a policy's JSON."""
    return json.dumps({"resource": RESOURCE, "items": dict.fromkeys(items, "keep"), **more})


SOURCE = acts.Source("civil-affairs")


def publication(**changes: Any) -> acts.PublishEntry:
    """Return the entry of the packaged resource, with parts of its contract changed."""
    contract, schema = packaged_resource(RESOURCE)
    document = json.loads(contract_json(contract)) | changes
    return acts.PublishEntry(RESOURCE, json.dumps(document), json.dumps(schema), (SOURCE,))


LATER_ITEM = "postcode"


def next_version(*items: str, **changes: Any) -> acts.PublishEntry:
    """Return the entry's next version: with further nullable texts, parts of its contract changed.

    Args:
        *items: what the further items are called; one, `LATER_ITEM`, if left out.
        **changes: of the contract's document.
    """
    first = publication()
    document, schema = json.loads(first.contract), json.loads(first.schema)
    for item in items or (LATER_ITEM,):
        parent = document["schema"][0]["properties"][3]
        document["schema"][0]["properties"].append(
            parent | {"name": item, "businessName": item, "required": False}
        )
        later = {"name": item, "type": ["null", "string"], "default": None}
        schema["fields"].append(later)
    return acts.PublishEntry(
        RESOURCE, json.dumps(document | changes), json.dumps(schema), (SOURCE,)
    )


def registration(person: str) -> acts.RegisterPerson:
    """Return the registration of one of the story's people."""
    return acts.RegisterPerson(
        person, DEPARTMENTS[person], person.title(), public_bytes(key_of(person))
    )


GENESIS = acts.Genesis(
    "platform",
    "平台管理单位",
    "operator",
    "平台管理员",
    public_bytes(key_of("operator")),
    public_bytes(key_of(PROVISIONING)),
)


@dataclass
class Story:
    """What happened so far: the entries' bytes, and what they add up to."""

    state: LedgerState = field(default_factory=LedgerState)
    messages: list[bytes] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The time of the next entry, a minute behind the one before."""
        return BEGINNING + timedelta(minutes=len(self.messages))

    def signed(
        self,
        person: str,
        act: Act,
        *,
        department: str | None = None,
        key: Ed25519PrivateKey | None = None,
        command_id: uuid.UUID | None = None,
    ) -> SignedCommand:
        """Return what the person would send now."""
        command = Command(
            command_id or uuid7(micros(self.now), len(self.messages)),
            person,
            department or DEPARTMENTS.get(person, "platform"),
            self.now,
            act,
        )
        return sign(command, key or key_of(person))

    def write(self, signed: SignedCommand, verdict: Verdict) -> bytes:
        """Return the chained entry that gives this answer, right or wrong."""
        return encode_entry(
            self.state.sequence + 1,
            self.now,
            verdict.role,
            signed,
            verdict.refusal,
            self.state.head,
        )

    def tell(self, person: str, act: Act, **details: Any) -> Entry:
        """Let a person act; return the entry that answers."""
        return self.send(self.signed(person, act, **details))

    def send(self, signed: SignedCommand) -> Entry:
        """Let somebody send a command, whoever signed it; return the entry that answers."""
        message = self.write(signed, decide(self.state, signed))
        self.messages.append(message)
        entry = decode_entry(message)
        self.state.apply(entry)
        return entry

    def do(self, person: str, act: Act, **details: Any) -> str:
        """Let a person act with success; return the entry's number."""
        entry = self.tell(person, act, **details)
        assert entry.refusal is None, entry.refusal
        return str(entry.sequence)

    def refusal(self, person: str, act: Act, **details: Any) -> Refusal:
        """Let a person act in vain; return why."""
        refusal = self.tell(person, act, **details).refusal
        assert refusal is not None
        return refusal

    def provision(self, kind: str, name: str, schema_id: int = 0) -> None:
        """Report something provisioned."""
        self.do(PROVISIONING, acts.ReportProvisioned(kind, name, schema_id))

    def ask(self, person: str = "li", items: Iterable[str] = UNCONDITIONAL, **rows: Any) -> str:
        """Ask for items of the resource; return the request's id."""
        return "r" + self.do(person, acts.Request(policy_text(items, **rows), PURPOSE))

    def grant(self, person: str = "li", **rows: Any) -> str:
        """Ask for what is granted at once, and provision it; return the grant's id."""
        grant = self.state.requests[self.ask(person, **rows)].grant
        self.provision("grant", grant, 21)
        return grant

    def cut(self, grant: str, person: str = "zhang") -> None:
        """Revoke a grant and report its cut."""
        self.do(person, acts.Revoke(grant, "purpose fulfilled"))
        self.do(PROVISIONING, acts.ReportCut(grant, (3, 1, 4, 1)))


def opened() -> Story:
    """Return a ledger with its first entry."""
    story = Story()
    story.do("operator", GENESIS)
    return story


def peopled() -> Story:
    """Return a ledger with everybody registered and every department provisioned."""
    story = opened()
    for department in ("civil-affairs", "health", "justice"):
        story.do("operator", acts.RegisterDepartment(department, department.title(), "agency", ""))
        story.provision("department", department)
    for person in ("zhang", "zhao", "li", "wang"):
        story.do("operator", registration(person))
    return story


def published() -> Story:
    """Return a ledger with the resource published and provisioned."""
    story = peopled()
    story.do("zhang", publication())
    story.provision("resource", RESOURCE, 11)
    return story


def published_twice() -> Story:
    """Return a ledger whose resource has a second version, provisioned."""
    story = published()
    story.do("zhang", next_version())
    story.provision("resource", f"{RESOURCE}/2", 12)
    return story
