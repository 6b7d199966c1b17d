"""The four providers at work, in a process of their own: the first state, then life until told.

    python examples/providing.py PERSONS ORGANISATIONS PARCELS LICENCES

Prints how many events were sent, a line each 5,000. A line on standard input ends life; then
everything is flushed, and the last line says how many events were delivered.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

from cast import DIVISION
from divisions import Divisions

from infra.acting import running_bus
from infra.bus import Bus
from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from producers.publisher import Publisher
from producers.simulator import Change, World, packaged_divisions

SEED = 51
CIVIL = "civil-affairs"
AS_OF = date(2026, 1, 1)
TOLD_EVERY = 5_000


def main(persons: int, organisations: int, parcels: int, licences: int) -> None:
    """Be all providers until told to stop."""
    # What the client logs of a broker that is away would only stand between the story's lines.
    logging.getLogger().addHandler(logging.NullHandler())
    divisions = Divisions()
    world = World(
        SEED,
        packaged_divisions().counties,
        persons=persons,
        organisations=organisations,
        parcels=parcels,
        licences=licences,
        as_of=AS_OF,
    )
    told = threading.Event()
    threading.Thread(target=await_word, args=(told,), daemon=True).start()
    publishers: dict[tuple[str, str], Publisher] = {}
    bus = running_bus()
    for sent, change in enumerate(history(world, divisions, told), 1):
        publisher = publishers.get((change.resource, change.source))
        if publisher is None:
            publisher = publishers[change.resource, change.source] = opened(bus, change)
        if change.row is None:
            publisher.delete(change.key)
        else:
            publisher.upsert(change.row)
        if sent % TOLD_EVERY == 0:
            print(sent, flush=True)
    print(sum(publisher.flush() for publisher in publishers.values()), flush=True)


def await_word(told: threading.Event) -> None:
    """Set the event at the first line, or when whoever started this is gone."""
    sys.stdin.readline()
    told.set()


def history(world: World, divisions: Divisions, told: threading.Event) -> Iterator[Change]:
    """Yield the first state of everything, then what happens until told to stop."""
    midnight = datetime.combine(AS_OF, time(), UTC)
    for code, row in list(divisions.rows.items()):
        yield Change(DIVISION, CIVIL, code, row, midnight)
    yield from world.first_state()
    for change, of_division in zip(world.life(), divisions.live(SEED), strict=False):
        if told.is_set():
            return
        yield change
        yield Change(DIVISION, CIVIL, of_division.code, of_division.row, change.occurred_at)


def opened(bus: Bus, change: Change) -> Publisher:
    """Return a publisher; the person who acts for a department bears its name here."""
    return open_publisher(bus, load_profile(bus.home, change.source), change.resource)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
