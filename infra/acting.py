"""How a command acts: opens the bus, takes a person's profile, speaks to the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.bus import Bus, broker_is_running, open_bus
from infra.clock import new_id, system_clock
from infra.home import default_home
from infra.ledger.client import LedgerClient
from infra.ledger.follower import LedgerFollower
from infra.ledger.profiles import Profile, load_profile
from schemas.errors import BusNotRunning, Unavailable
from schemas.ledger.entry import Entry
from schemas.ledger.state import LedgerState
from schemas.names import OPERATOR, department_group_prefix, department_principal


@dataclass(frozen=True, slots=True)
class Actor:
    """A person at work on a running bus."""

    bus: Bus
    profile: Profile
    client: LedgerClient


def running_bus() -> Bus:
    """Return the bus of the present home.

    Raises:
        BusNotRunning: it was never started, or is down.
        Unavailable: the existing cluster that it uses doesn't answer.
    """
    bus = open_bus(default_home())
    if not broker_is_running(bus):
        if bus.existing is not None:
            raise Unavailable(
                "the Kafka cluster does not answer",
                where=bus.cluster.bootstrap,
                remedy="Check that it runs, and that this machine reaches it",
            )
        raise BusNotRunning(
            "the bus is not running", where=str(bus.home.path), remedy="Run: sharebus up"
        )
    return bus


@contextmanager
def acting_as(person: str) -> Iterator[Actor]:
    """Act as a person with a profile in the present home."""
    bus = running_bus()
    profile = load_profile(bus.home, person)
    with LedgerClient.of_profile(profile, bus.cluster, clock=system_clock, new_id=new_id) as client:
        yield Actor(bus, profile, client)


def read_ledger() -> list[tuple[Entry, bytes]]:
    """Return every entry up to now with its bytes, read as the operator."""
    with _follower(running_bus()) as follower:
        return follower.catch_up()


def read_state(bus: Bus) -> LedgerState:
    """Return what the ledger adds up to now, read as the operator."""
    with _follower(bus) as follower:
        follower.catch_up()
        return follower.state


def _follower(bus: Bus) -> LedgerFollower:
    access = bus.access(department_principal(OPERATOR))
    return LedgerFollower(access, f"{department_group_prefix(OPERATOR)}reader")
