"""Which faults, in which order: drawn from a seed, so that a run can be repeated."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle
from typing import Final


class Kind(StrEnum):
    """What may go wrong."""

    KILL_WORKER = "kill a worker"
    PAUSE_WORKER = "pause a worker"
    KILL_LEDGER = "kill ledger"
    PAUSE_LEDGER = "pause ledger"
    KILL_PROVISIONING = "kill provisioning"
    PAUSE_PROVISIONING = "pause provisioning"
    KILL_SINK = "kill sink"
    PAUSE_SINK = "pause sink"
    KILL_BROKER = "kill a broker"
    PAUSE_BROKER = "pause a broker"
    DROP_END = "drop the end of a transaction"
    LOSE_END = "lose the answer to the end of a transaction"
    DELAY_END = "delay the end of a transaction"
    DROP_REQUEST = "drop a request"
    LOSE_ANSWER = "lose an answer"
    DELAY_REQUESTS = "delay requests"
    CUT_CONNECTIONS = "cut a worker's connections"
    ADD_WORKER = "add a worker"
    REMOVE_WORKER = "remove a worker"


FAMILIES: Final = (
    (Kind.KILL_WORKER, Kind.PAUSE_WORKER),
    (Kind.DROP_END, Kind.LOSE_END, Kind.DELAY_END),
    (Kind.KILL_BROKER, Kind.PAUSE_BROKER),
    (Kind.KILL_LEDGER, Kind.KILL_PROVISIONING, Kind.KILL_SINK),
    (Kind.ADD_WORKER, Kind.REMOVE_WORKER),
    (Kind.DROP_REQUEST, Kind.LOSE_ANSWER, Kind.DELAY_REQUESTS, Kind.CUT_CONNECTIONS),
    (Kind.PAUSE_LEDGER, Kind.PAUSE_PROVISIONING, Kind.PAUSE_SINK),
)
"""Each round of faults has one of each family, so that a short run is no narrow one."""
SHORT_S: Final = (0.5, 4.0)
LONG_S: Final = (11.0, 16.0)
"""Longer than a session of the group and the time-out of a transaction, 10 s each."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: what.
        pick: chooses among those whom it can befall at its time.
        seconds: how long a pause or a delay takes.
    """

    kind: Kind
    pick: int
    seconds: float


def draw(seed: int, count: int) -> list[Fault]:
    """Return so many faults; the same for the same seed, and more of them begin with the fewer."""
    chance = random.Random(f"faults/{seed}")
    decks = [cycle(chance.sample(family, len(family))) for family in FAMILIES]
    faults: list[Fault] = []
    while len(faults) < count:
        for deck in chance.sample(decks, len(decks)):
            long = chance.random() < 0.3
            seconds = round(chance.uniform(*(LONG_S if long else SHORT_S)), 1)
            faults.append(Fault(next(deck), chance.randrange(10**6), seconds))
    return faults[:count]
