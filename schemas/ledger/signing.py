"""Commands and their signatures: who asked for what, so that nobody can deny or forge it.

Ed25519 (RFC 8032) over a domain tag and the Avro bytes of the command. The bytes are encoded
anew when a signature is checked: Avro leaves a writer no choice that this package uses (blocks are
never split), so that equal commands have equal bytes.
"""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import fastavro
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.codec import event_codec
from schemas.errors import InvalidInput, InvalidRecord
from schemas.ledger.acts import Act, from_record, to_record

DOMAIN_TAG: Final = b"sharebus-command-v1\x00"
MAX_COMMAND_BYTES: Final = 512 * 1024
"""A command comes back inside its entry, which has to fit into a message of Kafka's 1 MB."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a person, or provisioning, asks; carried out once per person and `command_id`."""

    command_id: uuid.UUID
    person: str
    department: str
    issued_at: datetime
    act: Act

    def to_record(self) -> dict[str, Any]:
        """Return the Avro record of the command."""
        return {
            "command_id": self.command_id.bytes,
            "person": self.person,
            "department": self.department,
            "issued_at": self.issued_at,
            "act": to_record(self.act),
        }


@dataclass(frozen=True, slots=True)
class SignedCommand:
    """A command and the Ed25519 signature over it, 64 bytes."""

    command: Command
    signature: bytes

    def to_record(self) -> dict[str, Any]:
        """Return the Avro record, as topics and ledger entries hold it."""
        return {"command": self.command.to_record(), "signature": self.signature}

    def encode(self) -> bytes:
        """Return the bytes that go to `commands.<department>`.

        Raises:
            InvalidInput: they are more than the ledger answers.
        """
        message = event_codec("command").encode(self.to_record())
        if len(message) > MAX_COMMAND_BYTES:
            raise InvalidInput(
                f"the command is larger than {MAX_COMMAND_BYTES} bytes",
                remedy="Ask for less at once: fewer row values, a shorter text",
            )
        return message

    def is_signed_by(self, public_key: bytes) -> bool:
        """Tell whether the holder of that key (32 bytes, raw) signed exactly this command."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(
                self.signature, _signed_bytes(self.command)
            )
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(command: Command, key: Ed25519PrivateKey) -> SignedCommand:
    """Sign a command with a person's private key."""
    return SignedCommand(command, key.sign(_signed_bytes(command)))


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 raw bytes of the public key that belongs to a private one."""
    return key.public_key().public_bytes_raw()


def decode_command(message: bytes) -> SignedCommand:
    """Read what `SignedCommand.encode` wrote; raises InvalidRecord for anything else."""
    if len(message) > MAX_COMMAND_BYTES:
        raise InvalidRecord("too-large", where="command")
    return signed_command_from_record(event_codec("command").decode(message))


def signed_command_from_record(record: dict[str, Any]) -> SignedCommand:
    """Return the signed command that an Avro record holds."""
    command = record["command"]
    return SignedCommand(
        Command(
            command_id=uuid.UUID(bytes=command["command_id"]),
            person=command["person"],
            department=command["department"],
            issued_at=command["issued_at"],
            act=from_record(command["act"]),
        ),
        record["signature"],
    )


def _signed_bytes(command: Command) -> bytes:
    schema = event_codec("command").schema["fields"][0]["type"]
    buffer = io.BytesIO(DOMAIN_TAG)
    buffer.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(buffer, schema, command.to_record(), strict=True)
    return buffer.getvalue()
