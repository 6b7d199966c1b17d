"""A source reads its own rows back: through a grant of its own department, on all items.

The view may hold other sources' rows too; the envelope says whose each is.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any, Final

import fastavro
from confluent_kafka import IsolationLevel, KafkaError, Message, TopicPartition

from infra.bus import Bus
from infra.kafka.clients import READ_TO_END, close
from infra.kafka.offsets import end_offsets
from infra.kafka.topics import partition_count
from infra.ledger.profiles import Profile
from infra.registry.client import RegistryClient
from producers.opening import Opening
from schemas.codec import load_event_schema, read_frame
from schemas.errors import InvalidInput, Unavailable, UnknownName
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import ENVELOPE_HEADER, grant_group_prefix, grant_principal
from schemas.policy import Policy

_PATIENCE_S: Final = 60.0
_BATCH: Final = 5000


def own_grant(state: LedgerState, department: str, opening: Opening, named: str) -> Grant:
    """Return the grant through which a department sees all of what it published.

    Args:
        state: of the ledger.
        department: the source.
        opening: of the resource.
        named: id of the grant; any that will do if empty.

    Raises:
        UnknownName: there is none; the remedy says how to come by one.
        InvalidInput: the named one shows another department, resource, or not all of it.
    """
    resource = opening.contract.resource
    items = [item.name for item in opening.contract.items]
    everything = Policy.kept(resource, items)
    own = Policy.kept(resource, items, opening.scope)

    def fits(grant: Grant) -> bool:
        return (
            grant.subscriber == department
            and grant.resource == resource
            and grant.status is GrantStatus.ACTIVE
            and grant.policy in (everything, own)
        )

    remedy = (
        f"Run: sharebus request {resource} --as PERSON --purpose verification --matter MATTER "
        "--basis BASIS --items all --undivided; then another person of the department: "
        "sharebus approve REQUEST --as ANOTHER"
    )
    if named:
        if named not in state.grants:
            raise UnknownName(f"there is no grant {named!r}", remedy="See: sharebus grants")
        if not fits(state.grants[named]):
            raise InvalidInput(
                f"{named} is no active grant of {department} on all items and rows of {resource}",
                remedy=remedy,
            )
        return state.grants[named]
    for grant in state.grants.values():
        if fits(grant):
            return grant
    raise UnknownName(
        f"{department} has no grant that shows it all of its rows of {resource}", remedy=remedy
    )


def own_rows(
    bus: Bus, profile: Profile, grant: Grant
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield key and items of what the view holds of the department; None: it is no more.

    Args:
        bus: a running one.
        profile: whose department.
        grant: of that department, as the ledger has it now; its newest credential reads.

    Raises:
        Unavailable: the view can't be read to its present end.
    """
    access = bus.access(grant_principal(grant.id, grant.version))
    decode = _Decoding(bus)
    admin = access.admin()
    places = [(grant.view, p) for p in range(partition_count(admin, grant.view))]
    # Of everything begun: what was committed a moment ago is before these ends.
    ends = end_offsets(admin, places, IsolationLevel.READ_UNCOMMITTED)
    left = {place for place, end in ends.items() if end}
    consumer = access.consumer(f"{grant_group_prefix(grant.id)}snapshot", READ_TO_END)
    consumer.assign([TopicPartition(*place, 0) for place in left])
    heard = time.monotonic()
    try:
        while left:
            for message in consumer.consume(_BATCH, 0.2):
                place = (message.topic() or "", message.partition() or 0)
                error, offset = message.error(), message.offset() or 0
                if error is None:
                    heard = time.monotonic()
                    source, items = decode.event(message)
                    if source == profile.department:
                        yield (message.key() or b"").decode(), items
                    reached = offset + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached = offset
                else:
                    raise Unavailable("the view can't be read", where=error.name())
                if reached >= ends[place]:
                    left.discard(place)
            if time.monotonic() - heard > _PATIENCE_S:
                raise Unavailable("the view does not come to its end", where=grant.view)
    finally:
        close(consumer)


class _Decoding:
    """Decodes what enforcement let through; these bytes are the bus's own."""

    def __init__(self, bus: Bus) -> None:
        self._registry = RegistryClient(bus.registry)
        self._schemas: dict[int, Any] = {}
        self._envelope = fastavro.parse_schema(load_event_schema("envelope"))

    def event(self, message: Message) -> tuple[str, dict[str, Any] | None]:
        value = message.value()
        if value is None:
            headers: Any = message.headers() or []
            [header] = [body for name, body in headers if name == ENVELOPE_HEADER]
            envelope: Any = fastavro.schemaless_reader(io.BytesIO(header), self._envelope, None)
            return envelope["source"], None
        number, payload = read_frame(value)
        if number not in self._schemas:
            self._schemas[number] = fastavro.parse_schema(dict(self._registry.schema(number)))
        event: Any = fastavro.schemaless_reader(io.BytesIO(payload), self._schemas[number], None)
        return event.pop("envelope")["source"], event
