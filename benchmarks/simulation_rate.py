"""How many changes a second the simulator makes on one core: the first state, and life.

    python benchmarks/simulation_rate.py [CHANGES] [ROUNDS]

A country of 2.3 million records is worked out in one process: persons, organisations, parcels and
licences as they stand first, then what happens to them. Each round takes the next changes of both,
in turns; nothing is done with a change. Medians of CPU seconds, which survive a busy machine.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import date
from itertools import islice

from producers.simulator import Change, World, packaged_divisions

SEED = 7
NEIGHBOURHOODS = 40_000


def country() -> World:
    """Return a country of the usual make, all over China."""
    return World(
        SEED,
        packaged_divisions().counties,
        persons=26 * NEIGHBOURHOODS,
        organisations=4 * NEIGHBOURHOODS,
        parcels=8 * NEIGHBOURHOODS,
        licences=20 * NEIGHBOURHOODS,
        as_of=date(2026, 1, 1),
    )


def rate(told: Iterator[Change], changes: int) -> float:
    """Take so many changes; return how many there were a CPU second."""
    begun = time.process_time()
    deque(islice(told, changes), maxlen=0)
    return changes / (time.process_time() - begun)


def main(changes: int, rounds: int) -> None:
    """Run the rounds, print medians and the peak of memory."""
    world = country()
    told = {"first state": world.first_state(), "life": world.life()}
    found: dict[str, list[float]] = {what: [] for what in told}
    for _ in range(rounds):
        for what, stream in told.items():
            found[what].append(rate(stream, changes))
    for what, rates in found.items():
        low, high = min(rates), max(rates)
        print(
            f"{what:11} {statistics.median(rates):>9,.0f} changes/s of one core's CPU, "
            f"rounds from {low:,.0f} to {high:,.0f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{'memory':11} {peak / 1024:>9,.0f} MiB at the peak")


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:]]
    main(*(counts + [50_000, 9][len(counts) :]))
