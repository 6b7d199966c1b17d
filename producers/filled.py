"""Waits until a view holds the present state: a new one is still being filled when it can be read.

Provisioning makes a view readable, and its grant active, before enforcement has filled it.
"""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka.clients import Access
from infra.kafka.progress import Progress, progress_of, read_progress
from infra.terminal import note
from producers.waiting import PATIENCE_S, wait_while_moving
from schemas.errors import Unavailable
from schemas.ledger.subjects import View


def wait_filled(
    access: Access, group: str, view: View, partitions: int, patience_s: float = PATIENCE_S
) -> None:
    """Return once a view holds the present state and is kept; says how far it is meanwhile.

    Args:
        access: of a source; it may read how far views are filled.
        group: a group that it may use; nothing is committed to it.
        view: as the ledger has it now.
        partitions: of the view's resource.
        patience_s: at most so long without any progress.

    Raises:
        Unavailable: the filling stands still, or the broker doesn't answer.
    """

    def ask() -> list[Progress]:
        known = read_progress(access, group)
        return [progress_of(known, view, partition) for partition in range(partitions)]

    def tell(found: Sequence[Progress]) -> None:
        note(f"{view.topic} is being filled: {_told(found)}")

    found = wait_while_moving(ask, lambda now: all(each.live for each in now), tell, patience_s)
    if not all(each.live for each in found):
        raise Unavailable(
            f"the view is still being filled, and its filling stands still: {_told(found)}",
            where=view.topic,
            remedy="Look at: sharebus status. When enforcement goes on, give the same command "
            "again: it compares anew",
        )


def _told(found: Sequence[Progress]) -> str:
    live, read = sum(each.live for each in found), sum(each.next_offset for each in found)
    return f"{live} of {len(found)} partitions hold the present state, {read:,} offsets are read"
