"""The first entry: the operator's department, its first person, and the key of provisioning."""

from __future__ import annotations

import secrets
import uuid
from typing import Final

from infra.bus import Bus
from infra.clock import new_id, system_clock
from infra.ledger.client import LedgerClient
from infra.ledger.profiles import Profile, load_profile, save_profile
from schemas.ledger import acts
from schemas.ledger.signing import public_bytes
from schemas.ledger.state import PROVISIONING
from schemas.names import OPERATOR, department_principal

FIRST_PERSON: Final = "operator"
COMMAND_ID: Final = uuid.UUID("9a1c6f3c-8a2e-5d0b-8e57-2f4f7f1b5f10")


def run(bus: Bus) -> None:
    """Write the first entry unless there is one; safe to repeat."""
    profile = _first_profile(bus)
    with LedgerClient.of_profile(profile, bus.cluster, clock=system_clock, new_id=new_id) as client:
        if client.state().sequence < 0:
            client.send(
                acts.Genesis(
                    department=OPERATOR,
                    department_name="平台管理单位",
                    person=profile.person,
                    person_name="平台管理员",
                    public_key=public_bytes(profile.key),
                    provisioning_key=public_bytes(bus.secrets.signing_key(PROVISIONING)),
                ),
                COMMAND_ID,
            )


def _first_profile(bus: Bus) -> Profile:
    # Written before it is sent: a key that the ledger knows must not be lost.
    if not bus.home.profile_file(FIRST_PERSON).exists():
        password = bus.secrets.password(department_principal(OPERATOR))
        save_profile(bus.home, Profile(FIRST_PERSON, OPERATOR, secrets.token_bytes(32), password))
    return load_profile(bus.home, FIRST_PERSON)
