"""A ledger entry: the answer to one command, chained to the answer before.

The hash is SHA-256 over every byte of the encoded entry that precedes it, single-object header
included; it is the record's last field, so that what is hashed is what is stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.codec import event_codec
from schemas.errors import Tampered
from schemas.ledger.acts import Act
from schemas.ledger.signing import SignedCommand, signed_command_from_record

UNVERIFIED: Final = frozenset({"unknown-person", "wrong-department", "bad-signature"})
"""Codes of refusals after which nobody knows who sent the command."""

HASH_SIZE: Final = 32
NO_ENTRY: Final = bytes(HASH_SIZE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command had no effect: a code for machines and a reason for people (R12.2)."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what was asked, in which role, and whether it took effect."""

    sequence: int
    at: datetime
    role: str
    signed: SignedCommand
    refusal: Refusal | None
    previous: bytes
    hash: bytes

    @property
    def act(self) -> Act:
        """The act that was asked for."""
        return self.signed.command.act

    @property
    def is_verified(self) -> bool:
        """Whether the command was shown to be of the person it names."""
        return self.refusal is None or self.refusal.code not in UNVERIFIED


def encode_entry(
    sequence: int,
    at: datetime,
    role: str,
    signed: SignedCommand,
    refusal: Refusal | None,
    previous: bytes,
) -> bytes:
    """Return an entry's bytes, its hash computed and in place."""
    record = {
        "sequence": sequence,
        "at": at,
        "role": role,
        "command": signed.to_record(),
        "refusal": refusal and {"code": refusal.code, "reason": refusal.reason},
        "previous": previous,
        "hash": NO_ENTRY,
    }
    body = event_codec("entry").encode(record)[:-HASH_SIZE]
    return body + hashlib.sha256(body).digest()


def decode_entry(message: bytes) -> Entry:
    """Read an entry and check its own hash.

    Raises:
        Tampered: the bytes are not what the hash says.
        InvalidRecord: the bytes are no entry.
    """
    if hashlib.sha256(message[:-HASH_SIZE]).digest() != message[-HASH_SIZE:]:
        raise Tampered("an entry's bytes don't agree with its hash")
    record = event_codec("entry").decode(message)
    refusal = record["refusal"]
    return Entry(
        sequence=record["sequence"],
        at=record["at"],
        role=record["role"],
        signed=signed_command_from_record(record["command"]),
        refusal=Refusal(**(refusal[1] if isinstance(refusal, tuple) else refusal))
        if refusal
        else None,
        previous=record["previous"],
        hash=record["hash"],
    )
