"""Opens a publisher on a bus: contract and schema from the catalogue, the id from the registry."""

from __future__ import annotations

from infra.bus import Bus
from infra.clock import EventIds, system_clock
from infra.ledger.profiles import Profile
from infra.registry.client import RegistryClient
from producers.publisher import Publisher
from schemas.catalogue import packaged_resource
from schemas.errors import UnknownName
from schemas.names import raw_topic, value_subject


def open_publisher(bus: Bus, profile: Profile, resource: str) -> Publisher:
    """Return a publisher of one resource, as the profile's department.

    Raises:
        UnknownName: the resource is unknown, or nobody published its catalogue entry.
    """
    contract, _ = packaged_resource(resource)
    registry = RegistryClient(bus.endpoints.registry_url)
    try:
        schema_id, schema = registry.latest(value_subject(raw_topic(resource)))
    except UnknownName as error:
        raise UnknownName(
            f"nobody has published the catalogue entry of {resource}",
            remedy=f"Its lead department runs: sharebus catalogue publish {resource}",
        ) from error
    return Publisher(
        profile.access(bus.endpoints.bootstrap),
        contract,
        schema,
        schema_id,
        profile.department,
        clock=system_clock,
        event_ids=EventIds(),
    )
