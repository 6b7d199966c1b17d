"""Every secret follows from the master key: HMAC-SHA256(master key, label), and nothing is stored.

A principal's password, the controller's secret, provisioning's signing key and the keys of
pseudonyms are all derived, so that broker users and views can be dropped and rebuilt from ledger
and master key alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.home import write_private
from schemas.errors import BusNotRunning, Unavailable
from schemas.policy import Policy

KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class Secrets:
    """Derives secrets; its representation shows none."""

    master_key: bytes = field(repr=False)

    def password(self, principal: str, version: int = 1) -> str:
        """Return the broker password of a principal, 43 characters of URL-safe base64."""
        return (
            base64.urlsafe_b64encode(self._derive("password", principal, version))
            .decode("ascii")
            .rstrip("=")
        )

    def authenticates(self, principal: str, password: str) -> bool:
        """Tell, in constant time, whether the password is the principal's."""
        return hmac.compare_digest(self.password(principal).encode(), password.encode())

    def signing_key(self, person: str, version: int = 1) -> Ed25519PrivateKey:
        """Return the signing key of one of the bus's own processes."""
        return Ed25519PrivateKey.from_private_bytes(self._derive("signing", person, version))

    def pseudonym_key(self, policy: Policy) -> bytes | None:
        """Return the 32 bytes that a policy's pseudonyms are made with; None if it makes none.

        The policy's digest covers its audience and key version, so two policies have different
        keys, and nobody can link the pseudonyms of two departments.
        """
        if policy.audience is None:
            return None
        return self._derive("pseudonym", policy.digest, policy.audience.key_version)

    def hash_key(self) -> bytes:
        """Return the key of hashes that never leave a process, 16 bytes."""
        return self._derive("hashes", "enforcement", 1)[:16]

    def _derive(self, use: str, name: str, version: int) -> bytes:
        label = f"sharebus/{use}/{name}/{version}".encode()
        return hmac.digest(self.master_key, label, hashlib.sha256)


def load_secrets(file: Path) -> Secrets:
    """Read the master key.

    Raises:
        BusNotRunning: there is none yet.
        Unavailable: it can't be read, or others may read it.
    """
    try:
        if file.stat().st_mode & 0o077:
            raise Unavailable(
                "others may read the master key", where=str(file), remedy=f"Run: chmod 600 {file}"
            )
        key = bytes.fromhex(file.read_text("ascii").strip())
    except FileNotFoundError as error:
        raise BusNotRunning(
            "there is no master key", where=str(file), remedy="Run: sharebus up"
        ) from error
    except (OSError, ValueError) as error:
        raise Unavailable("the master key can't be read", where=str(file)) from error
    if len(key) != KEY_SIZE:
        raise Unavailable("the master key is damaged", where=str(file), remedy="Restore its backup")
    return Secrets(key)


def make_master_key(file: Path) -> None:
    """Make a random master key, 0600, unless there is one; a lost one can't be made again."""
    if file.exists():
        return
    write_private(file, secrets.token_hex(KEY_SIZE) + "\n")
