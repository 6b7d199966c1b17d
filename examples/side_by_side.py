"""One person as each subscriber sees it; and the search for any person's values elsewhere."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

from counting import Reader
from flow import LICENCES, ORGANISATIONS, PARCELS, PERSONS
from leak_places import search
from leaks import Values
from providing import AS_OF, SEED
from rich.console import Console
from rich.table import Column, Table

from infra.bus import Bus
from producers.simulator import World, packaged_divisions
from schemas.catalogue import packaged_resource
from schemas.ledger.subjects import Grant
from schemas.policy.reference import view_key

RESOURCE = "population.person"
LEFT_ALONE = 20_000
"""Changes of life; the demo plays fewer than half as many."""


def world() -> World:
    """Return the world that the providers live in: the same seed gives the same persons."""
    return World(
        SEED,
        packaged_divisions().counties,
        persons=PERSONS,
        organisations=ORGANISATIONS,
        parcels=PARCELS,
        licences=LICENCES,
        as_of=AS_OF,
    )


def watched_person() -> str:
    """Return the key of a person whom all watchers are granted: of Guangdong, and left alone."""
    touched = {change.key for change in islice(world().life(), LEFT_ALONE)}
    return next(
        change.key
        for change in world().first_state()
        if change.resource == RESOURCE
        and change.key.startswith("44")
        and change.key not in touched
        and change.row is not None
        and str(change.row["registered_division"]).startswith("44")
    )


def key_in_view(bus: Bus, grant: Grant, key: str) -> str:
    """Return the key that a grant's view has for a record, which may be a pseudonym of it."""
    secret = bus.secrets.pseudonym_key(grant.policy)
    return view_key(grant.policy, "citizen_number", key.encode(), secret).decode()


def show_person(console: Console, readers: dict[str, Reader]) -> None:
    """Print one column a subscriber; an item that was not granted isn't there at all."""
    contract, _ = packaged_resource(RESOURCE)
    columns = [Column(label, overflow="fold") for label in readers]
    table = Table("item", *columns, title=f"{contract.name}（合成数据）", title_justify="left")
    for item in contract.items:
        cells = [_cell(reader.present, item.name) for reader in readers.values()]
        table.add_row(item.title, *cells)
    console.print(table)


def _cell(items: dict[str, Any] | None, name: str) -> str:
    if items is None:
        return ""
    if name not in items:
        return "—"
    value = items[name]
    return " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)


def search_everywhere(console: Console, bus: Bus, before: bytes) -> bool:
    """Look for every person's values in all that the bus wrote beside the records themselves.

    Life is taken further than the demo plays it, so that whatever was sent is looked for. What
    stood there `before` the first record is nobody's.
    """
    values, persons = Values(), set()
    country = world()
    for change in chain(country.first_state(), islice(country.life(), LEFT_ALONE)):
        if change.resource == RESOURCE:
            persons.add(change.key)
            values.add(change.row)
    collected = len(values)
    values.leave_out(before)
    searched = search(bus, values)
    console.print(
        f"  {len(values):,} values of {len(persons):,} persons (without {collected - len(values)} "
        f"that stood there before) in {searched.files:,} files,\n  {searched.pages} pages of "
        f"metrics, {searched.messages:,} messages and {searched.rows:,} rows "
        f"({searched.size:,} bytes): {len(searched.leaks)} found"
    )
    for leak in searched.leaks[:5]:
        console.print(f"  {leak.place} at {leak.at}")
    return not searched.leaks
