"""The main job at full breadth: five base resources, four providers, six subscribers, counted.

    make demo

All 44,703 administrative divisions of China, and synthetic persons, organisations, parcels and
licences in them, are published and then live: births, deaths, moves, transfers. Departments ask
for what they need, each for a purpose, and get what they were granted. On the way enforcement is
killed with `kill -9`, and one grant is revoked. At the end three independent counts of every grant
must agree: what enforcement let out (read from the broker), what the subscriber read (distinct
topic, partition, offset), what ClickHouse counted. And no value of any person may stand anywhere
beside the records: in no log, metric, quarantine, ledger or fact.

The demo's bus lives under `.sharebus/demo-bus` and is emptied at the start. The result is also
written to `.sharebus/demo.json`; the exit status says whether everything holds.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cast import (
    ASKED,
    DIRECT,
    ENTRIES,
    EXPLAINED,
    OTHERS,
    PARTLY,
    PROVIDERS,
    REFUSED,
    REVOKED,
    SUBSCRIBERS,
    WATCHERS,
    Wish,
)
from counting import Reader, count_grants, settled, show_counts
from flow import flow
from leak_places import read
from rich.console import Console
from side_by_side import key_in_view, search_everywhere, show_person, watched_person

from consumers.properties import write_properties
from infra.acting import read_state, running_bus
from infra.bus import Bus
from infra.terminal import explain
from schemas.errors import CommandRefused, SharebusError
from schemas.names import department_principal
from sharebus import app as command_line

HOME = Path(".sharebus/demo-bus").absolute()
RESULT = Path(".sharebus/demo.json")
LEAKED = " VALUES OF PERSONS STAND WHERE NONE MAY BE."
BROKERS = os.environ.get("DEMO_BROKERS", "1")
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


def main() -> int:
    """Tell the story from beginning to end; return the exit status."""
    os.environ["SHAREBUS_HOME"] = str(HOME)
    title("An empty bus")
    sharebus("down")
    shutil.rmtree(HOME, ignore_errors=True)
    sharebus("up", *(["--brokers", BROKERS] if BROKERS != "1" else []))
    try:
        return tell(running_bus())
    finally:
        title("The end")
        sharebus("down")


def tell(bus: Bus) -> int:
    """Play every part on a running bus."""
    title("Departments join; providers publish their catalogue entries")
    for department in (*PROVIDERS, *SUBSCRIBERS, *OTHERS):
        sharebus("register", "department", department.id, "--name", department.name)
        sharebus("register", "person", department.id, "--department", department.id)
    for entry in ENTRIES:
        sources = [word for source in entry.sources for word in ("--source", source)]
        sharebus("catalogue", "publish", entry.resource, "--as", entry.lead, *sources)
    sharebus("catalogue", "list")
    grants = share()
    title("What a grant sees, and why")
    sharebus("policy", "explain", grants[EXPLAINED])
    title("A department without a grant is turned away by the broker")
    console.print(
        f"  {turned_away(bus, 'press', read_state(bus).grants[grants[PARTLY.label]].view)}"
    )

    before = read(bus)
    watched = watched_person()
    readers = {}
    for label, grant in grants.items():
        granted = read_state(bus).grants[grant]
        key = key_in_view(bus, granted, watched) if label in WATCHERS else ""
        readers[grant] = Reader(grant, write_properties(bus, granted), key)
        readers[grant].start()
    to_revoke = readers[grants[REVOKED]]
    flow(bus, console, title, sharebus, to_revoke.grant, lambda: bool(to_revoke.seen))
    title("Every reader comes to the end")
    settled(bus, console, readers)
    title("The same person, as each subscriber sees it")
    show_person(console, {label: readers[grants[label]] for label in WATCHERS})
    title("No value of any person in any log, metric, quarantine, ledger or fact")
    clean = search_everywhere(console, bus, before)
    title("Three counts of every grant")
    counts = count_grants(bus, [read_state(bus).grants[grant] for grant in readers], readers)
    labels = {grant: label for label, grant in grants.items()}
    show_counts(console, [replace(count, subscriber=labels[count.grant]) for count in counts])
    agree = all(count.agrees for count in counts) and readers[grants[REVOKED]].revoked
    ok = agree and clean
    document = {"ok": ok, "grants": [count.document() for count in counts]}
    RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    told = "The counts agree." if agree else "THE COUNTS DO NOT AGREE."
    console.print(f"{told}{'' if clean else LEAKED} See {RESULT}")
    return 0 if ok else 1


def share() -> dict[str, str]:
    """Let everybody ask and be answered; return the grants by the wishes' labels."""
    grants = {}
    title("Unconditional items are granted at once (R12.1), some with rows of their own")
    for wish in DIRECT:
        (grants[wish.label],), _ = ask(wish)
    title("A request with an unconditional and a conditional part (R9)")
    (grants[f"{PARTLY.label}, directly"],), pending = ask(PARTLY)
    title("Conditional items: the provider answers, with conditions or a reason (R12.2)")
    for wish, waits in ((PARTLY, pending), *((each, ask(each)[1]) for each in ASKED)):
        grants[wish.label] = approve(wish, waits[-1])
    refused = ask(REFUSED)[1][-1]
    lead = lead_of(REFUSED)
    sharebus("refuse", refused, "--as", lead, "--reason", REFUSED.answer)
    return grants


def ask(wish: Wish) -> tuple[list[str], list[str]]:
    """Send a request with its purpose (R5.2, R12.4); return new grants and waiting requests."""
    before = read_state(running_bus())
    words = ["--purpose", wish.purpose, "--matter", wish.matter, "--basis", wish.basis]
    words += ["--items", wish.items] if wish.items else []
    words += ["--prefix", wish.prefix] if wish.prefix else []
    words += ["--policy", wish.policy] if wish.policy else []
    sharebus("request", wish.resource, "--as", wish.subscriber, *words)
    after = read_state(running_bus())
    new = [case for case in after.requests.values() if case.id not in before.requests]
    return [case.grant for case in new if case.grant], [c.id for c in new if not c.grant]


def approve(wish: Wish, request: str) -> str:
    """Answer yes as the lead department; return the grant's id."""
    sharebus("approve", request, "--as", lead_of(wish), "--conditions", wish.answer)
    return read_state(running_bus()).requests[request].grant


def lead_of(wish: Wish) -> str:
    """Return who keeps the entry."""
    return next(entry.lead for entry in ENTRIES if entry.resource == wish.resource)


def turned_away(bus: Bus, department: str, view: str) -> str:
    """Try to read a view with a department's own credential; return the broker's words."""
    access = bus.access(department_principal(department))
    consumer = access.consumer(f"department-{department}.curious")
    consumer.subscribe([view])
    try:
        while True:
            message = consumer.poll(1)
            if message is not None:
                error = message.error()
                if error is None:
                    raise SharebusError("a department without a grant has read a view")
                return f"{department} on {view}: {error.name()}"
    finally:
        consumer.close()


def sharebus(*arguments: str) -> None:
    """Run one command as a person would, and show it."""
    console.print(f"[bold]$ sharebus {' '.join(arguments)}[/bold]", soft_wrap=True)
    run: Callable[..., Any] = command_line
    try:
        run(list(arguments), standalone_mode=False)
    except CommandRefused as error:
        explain(error)


def title(text: str) -> None:
    """Begin a part of the story."""
    console.print()
    console.rule(text, align="left")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SharebusError as error:
        sys.exit(explain(error))
