"""Rows to show what a policy lets through: the first of a small world where its rows lie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from producers.simulator.change import DIVISION, LICENCE, PERSON, SOURCES, Row
from producers.simulator.divisions import packaged_divisions
from producers.simulator.sizes import PER_COUNTY, PERSONS, standard_sizes
from producers.simulator.world import World
from schemas.policy import Policy

_SEED: Final = 1
_AS_OF: Final = date(2026, 1, 1)
_COUNTY: Final = 6
"""Digits of a county's code; numbers of persons and parcels begin with one, too."""


def sample_rows(policy: Policy) -> Iterator[Row]:
    """Yield synthetic rows of a policy's resource, none where it is not one of the simulator's.

    Where the policy's rows begin with the codes of divisions, the world lies in these; else it lies
    everywhere. Not every row is one of the policy's: that is for the caller to see. Divisions are
    real ones; of the others there are as many as one county has room for.
    """
    begins = _beginnings(policy)
    if policy.resource == DIVISION:
        rows = list(packaged_divisions().rows())
        return iter([row for row in rows if row["code"].startswith(begins)] or rows)
    if policy.resource not in (*SOURCES, LICENCE):
        return iter(())
    every = packaged_divisions().counties
    counties = [each for each in every if each.code.startswith(begins)] or every
    # Every kind of record in its usual number, of as many persons as one county has room for.
    sizes = standard_sizes(PERSON, PERSONS * PER_COUNTY)
    return World.of_sizes(_SEED, counties, sizes, as_of=_AS_OF).rows(policy.resource)


def _beginnings(policy: Policy) -> tuple[str, ...]:
    """Return how codes of counties begin for the policy's rows, if its texts are such codes."""
    return tuple(
        value[:_COUNTY] for row in policy.rows for value in row.values if isinstance(value, str)
    )
