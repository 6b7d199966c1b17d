"""Who acts: a person's signing key and the department's credential, in one 0600 file.

Made where the person is registered; whoever holds the file acts as that person (R23).
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.home import Home, read_json, write_private
from infra.kafka.clients import Access
from infra.kafka.cluster import Cluster
from schemas.errors import InvalidInput, UnknownName
from schemas.names import check_id, department_group_prefix, department_principal


@dataclass(frozen=True, slots=True)
class Profile:
    """A person who can act, and how the department reaches the bus."""

    person: str
    department: str
    signing_key: bytes = field(repr=False)
    password: str = field(repr=False)

    @property
    def key(self) -> Ed25519PrivateKey:
        """The private key that signs the person's commands."""
        return Ed25519PrivateKey.from_private_bytes(self.signing_key)

    def access(self, cluster: Cluster) -> Access:
        """The department's way to the broker."""
        return cluster.access(department_principal(self.department), self.password)

    @property
    def group_prefix(self) -> str:
        """Prefix of the groups that the department may use."""
        return department_group_prefix(self.department)


def save_profile(home: Home, profile: Profile) -> Path:
    """Write the profile, 0600; return its file."""
    file = home.profile_file(profile.person)
    document = {
        "person": profile.person,
        "department": profile.department,
        "signing_key": profile.signing_key.hex(),
        "password": profile.password,
    }
    write_private(file, json.dumps(document, indent=2) + "\n")
    return file


def prepare_profile(home: Home, person: str, department: str, password: str) -> Profile:
    """Write and return the profile of a person who is going to be registered.

    The signing key is kept before the ledger knows it: one that an earlier try left is used again,
    everything else is as given now.

    Raises:
        InvalidInput: what an earlier try left is damaged, or others on this machine can read it.
    """
    if home.profile_file(check_id(person, "person")).exists():
        key = load_profile(home, person).signing_key
    else:
        key = secrets.token_bytes(32)
    profile = Profile(person, department, key, password)
    save_profile(home, profile)
    return profile


def load_profile(home: Home, person: str) -> Profile:
    """Return a person's profile.

    Raises:
        UnknownName: no profile of that name is here; the remedy lists those there are.
        InvalidInput: the file is damaged, or others on this machine can read it.
    """
    file = home.profile_file(check_id(person, "person"))
    if not file.exists():
        known = sorted(path.stem for path in file.parent.glob("*.json"))
        raise UnknownName(
            f"no profile {person!r} is here",
            where=str(file.parent),
            remedy=f"Profiles here: {', '.join(known) or 'none'}; the operator makes one with: "
            "sharebus register person",
        )
    if file.stat().st_mode & 0o077:
        raise InvalidInput(
            "others can read the profile, and so act as its person",
            where=str(file),
            remedy=f"Run: chmod 600 {file}; if somebody may have read it, register a new person",
        )
    try:
        document = read_json(file)
        profile = Profile(
            person=document["person"],
            department=document["department"],
            signing_key=bytes.fromhex(document["signing_key"]),
            password=document["password"],
        )
        _ = profile.key
        return profile
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("the profile is damaged", where=str(file)) from error
