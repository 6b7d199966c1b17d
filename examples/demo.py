"""The main job on real input: from provider to subscriber, let through by grants, counted.

    make demo

All 44,703 administrative divisions of China are published, then changed (renamed, moved, measured,
abolished; seeded) to 100,000 events. Departments ask for them and get what they were granted. On
the way enforcement is killed with `kill -9`, and one grant is revoked. At the end three independent
counts of every grant must agree: what enforcement let out (read from the broker), what the
subscriber read (distinct topic, partition, offset), what ClickHouse counted.

The demo's bus lives under `.sharebus/demo-bus` and is emptied at the start. The result is also
written to `.sharebus/demo.json`; the exit status says whether the counts agree.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from counting import Count, Reader, count_grants, show_counts
from divisions import Change, Divisions
from rich.console import Console

from consumers.properties import write_properties
from infra.acting import read_state, running_bus
from infra.bus import Bus
from infra.home import read_json
from infra.ledger.profiles import load_profile
from infra.processes.background import status_file
from infra.terminal import explain, progress_bar
from producers.opening import open_publisher
from schemas.errors import CommandRefused, SharebusError
from schemas.ledger.state import Grant
from schemas.names import department_principal
from sharebus import app as command_line

HOME = Path(".sharebus/demo-bus").absolute()
RESULT = Path(".sharebus/demo.json")
RESOURCE = "geography.division"
SEED, EVENTS = 51, 100_000
KILL_AT, REVOKE_AT = 60_000, 80_000
AHEAD = 20_000
console = Console(highlight=False)


def main() -> int:
    """Tell the story from beginning to end; return the exit status."""
    os.environ["SHAREBUS_HOME"] = str(HOME)
    title("An empty bus")
    sharebus("down")
    shutil.rmtree(HOME, ignore_errors=True)
    sharebus("up")
    try:
        return tell(running_bus())
    finally:
        title("The end")
        sharebus("down")


def tell(bus: Bus) -> int:
    """Play every part on a running bus."""
    join()
    all_items = granted("wang-health", "疫情流调", "传染病防治法")
    title("Conditional items: the provider answers (R12.2)")
    everything = asked("chen-planning", "国土空间规划", "土地管理法", "code,name,level,path,area")
    sharebus("approve", everything, "--as", "zhang-civil", "--conditions", "仅用于规划编制")
    refused = asked("liu-press", "新闻配图", "无", "code,name,area")
    sharebus("refuse", refused, "--as", "zhang-civil", "--reason", "用途不属于履行职责")
    title("Some items, some rows; and one grant that will be revoked")
    one_province = granted(
        "huang-guangdong", "省内登记", "地方组织法", "--items", "code,name", "--prefix", "44"
    )
    to_revoke = granted("zhao-transport", "线路规划", "公路法", "--items", "code,name,parent")
    title("A department without a grant is turned away by the broker")
    console.print(f"  {turned_away(bus, 'tax', granted_view(bus, all_items))}")

    readers = {}
    for grant in (all_items, grant_of(bus, everything), one_province, to_revoke):
        properties = write_properties(bus, read_state(bus).grants[grant])
        readers[grant] = Reader(grant, properties)
        readers[grant].start()
    title(
        f"{EVENTS:,} events: {KILL_AT:,} in, enforcement is killed; {REVOKE_AT:,} in, a revocation"
    )
    flow(bus, readers[to_revoke], pace=[readers[all_items], readers[to_revoke]])
    title("Three counts")
    counts = settled(bus, readers)
    show_counts(console, counts)
    ok = all(count.agrees for count in counts) and readers[to_revoke].revoked
    document = {"ok": ok, "grants": [count.document() for count in counts]}
    RESULT.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    console.print(f"{'The counts agree.' if ok else 'THE COUNTS DO NOT AGREE.'} See {RESULT}")
    return 0 if ok else 1


def join() -> None:
    """Departments and people join, and the catalogue entry is published."""
    title("Departments join, and the provider publishes its catalogue entry")
    for department, name, person in (
        ("civil-affairs", "民政部", "zhang-civil"),
        ("health", "卫生健康委", "wang-health"),
        ("planning", "自然资源部", "chen-planning"),
        ("press", "出版社", "liu-press"),
        ("guangdong", "广东省政务服务局", "huang-guangdong"),
        ("transport", "交通运输部", "zhao-transport"),
        ("tax", "税务总局", "sun-tax"),
    ):
        sharebus("register", "department", department, "--name", name)
        sharebus("register", "person", person, "--department", department)
    sharebus("catalogue", "publish", RESOURCE, "--as", "zhang-civil")
    sharebus("catalogue", "show", RESOURCE)


def asked(person: str, matter: str, basis: str, items: str) -> str:
    """Ask for items; return the request's id."""
    before = set(read_state(running_bus()).requests)
    ask(person, matter, basis, "--items", items)
    (request,) = set(read_state(running_bus()).requests) - before
    return request


