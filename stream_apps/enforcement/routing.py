"""An index over the row filters of many views, so that a record's cost follows the views it meets.

Of each view the first condition that can be looked up takes part: a list or prefixes of a text. All
views with one on the same item share an index. What it finds are candidates, which the views' other
conditions narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from stream_apps.enforcement.kernel import rows
from stream_apps.enforcement.layouts import Batch, Condition, Longs, Routes
from stream_apps.enforcement.scanner import joined


class Router:
    """Gives each view of one schema the records that meet all of its conditions.

    Args:
        views: the conditions of each view, by its number.
    """

    def __init__(self, views: Mapping[int, Sequence[Condition]]) -> None:
        self._rest: dict[int, Sequence[Condition]] = {}
        self._indexes: list[_Index] = []
        by_item: dict[tuple[int, bytes, bytes], dict[int, Condition]] = {}
        for view, conditions in views.items():
            first = next((each for each in conditions if _can_be_looked_up(each)), None)
            self._rest[view] = [each for each in conditions if each is not first]
            if first is not None:
                item = (first.field, first.code.tobytes(), first.targets.tobytes())
                by_item.setdefault(item, {})[view] = first
        indexed = {view for group in by_item.values() for view in group}
        self._others = [view for view in views if view not in indexed]
        self._indexes = [_Index(group) for group in by_item.values()]

    def route(self, batch: Batch, chosen: Longs) -> Iterator[tuple[int, Longs]]:
        """Yield the views that get any of the chosen records, with the places of these, in order.

        Args:
            batch: a scanned batch; of records that were not accepted only the keys are looked at,
                which suffices for views whose conditions are on the key alone.
            chosen: places in it.

        Raises:
            RuntimeError: the kernel contradicted itself; nothing may be let out.
        """
        if not chosen.size:
            return
        for view in self._others:
            yield from self._narrowed(batch, view, chosen)
        for index in self._indexes:
            for view, candidates in index.candidates(batch, chosen):
                yield from self._narrowed(batch, view, candidates)

    def _narrowed(self, batch: Batch, view: int, chosen: Longs) -> Iterator[tuple[int, Longs]]:
        for condition in self._rest[view]:
            left = np.empty(chosen.size, np.int64)
            count = rows.narrow(batch, condition, chosen, left)
            if count < 0:
                raise RuntimeError("the kernel's spans are not what was scanned")
            chosen = left[:count]
        if chosen.size:
            yield view, chosen


class _Index:
    """One item's values of many views.

    Of sorted values, one that starts with another follows it, with nothing between but such.
    """

    def __init__(self, views: Mapping[int, Condition]) -> None:
        self._found_by = next(iter(views.values()))
        self._views = list(views)
        wanting: dict[bytes, list[int]] = {}
        for number, condition in enumerate(views.values()):
            for value in _texts(condition):
                wanting.setdefault(value, []).append(2 * number + (condition.test == rows.IN))
        values = sorted(wanting)
        texts, bounds = joined(values)
        counts = [len(wanting[value]) for value in values]
        firsts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(np.array(counts, np.int64), out=firsts[1:])
        self._routes = Routes(
            texts=texts,
            bounds=bounds,
            parents=np.array(list(_parents(values)), np.int64),
            firsts=firsts,
            views=np.array([view for value in values for view in wanting[value]], np.int64),
        )

    def candidates(self, batch: Batch, chosen: Longs) -> Iterator[tuple[int, Longs]]:
        """Yield the views that any of the chosen records may be about, with these records."""
        count = len(self._views)
        nodes = np.empty(chosen.size, np.int64)
        counts, nothing = np.zeros(count + 1, np.int64), np.empty(0, np.int64)
        total = rows.route(batch, self._routes, self._found_by, chosen, nodes, counts, nothing)
        if total < 0:
            raise RuntimeError("the kernel's spans are not what was scanned")
        if not total:
            return
        ends = np.cumsum(counts[:count])
        at = np.zeros(count + 1, np.int64)
        at[1:] = ends
        records = np.empty(total, np.int64)
        rows.route(batch, self._routes, self._found_by, chosen, nodes, at, records)
        for number in np.flatnonzero(counts[:count]).tolist():
            end = int(ends[number])
            yield self._views[number], records[end - int(counts[number]) : end]


def by_record(found: Iterable[tuple[int, Longs]], count: int) -> tuple[Longs, Longs]:
    """Turn the records of each view into the views of each record.

    Args:
        found: views and the places of their records.
        count: how many records there are.

    Returns:
        Where each record's views start, and the last one's end; and the views.
    """
    firsts = np.zeros(count + 1, np.int64)
    pairs = list(found)
    if not pairs:
        return firsts, np.empty(0, np.int64)
    records = np.concatenate([places for _, places in pairs])
    views = np.repeat([view for view, _ in pairs], [places.size for _, places in pairs])
    np.cumsum(np.bincount(records, minlength=count), out=firsts[1:])
    return firsts, views[np.argsort(records, kind="stable")].astype(np.int64)


def _can_be_looked_up(condition: Condition) -> bool:
    return condition.leaf == rows.TEXT and condition.test in (rows.IN, rows.PREFIX)


def _texts(condition: Condition) -> list[bytes]:
    blob, bounds = condition.texts.tobytes(), condition.bounds.tolist()
    return [blob[start:end] for start, end in pairwise(bounds)]


def _parents(values: Sequence[bytes]) -> Iterator[int]:
    around: list[int] = []
    for number, value in enumerate(values):
        while around and not value.startswith(values[around[-1]]):
            around.pop()
        yield around[-1] if around else -1
        around.append(number)
