"""Opens a publisher on a bus: contract and schema from the catalogue, the id from the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.bus import Bus
from infra.clock import EventIds, system_clock
from infra.kafka.clients import Access
from infra.ledger.profiles import Profile
from infra.registry.client import RegistryClient
from producers.publisher import Publisher
from schemas.catalogue import Contract, packaged_resource
from schemas.errors import UnknownName
from schemas.names import raw_topic, value_subject


@dataclass(frozen=True, slots=True)
class Opening:
    """What publishing a resource needs to know of it: its contract, schema and the schema's id."""

    contract: Contract
    schema: Mapping[str, Any]
    schema_id: int

    def publisher(self, profile: Profile, access: Access) -> Publisher:
        """Return a publisher, as the profile's department, by way of an access of it."""
        return Publisher(
            access,
            self.contract,
            self.schema,
            self.schema_id,
            profile.department,
            clock=system_clock,
            event_ids=EventIds(),
        )


def open_publisher(bus: Bus, profile: Profile, resource: str) -> Publisher:
    """Return a publisher of one resource, as the profile's department.

    Raises:
        UnknownName: the resource is unknown, or nobody published its catalogue entry.
    """
    opening = open_resource(bus, resource)
    return opening.publisher(profile, profile.access(bus.endpoints.bootstrap))


def open_resource(bus: Bus, resource: str) -> Opening:
    """Return what publishing a resource needs; raises like `open_publisher`."""
    contract, _ = packaged_resource(resource)
    registry = RegistryClient(bus.endpoints.registry_url)
    try:
        schema_id, schema = registry.latest(value_subject(raw_topic(resource)))
    except UnknownName as error:
        raise UnknownName(
            f"nobody has published the catalogue entry of {resource}",
            remedy=f"Its lead department runs: sharebus catalogue publish {resource}",
        ) from error
    return Opening(contract, schema, schema_id)
