"""One record that somebody gives as JSON, made a change event as publishing would make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from producers.change_events import ChangeEvents
from producers.envelopes import EventIds
from producers.sources.source import check_names
from producers.sources.values import Converters, read_object
from schemas.clock import Clock, micros
from schemas.errors import InvalidInput, InvalidRecord
from schemas.explaining import GivenRecord
from schemas.ledger.published import Resource


def given_record(
    resource: Resource, text: str, where: str, *, clock: Clock, event_ids: EventIds
) -> GivenRecord:
    """Make the event of a record, as the source that answers for its row.

    Where no source does, it is made as the first one: whether a row is a source's own is for
    whoever judges the event.

    Args:
        resource: its entry in the ledger; the newest version is written.
        text: a JSON object of all items, as a line of JSON Lines.
        where: what errors name, such as the file.
        clock: injected.
        event_ids: injected.

    Raises:
        InvalidInput: the text is no such object; names are told, values never (R5.4).
        InvalidRecord: an item's value is refused, as by `sharebus publish`; nothing would be sent.
    """
    converters = Converters(resource.schema, from_text=False).by_item
    try:
        value = read_object(text)
    except InvalidRecord:
        value = None
    if not isinstance(value, dict):
        example = ", ".join(f'"{name}": …' for name in converters)
        raise InvalidInput(
            "the record is no JSON object",
            where=where,
            remedy=f"Give one object with every item: {{{example}}}",
        )
    check_names(value, converters, Path(where), "record")
    row = {name: converters[name](part) for name, part in value.items()}
    source = _owner(resource, row[resource.contract.key])
    events = ChangeEvents(
        resource.contract,
        resource.schema,
        resource.schema_id,
        source,
        clock=lambda: micros(clock()),
        event_ids=event_ids,
    )
    return GivenRecord(source, *events.upsert(row))


def _owner(resource: Resource, key: Any) -> str:
    """Return the source whose row it is; the first source where it is nobody's, or no key."""
    encoded = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else b""
    owners = (
        source for source, rows in resource.sources.items() if rows is None or rows.matches(encoded)
    )
    return next(owners, next(iter(resource.sources)))