def granted(person: str, matter: str, basis: str, *what: str) -> str:
    """Ask for unconditional items, which are granted at once (R12.1); return the grant's id."""
    before = set(read_state(running_bus()).grants)
    ask(person, matter, basis, *what)
    (grant,) = set(read_state(running_bus()).grants) - before
    return grant


def ask(person: str, matter: str, basis: str, *what: str) -> None:
    """Send a request with its purpose (R5.2, R12.4)."""
    purpose = ("--purpose", "administrative_basis", "--matter", matter, "--basis", basis)
    sharebus("request", RESOURCE, "--as", person, *purpose, *what)


def flow(bus: Bus, to_revoke: Reader, pace: list[Reader]) -> None:
    """Publish everything; meanwhile kill enforcement, and revoke one grant."""
    progress = Progress(pace)
    provider = threading.Thread(target=publish, args=(bus, progress), name="provider")
    provider.start()
    progress.wait_for(KILL_AT)
    pid = read_json(status_file(bus.home))["processes"]["enforcement"]["pid"]
    console.print(f"  kill -9 {pid}  (enforcement, after {progress.sent:,} events)")
    os.kill(pid, signal.SIGKILL)
    progress.wait_for(REVOKE_AT)
    console.print(f"  after {progress.sent:,} events:")
    sharebus("revoke", to_revoke.grant, "--as", "zhang-civil", "--reason", "事项已办结")
    progress.told.set()
    provider.join()


class Progress:
    """How many events the provider has sent; others wait for a number.

    The provider runs at most 20,000 events ahead of what subscribers have read, so that the kill
    and the revocation fall into the flow and not behind it.
    """

    def __init__(self, pace: list[Reader]) -> None:
        self.sent = 0
        self.told = threading.Event()
        self._pace = pace
        self._moved = threading.Condition()

    def step(self) -> None:
        """Count one event, and wait while subscribers are too far behind."""
        with self._moved:
            self.sent += 1
            if self.sent % 1000 == 0:
                self._moved.notify_all()
                while self._read() < self.sent - AHEAD:
                    self._moved.wait(0.05)

    def _read(self) -> int:
        return min(len(reader.seen) for reader in self._pace if not reader.revoked)

    def wait_for(self, count: int) -> None:
        """Return once so many events were sent."""
        with self._moved:
            self._moved.wait_for(lambda: self.sent >= count)


def publish(bus: Bus, progress: Progress) -> None:
    """Be the provider: all divisions as they are, then their life until the story is told."""
    divisions = Divisions()
    profile = load_profile(bus.home, "zhang-civil")
    with open_publisher(bus, profile, RESOURCE) as publisher, progress_bar() as bar:
        task = bar.add_task("  published", total=EVENTS, count="")
        for change in history(divisions):
            if change.row is None:
                publisher.delete(change.code)
            else:
                publisher.upsert(change.row)
            progress.step()
            done = progress.sent >= EVENTS and progress.told.is_set()
            if done or progress.sent % 1000 == 0:
                total = progress.sent if done else max(EVENTS, progress.sent + 1)
                count = f"{progress.sent:,} events"
                bar.update(task, completed=progress.sent, total=total, count=count)
            if done:
                return


def history(divisions: Divisions) -> Iterator[Change]:
    """Yield the first state of every division, then what happens to them."""
    rows = dict(divisions.rows)
    for code, row in rows.items():
        yield Change(code, row)
    yield from divisions.live(SEED)


def settled(bus: Bus, readers: dict[str, Reader], limit_s: float = 120) -> list[Count]:
    """Wait until the counts stand still and agree, or the limit is reached; stop the readers."""
    deadline = time.monotonic() + limit_s
    told = ""
    while True:
        grants: list[Grant] = [read_state(bus).grants[grant] for grant in readers]
        counts = count_grants(bus, grants, readers)
        if all(count.agrees for count in counts) or time.monotonic() > deadline:
            break
        waiting = ", ".join(f"{c.grant} {c.read:,} of {c.delivered:,}" for c in counts)
        if waiting != told:
            console.print(f"  read: {waiting}")
            told = waiting
    for reader in readers.values():
        reader.stop()
    return count_grants(bus, grants, readers)


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


def grant_of(bus: Bus, request: str) -> str:
    """Return the grant that answers a request."""
    return read_state(bus).requests[request].grant


def granted_view(bus: Bus, grant: str) -> str:
    """Return the topic of a grant's view."""
    return read_state(bus).grants[grant].view


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
