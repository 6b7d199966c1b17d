"""Runs cases in processes of their own, in four ways, and watches over them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

from tests.fuzz.findings import Finding, Wrong

MIB = 2**20
PER_SEED = 1_000_000
"""Seeds of cases to each seed of a run."""


@dataclass(frozen=True)
class Mode:
    """A way to run the kernel.

    Args:
        environment: how numba compiles, or doesn't.
        schemas: one in so many of the run's.
        payloads: one in so many of a schema's.
        time: parts in a hundred of the run's, where that is bounded.
        canaries: whether every small capacity is tried, too.
    """

    environment: dict[str, str]
    schemas: int
    payloads: int
    time: int
    canaries: bool = False


MODES = {
    "compiled": Mode({}, 1, 1, 75),
    "boundscheck": Mode({"NUMBA_BOUNDSCHECK": "1"}, 10, 1, 10),
    "canaries": Mode({}, 20, 4, 8, canaries=True),
    "uncompiled": Mode({"NUMBA_DISABLE_JIT": "1"}, 50, 4, 7),
}


@dataclass
class Share:
    """Some cases of one mode, for one process."""

    mode: str
    first: int
    count: int
    payloads: int
    seconds: float


@dataclass
class Told:
    """What processes told of their cases."""

    counts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    growth: int = 0

    def take(self, other: Told) -> None:
        """Take in what another told."""
        self.counts += other.counts
        self.outcomes += other.outcomes
        self.findings += other.findings
        self.growth = max(self.growth, other.growth)

    def hear(self, line: str, seed: int) -> int:
        """Take in one line of a process; give the seed of the case that it is at."""
        try:
            words = json.loads(line)
        except ValueError:  # it ended in the middle of it
            return seed
        self.counts.update(words.get("counts", {}))
        self.outcomes.update(words.get("outcomes", {}))
        self.growth = max(self.growth, words.get("growth", 0))
        for each in words.get("findings", ()):
            self.findings.append(Finding(**{**each, "wrong": Wrong(each["wrong"])}))
        return int(words.get("begin", seed))

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        wrong = Counter(each.wrong.value for each in self.findings)
        return {
            **{name: self.counts[name] for name in ("schemas", "policies", "payloads")},
            **{each.value: wrong[each.value] for each in Wrong},
            "rss_growth_mib": round(self.growth / MIB, 1),
        }


def shares(
    seed: int, schemas: int, payloads: int, seconds: float, workers: int, modes: list[str]
) -> Iterator[Share]:
    """Divide a run's cases among processes; the bulk comes first."""
    of_all = sum(MODES[name].time for name in modes)
    for name in modes:
        mode = MODES[name]
        cases = max(1, schemas // mode.schemas)
        # One in ten more, because some schemas are drawn to be refused.
        each = max(1, payloads * 11 // (10 * schemas * mode.payloads))
        first = seed * PER_SEED + [*MODES].index(name) * PER_SEED // len(MODES)
        parts = workers if cases >= 20 * workers else 1
        for part in range(parts):
            start, end = cases * part // parts, cases * (part + 1) // parts
            bound = seconds * mode.time / of_all * workers / parts
            yield Share(name, first + start, end - start, each, bound)


def run(given: list[Share], workers: int, directory: Path, patience: float) -> dict[str, Told]:
    """Run shares, so many at a time, and give what was told of each mode."""
    told = {share.mode: Told() for share in given}
    with ThreadPoolExecutor(workers) as pool:
        results = pool.map(lambda share: run_share(share, directory, patience), given)
        for share, result in zip(given, results, strict=True):
            told[share.mode].take(result)
    return told


def run_share(share: Share, directory: Path, patience: float) -> Told:
    """Run a share; a process that ends or hangs is a finding, and another goes on behind it."""
    told = Told()
    first, end = share.first, share.first + share.count
    while first < end:
        last = watch(
            _command(share, first, end - first), _environment(share, directory), patience, told
        )
        if last is None:
            break
        first = last + 1
    return told


def watch(
    command: list[str], environment: dict[str, str], patience: float, told: Told
) -> int | None:
    """Run a process to its end and gather what it tells.

    Args:
        command: what to run.
        environment: its whole environment.
        patience: seconds without a line after which the process hangs, and is killed.
        told: where to.

    Returns:
        The seed at which it crashed or hung; None where it did neither.
    """
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    seed, hangs = -1, []

    def give_up() -> None:
        hangs.append(seed)
        process.kill()

    assert process.stdout is not None
    timer = Timer(patience, give_up)
    timer.start()
    for line in process.stdout:
        timer.cancel()
        timer = Timer(patience, give_up)
        timer.start()
        seed = told.hear(line, seed)
    status = process.wait()
    timer.cancel()
    if status == 0:
        return None
    wrong = Wrong.HANG if hangs else Wrong.CRASH
    told.findings.append(Finding(wrong, seed, f"the process ended with {status}"))
    return seed if seed >= 0 else sys.maxsize


def _command(share: Share, first: int, count: int) -> list[str]:
    values = [first, count, share.payloads, share.seconds, int(MODES[share.mode].canaries)]
    return [sys.executable, "-m", "tests.fuzz", "--worker", *map(str, values)]


def _environment(share: Share, directory: Path) -> dict[str, str]:
    # What was compiled in one way is of no use in another.
    cache = directory / share.mode.replace("canaries", "compiled")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {**os.environ, "NUMBA_CACHE_DIR": str(cache), **MODES[share.mode].environment}
