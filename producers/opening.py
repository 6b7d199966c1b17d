"""Opens a publisher on a bus: contract, schema and its id as the ledger has them."""

from __future__ import annotations

from infra.bus import Bus
from infra.clock import EventIds, system_clock
from infra.kafka.clients import Access
from infra.ledger.follower import LedgerFollower
from infra.ledger.profiles import Profile
from producers.publisher import Publisher
from schemas.errors import AccessDenied, Unavailable, UnknownName
from schemas.ledger.state import Resource


def open_publisher(bus: Bus, profile: Profile, resource: str) -> Publisher:
    """Return a publisher of one resource, as the profile's department.

    Raises:
        UnknownName: nobody published the catalogue entry of the resource.
        Unavailable: it is still being provisioned.
        AccessDenied: the department is none of its sources.
    """
    access = profile.access(bus.endpoints.bootstrap)
    entry = _published(profile, access, resource)
    if profile.department not in entry.sources:
        raise AccessDenied(
            f"{profile.department} may not write {resource}",
            where=f"its sources: {', '.join(entry.sources)}",
            remedy="Only the entry's sources may; see: sharebus catalogue list",
        )
    return Publisher(
        access,
        entry.contract,
        entry.schema,
        entry.schema_id,
        profile.department,
        scope=entry.sources[profile.department],
        clock=system_clock,
        event_ids=EventIds(),
    )


def _published(profile: Profile, access: Access, resource: str) -> Resource:
    with LedgerFollower(access, f"{profile.group_prefix}publisher") as ledger:
        ledger.catch_up()
        entry = ledger.state.resources.get(resource)
    if entry is None:
        raise UnknownName(
            f"nobody has published the catalogue entry of {resource}",
            remedy=f"Its lead department runs: sharebus catalogue publish {resource}",
        )
    if not entry.ready:
        raise Unavailable(
            f"{resource} is still being provisioned", remedy="Try again; see: sharebus status"
        )
    return entry
