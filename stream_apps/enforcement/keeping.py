"""Which views take part, and which are still being filled, for how much of the loop's time."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from infra.kafka.clients import Access
from infra.kafka.progress import Place, Progress, progress_of, read_progress
from schemas.errors import InvalidPolicy
from schemas.ledger.subjects import View
from stream_apps.enforcement.backfill import Fill, FillStep
from stream_apps.enforcement.recall import recall
from stream_apps.enforcement.resource import ResourceEnforcement
from stream_apps.enforcement.views import EnforcedView

log = logging.getLogger(__name__)

SHARE: Final = 0.2
"""Of the loop's time, at most, for fills while live records are waiting."""


class ViewKeeping:
    """The views of a worker's partitions, from the ledger's wish to live.

    Args:
        access: the principal that may read `progress`, `accepted` and the views.
        group: names the readers.
    """

    def __init__(self, access: Access, group: str) -> None:
        self._access, self._group = access, group
        self._progress: dict[Place, Progress] = {}
        self._kept: dict[str, dict[str, View]] = {}  # by resource and topic, those refused too
        self._fills: deque[tuple[ResourceEnforcement, Fill]] = deque()
        self._debt_s = 0.0

    @property
    def count(self) -> int:
        """How many views there are, those being filled included."""
        return sum(map(len, self._kept.values()))

    def begin_anew(self) -> None:
        """Forget all, and read how far fills have come; to be called once offsets are known."""
        self._drop(lambda _: True)
        self._kept.clear()
        self._progress = read_progress(self._access, f"{self._group}.progress")

    def forget(self, resource: str) -> None:
        """Forget a resource's views, which are then compiled anew."""
        self._drop(lambda enforcement: enforcement.resource == resource)
        self._kept.pop(resource, None)

    def keep(
        self, enforcement: ResourceEnforcement, wanted: Iterable[View], owned: Collection[int]
    ) -> None:
        """Let exactly these views take part, each once it is filled.

        To be called between transactions.

        Raises:
            Unavailable: what a view holds can't be read.
        """
        kept = self._kept.setdefault(enforcement.resource, {})
        views = {view.topic: view for view in wanted}
        for topic in [topic for topic, view in kept.items() if views.get(topic) != view]:
            del kept[topic]
            enforcement.end_view(topic)
            self._end_fills(enforcement.resource, topic)
            log.info("ended %s", topic)
        if not owned:
            return
        new = [
            enforced
            for view in views.values()
            if view.topic not in kept and (enforced := _compiled(enforcement, view)) is not None
        ]
        kept.update({topic: view for topic, view in views.items() if topic not in kept})
        self._begin(enforcement, new, sorted(owned))

    @property
    def is_filling(self) -> bool:
        """Whether any view is still to be filled."""
        return bool(self._fills)

    def may_fill(self, idle: bool) -> bool:
        """Tell whether a slice is due: none waits for it, or not for too much of the time."""
        return self.is_filling and (idle or self._debt_s <= 0)

    def next_fill(self) -> tuple[ResourceEnforcement, Fill]:
        """Return the fill whose turn it is."""
        self._fills.rotate(-1)
        return self._fills[-1]

    def filled(self, fill: Fill, step: FillStep | None, waited_for_s: float) -> None:
        """Note that a step was committed, or that there was none, and what live records waited."""
        self._debt_s += waited_for_s * (1 - SHARE) / SHARE
        if step is None:
            return
        for view, after in zip(fill.views, step.after, strict=True):
            self._progress[view.view.topic, fill.partition] = after
        if step.live:
            enforcement, _ = self._fills.pop()
            fill.close()
            for view in fill.views:
                enforcement.keep_view(view, fill.partition)
                log.info("keeps %s in partition %d", view.view.topic, fill.partition)

    def worked(self, seconds: float) -> None:
        """Note how long live records were worked on."""
        self._debt_s = max(0.0, self._debt_s - seconds)

    def _begin(
        self, enforcement: ResourceEnforcement, new: list[EnforcedView], owned: list[int]
    ) -> None:
        begun = [v for v in new if v.needs_membership and self._has_begun(v, owned)]
        recall(self._access, self._group, begun, owned, enforcement.membership)
        standing: dict[tuple[int, int], list[EnforcedView]] = {}
        for view in new:
            for partition in owned:
                progress = progress_of(self._progress, view.view, partition)
                if progress.live:
                    enforcement.keep_view(view, partition)
                else:
                    standing.setdefault((partition, progress.next_offset), []).append(view)
        for (partition, offset), views in standing.items():
            fill = Fill(self._access, self._group, enforcement, views, partition, offset)
            self._fills.append((enforcement, fill))

    def _has_begun(self, view: EnforcedView, owned: list[int]) -> bool:
        known = (progress_of(self._progress, view.view, partition) for partition in owned)
        return any(progress.live or progress.next_offset for progress in known)

    def _end_fills(self, resource: str, topic: str) -> None:
        """End a view's fills, and begin those of the views that were filled with it again."""
        for enforcement, fill in list(self._fills):
            topics = [each.view.topic for each in fill.views]
            if enforcement.resource == resource and topic in topics:
                self._fills.remove((enforcement, fill))
                fill.close()
                others = [each for each in fill.views if each.view.topic != topic]
                if others:
                    rest = Fill(
                        self._access, self._group, enforcement, others, fill.partition, fill.reached
                    )
                    self._fills.append((enforcement, rest))

    def _drop(self, which: Callable[[ResourceEnforcement], bool]) -> None:
        for enforcement, fill in list(self._fills):
            if which(enforcement):
                self._fills.remove((enforcement, fill))
                fill.close()


def _compiled(enforcement: ResourceEnforcement, view: View) -> EnforcedView | None:
    try:
        return enforcement.view(view)
    except InvalidPolicy as error:
        # The ledger took it, so this is the bus's own fault; nothing goes out.
        log.error("%s can't be enforced: %s", view.topic, error.problem)
        return None
