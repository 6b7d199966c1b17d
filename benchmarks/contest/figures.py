"""From rounds to figures: medians, spread, percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Round:
    """What one contender did in one round, between two commits.

    Attributes:
        records_per_s: input records by the wall clock.
        cpu: CPU seconds of its own processes per million input records.
        broker_cpu: those of the broker.
    """

    records_per_s: float
    cpu: float
    broker_cpu: float


@dataclass(frozen=True)
class Latency:
    """From the intended send time to the reader, in milliseconds, of one round."""

    p50: float
    p99: float
    p999: float


@dataclass(frozen=True)
class Figure:
    """A median with its spread: the least and the most of the rounds."""

    median: float
    least: float
    most: float


def figure(values: Sequence[float]) -> Figure:
    """Return median and spread of at least one value."""
    return Figure(median(values), min(values), max(values))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all are not above (nearest rank).

    Args:
        ordered: ascending, at least one.
        share: above 0, at most 1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Mark:
    """How far a contender had come at one moment."""

    records: int
    at_s: float
    cpu_s: float
    broker_cpu_s: float


def between(first: Mark, last: Mark) -> Round:
    """Return what was done between two moments.

    Raises:
        ValueError: no record was.
    """
    records = last.records - first.records
    if records <= 0:
        raise ValueError("no record was committed between the two moments")
    return Round(
        records / (last.at_s - first.at_s),
        (last.cpu_s - first.cpu_s) / records * 1e6,
        (last.broker_cpu_s - first.broker_cpu_s) / records * 1e6,
    )


def order_of(names: Sequence[str], number: int) -> list[str]:
    """Return who comes after whom in a round: forwards, then backwards (ABBA), from round 0."""
    return list(names) if number % 2 == 0 else list(reversed(names))
