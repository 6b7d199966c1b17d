"""Enforcement's lag by worker: who has which partitions, as the broker tells it.

With one worker the group's lag is that worker's, also while it is down. With several each has the
lag of what it was assigned, and what nobody was assigned is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from infra.kafka.clients import Access
from infra.kafka.members import Place, assigned
from infra.observability.flows import Flow
from schemas.errors import Unavailable
from schemas.names import ENFORCEMENT

NOBODY: Final = "enforcement (no worker)"
_UNKNOWN: Final = "its metrics don't answer, so nobody knows when it last committed"


def shares(access: Access, timeout_s: float) -> dict[str, frozenset[Place]] | None:
    """Return what each worker of the group was assigned, by the worker's process.

    A worker that ended keeps its share until its session is over. None: the group's coordinator
    does not answer.
    """
    try:
        found = assigned(access, ENFORCEMENT, timeout_s)
    except Unavailable:
        return None
    # Slot 0 is the process `enforcement`, slot 3 is `enforcement-3`.
    return {member.removesuffix("-0"): places for member, places in found.items()}


def flows(
    left: Mapping[Place, int],
    shared: Mapping[str, frozenset[Place]],
    committed: Mapping[str, datetime | None],
    last: datetime | None,
) -> dict[str, Flow]:
    """Return each worker's way through raw, by its process, and that of `NOBODY`.

    Args:
        left: records of raw that were not enforced yet.
        shared: which partitions each of several workers has.
        committed: when each committed last, as its metrics show; without those that don't answer.
        last: when any of them committed last.
    """
    owned = frozenset[Place]().union(*shared.values())
    without = sum(behind for place, behind in left.items() if place not in owned)
    found = {NOBODY: Flow(without, "records", last)}
    for worker, places in shared.items():
        behind = sum(left.get(place, 0) for place in places)
        trouble = _UNKNOWN if behind and worker not in committed else ""
        found[worker] = Flow(behind, "records", committed.get(worker), trouble)
    return found
