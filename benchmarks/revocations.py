"""How long a revocation takes under load, and whether anybody reads behind its cut.

    revocations.py [REVOCATIONS [VIEWS [EVENTS_A_SECOND [BROKERS]]]]       default: 200 10 300 1

A bus of its own, in a folder that is removed at the end. Grants are spread over the views, one more
on each stays. While a provider publishes without a pause, the grants are revoked in batches: ten
one after another, and ten at the same moment, in turns. The time is that between two entries of
the ledger, the Revoke and its ReportCut. Each grant has a reader (the kinds are listed at the end),
which goes on for 25 s after the batch: longer than the broker keeps an idle connection. What it got
at or behind the cut's end offsets is a leak.

Writes build/revocations.json.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import combinations
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from infra.clock import new_id  # noqa: E402
from schemas.ledger.acts import Purpose, Request, Revoke  # noqa: E402
from schemas.ledger.state import LedgerState  # noqa: E402
from schemas.ledger.subjects import Grant, GrantStatus  # noqa: E402
from schemas.policy import Policy  # noqa: E402
from tests.integration import held_fetches  # noqa: E402
from tests.integration.held_fetches import Reader, following, reader  # noqa: E402
from tests.integration.running_bus import (  # noqa: E402
    LI,
    RESOURCE,
    ZHANG,
    RunningBus,
    furnish,
    running_bus,
)
from tests.integration.steady_flow import flow  # noqa: E402

BATCH, AFTER_S, TICK_S, LIMIT_S = 10, 25, 0.05, 600
LIBRARY_KINDS, JAVA_KINDS = held_fetches.KINDS[:4], held_fetches.KINDS[4:]
"""In each third batch one of them takes a place: each is a process of 100 MB."""


def main(revocations: int = 200, views: int = 10, rate: int = 300, brokers: int = 1) -> None:
    """Set the scene, revoke, print what it took and what leaked."""
    with (
        TemporaryDirectory(prefix="sharebus-bench-") as folder,
        running_bus(Path(folder) / "home", "--brokers", str(brokers)) as bus,
    ):
        furnish(bus)
        began = time.monotonic()
        grants = ask(bus, revocations + views, views)
        print(f"{len(grants)} grants on {views} views in {time.monotonic() - began:.0f} s")
        revoked = grants[views:]
        batches = [revoked[at : at + BATCH] for at in range(0, len(revoked), BATCH)]
        readers: list[Reader] = []
        with flow(bus, rate), ThreadPoolExecutor(4) as pool:
            after = []
            for number, batch in enumerate(batches):
                several = [
                    reader(bus, grant, kind)
                    for grant, kind in zip(batch, kinds(number, len(batch)), strict=True)
                ]
                readers += several
                started = threading.Event()
                after.append(pool.submit(observe, bus, several, started, number % 2 == 1))
                started.wait(LIMIT_S)
            for each in after:
                each.result()
        report(bus.state(), readers, {"views": views, "events_per_s": rate, "brokers": brokers})


def kinds(number: int, count: int) -> list[str]:
    """Return the kind of each reader of a batch."""
    found = [LIBRARY_KINDS[(number + each) % len(LIBRARY_KINDS)] for each in range(count)]
    if number % 3 == 0:
        found[0] = JAVA_KINDS[number // 3 % len(JAVA_KINDS)]
    return found


def ask(bus: RunningBus, count: int, views: int) -> list[Grant]:
    """Return so many grants that work, spread over so many views."""
    items = ("name", "level", "parent", "path")
    policies = [
        Policy.kept(RESOURCE, ("code", *chosen)).canonical_json().decode()
        for size in range(len(items) + 1)
        for chosen in combinations(items, size)
    ][-views:]
    acts = [
        Request(policies[n % views], Purpose("verification", f"matter {n}", "none"))
        for n in range(count)
    ]

    def are_active(state: LedgerState) -> bool:
        active = [g for g in state.grants.values() if g.status is GrantStatus.ACTIVE]
        return len(active) == count

    with bus.client(LI) as client:
        client.submit([(act, new_id()) for act in acts])
        state = client.wait_until(are_active, "all grants to work", LIMIT_S)
    return list(state.grants.values())


def observe(bus: RunningBus, readers: list[Reader], over: threading.Event, together: bool) -> None:
    """Let a batch read, revoke it, and let it try to go on; `over` is set at the last cut."""
    try:
        with following(readers):
            wait_reading(readers)
            revoke(bus, [each.grant for each in readers], together)
            over.set()
            time.sleep(AFTER_S)
    finally:
        over.set()


def wait_reading(readers: list[Reader]) -> None:
    """Wait until all read that can be seen to, and the others' fetches stand at the broker."""
    deadline = time.monotonic() + LIMIT_S
    while not all(each.places for each in readers if each.kind != held_fetches.SILENT):
        if time.monotonic() > deadline:
            sys.exit(f"waited {LIMIT_S} s in vain for the readers to read")
        time.sleep(TICK_S)


def revoke(bus: RunningBus, grants: list[Grant], together: bool) -> None:
    """Revoke at the same moment, or one after another's cut; return when all are cut."""
    with bus.client(ZHANG) as client:
        for several in [grants] if together else [[grant] for grant in grants]:
            ids = {grant.id for grant in several}
            client.submit([(Revoke(name, "benchmark"), new_id()) for name in ids])
            client.wait_until(partial(are_ended, ids), "the cuts", LIMIT_S)


def are_ended(ids: set[str], state: LedgerState) -> bool:
    """Tell whether all these grants are cut."""
    ended = {grant.id for grant in state.grants.values() if grant.status is GrantStatus.ENDED}
    return ids <= ended


def report(state: LedgerState, readers: list[Reader], scene: dict[str, int]) -> None:
    """Print the figures and write them down."""
    revoked_at = {
        entry.act.grant: entry.at
        for entry in state.answered.values()
        if isinstance(entry.act, Revoke) and entry.refusal is None
    }
    cut = [state.grants[each.grant.id] for each in readers]
    took = sorted(
        (grant.cut_at - revoked_at[grant.id]).total_seconds() for grant in cut if grant.cut_at
    )
    percentiles = quantiles(took, n=100, method="inclusive")
    figures: dict[str, object] = {
        "revocations": len(took),
        **scene,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[1], 1),
        "p50_s": round(percentiles[49], 3),
        "p99_s": round(percentiles[98], 3),
        "max_s": round(took[-1], 3),
    }
    by_kind: dict[str, Counter[str]] = {}
    for each, grant in zip(readers, cut, strict=True):
        counts = by_kind.setdefault(each.kind, Counter())
        leaked = len(each.beyond(grant.end_offsets))
        counts.update(readers=1, records=len(each.places), leaked=leaked, leaky=bool(leaked))
    figures["leaked_records"] = sum(counts["leaked"] for counts in by_kind.values())
    figures["readers"] = {kind: dict(counts) for kind, counts in by_kind.items()}
    for kind, counts in by_kind.items():
        print(
            f"{counts['readers']:4} x {kind:38} {counts['records']:9,} records, of them "
            f"{counts['leaked']:,} behind the cut ({counts['leaky']} readers)"
        )
    print(
        f"{len(took)} revocations, from entry to cut: p50 {percentiles[49]:.3f} s, "
        f"p99 {percentiles[98]:.3f} s, max {took[-1]:.3f} s "
        f"(load average {figures['load_average']} on {figures['cores']} cores)"
    )
    file = ROOT / "build" / "revocations.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
