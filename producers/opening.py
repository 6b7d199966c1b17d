"""Opens a publisher on a bus: contract, schema and its id as the ledger has them.

That is what enforcement holds records to; the registry has the same for stock clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.bus import Bus
from infra.clock import EventIds, system_micros
from infra.kafka.clients import Access
from infra.ledger.follower import LedgerFollower
from infra.ledger.profiles import Profile
from producers.publisher import Outcome, Publisher
from schemas.catalogue import Contract
from schemas.errors import AccessDenied, Unavailable, UnknownName
from schemas.ledger.published import Resource
from schemas.names import raw_topic
from schemas.policy import RowFilter


@dataclass(frozen=True, slots=True)
class Opening:
    """What a source needs to know of a resource to publish it.

    Attributes:
        topic: the source's own raw topic.
        scope: the rows that are the source's; None for all.
    """

    contract: Contract
    schema: Mapping[str, Any]
    schema_id: int
    topic: str
    scope: RowFilter | None

    def publisher(
        self,
        profile: Profile,
        access: Access,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> Publisher:
        """Return a publisher, as the profile's department, by way of an access of it."""
        return Publisher(
            access,
            self.contract,
            self.schema,
            self.schema_id,
            profile.department,
            scope=self.scope,
            clock=system_micros,
            event_ids=EventIds(),
            on_outcome=on_outcome,
        )


def open_publisher(
    bus: Bus,
    profile: Profile,
    resource: str,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Publisher:
    """Return a publisher of one resource, as the profile's department.

    Args:
        bus: a running one.
        profile: whose department is a source of the resource.
        resource: its id.
        on_outcome: is told what became of every event; see `Publisher`.

    Raises:
        UnknownName: nobody published the catalogue entry of the resource.
        Unavailable: it is still being provisioned.
        AccessDenied: the department is none of its sources.
    """
    opening = open_resource(bus, profile, resource)
    return opening.publisher(profile, profile.access(bus.cluster), on_outcome)


def open_resource(bus: Bus, profile: Profile, resource: str) -> Opening:
    """Return what publishing a resource needs; raises like `open_publisher`."""
    entry = _published(profile, profile.access(bus.cluster), resource)
    if profile.department not in entry.sources:
        raise AccessDenied(
            f"{profile.department} may not write {resource}",
            where=f"its sources: {', '.join(entry.sources)}",
            remedy="Only the entry's sources may; see: sharebus catalogue list",
        )
    return Opening(
        entry.contract,
        entry.schema,
        entry.schema_id,
        raw_topic(resource, profile.department),
        entry.sources[profile.department],
    )


def _published(profile: Profile, access: Access, resource: str) -> Resource:
    with LedgerFollower(access, f"{profile.group_prefix}publisher") as ledger:
        ledger.catch_up()
        known = ledger.state.resources
    entry = known.get(resource)
    if entry is None:
        raise UnknownName(
            f"nobody has published the catalogue entry of {resource!r}",
            remedy=f"Published: {', '.join(known) or 'none'}. A lead department publishes another "
            "with: sharebus catalogue publish RESOURCE",
        )
    if not entry.ready:
        raise Unavailable(
            f"{resource} is still being provisioned", remedy="Try again; see: sharebus status"
        )
    return entry
