"""Chooses among the records of a batch: by one view's conditions, or by many views' at once."""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inner
from stream_apps.enforcement.kernel.blake2 import SCRATCH
from stream_apps.enforcement.kernel.cutting import run
from stream_apps.enforcement.kernel.masks import BROKEN, text_at
from stream_apps.enforcement.kernel.octets import (
    bits,
    byte,
    floor,
    order,
    same,
    u,
    varint,
    whole,
)
from stream_apps.enforcement.layouts import Batch, Bytes, Condition, Longs, Routes

# How a value is read (plan.Leaf), and compared (plan.Test).
TEXT, NUMBER, DECIMAL, BOOLEAN, FLOAT, DOUBLE = 0, 1, 2, 3, 4, 5
IN, PREFIX, RANGE, RANGE_FROM = 0, 1, 2, 3
KEY = -1


@inner
def _passes_text(texts: Bytes, bounds: Longs, test: int, work: Bytes, p: int, end: int) -> bool:
    """Tell whether a text passes.

    Among prefixes that don't cover each other, whatever lies between a text's prefix and the text
    starts with that prefix too; so the greatest value not above the text is the only candidate.
    """
    if test in (RANGE, RANGE_FROM):
        if order(work, p, end, texts, bounds[u(0)], bounds[u(1)]) < 0:
            return False
        return test == RANGE_FROM or order(work, p, end, texts, bounds[u(1)], bounds[u(2)]) <= 0
    i = floor(texts, bounds, work, p, end)
    if i < 0:
        return False
    length = bounds[u(i + 1)] - bounds[u(i)]
    if length > end - p or (test == IN and length != end - p):
        return False
    return same(texts, bounds[u(i)], bounds[u(i + 1)], work, p, p + length)


@inner
def _passes_number(numbers: Longs, test: int, value: int) -> bool:
    if test == RANGE:
        return bool(numbers[u(0)] <= value <= numbers[u(1)])
    low, high = 0, numbers.size
    while low < high:
        middle = (low + high) >> 1
        if numbers[u(middle)] < value:
            low = middle + 1
        else:
            high = middle
    return low < numbers.size and bool(numbers[u(low)] == value)


@inner
def _rank(bits_of_it: int, size: int) -> int:
    """Give a float's or a double's place in their order: of 0 and -0 the same, NaNs at the ends."""
    if bits_of_it >= 0:
        return bits_of_it
    # Without its sign it is a number of 31 or 63 bits.
    return -(bits_of_it & ((1 << (8 * size - 1)) - 1))


@entry
def narrow(batch: Batch, condition: Condition, chosen: Longs, left: Longs) -> int:
    """Copy to `left` those of the chosen records that meet a condition.

    Returns:
        How many; BROKEN when a span is not what was scanned.
    """
    fields, field, code, targets, stride, max_depth, leaf, test, texts, bounds, numbers = condition
    work, spans = batch.work, batch.spans
    keys, key_offsets = batch.keys, batch.key_offsets
    counts = np.zeros(stride * (max_depth + 1) + 1, np.int64)
    returns = np.zeros(max_depth + 1, np.int64)
    scratch = np.zeros(SCRATCH, np.uint64)
    found = 0
    for i in range(chosen.size):
        record = chosen[u(i)]
        if field == KEY:
            start, end = key_offsets[u(record)], key_offsets[u(record + 1)]
            if _passes_text(texts, bounds, test, keys, start, end):
                left[u(found)] = record
                found += 1
            continue
        row = record * 2 * fields + 2 * field
        start, end = spans[u(row)], spans[u(row + 1)]
        if start < 0 or end < start or end > work.size:
            return BROKEN
        p = run(
            code, targets, stride, 0, work, start, end, -1,
            work, scratch, scratch, counts, returns, work, 0,
        )  # fmt: skip
        if p == BROKEN:
            return BROKEN
        if p < 0:
            continue
        if leaf == TEXT:
            p, stop = text_at(work, p, end)
            if p < 0:
                return BROKEN
            passes = _passes_text(texts, bounds, test, work, p, stop)
        elif leaf == NUMBER:
            value, p = varint(work, p, end)
            if p < 0:
                return BROKEN
            passes = _passes_number(numbers, test, value)
        elif leaf == BOOLEAN:
            if p >= end:
                return BROKEN
            passes = _passes_number(numbers, test, byte(work, p))
        elif leaf == DECIMAL:
            p, stop = text_at(work, p, end)
            if p < 0 or stop == p or stop - p > 8:
                return BROKEN
            passes = _passes_number(numbers, test, whole(work, p, stop))
        else:
            size = 4 if leaf == FLOAT else 8
            if size > end - p:
                return BROKEN
            passes = _passes_number(numbers, test, _rank(bits(work, p, size), size))
        if passes:
            left[u(found)] = record
            found += 1
    return found


@inner
def _node(texts: Bytes, bounds: Longs, parents: Longs, text: Bytes, start: int, end: int) -> int:
    """Find the longest node that a text starts with; -1 when there is none."""
    node = floor(texts, bounds, text, start, end)
    while node >= 0:
        length = bounds[u(node + 1)] - bounds[u(node)]
        if length <= end - start and same(
            texts, bounds[u(node)], bounds[u(node + 1)], text, start, start + length
        ):
            return node
        node = parents[u(node)]
    return -1


@entry
def route(
    batch: Batch,
    routes: Routes,
    condition: Condition,
    chosen: Longs,
    nodes: Longs,
    firsts: Longs,
    records: Longs,
) -> int:
    """Give each view the chosen records that it may be about, by one text of each record.

    Called twice: first with no room in `records`, which counts; then with room for as many.

    Args:
        batch: a scanned batch.
        routes: the views' values.
        condition: says where the text is found; its own values don't matter.
        chosen: the records.
        nodes: room for a number for each chosen record.
        firsts: one more than there are views; by the second call, where each one's records start.
        records: the chosen records of each view, in order.

    Returns:
        How many there are of all views; BROKEN when a span is not what was scanned.
    """
    texts, bounds, parents, node_firsts, views = routes
    fields, field, code, targets, stride, max_depth = condition[:6]
    work, spans, keys, key_offsets = batch.work, batch.spans, batch.keys, batch.key_offsets
    arrays = np.zeros(stride * (max_depth + 1) + 1, np.int64)
    returns = np.zeros(max_depth + 1, np.int64)
    scratch = np.zeros(SCRATCH, np.uint64)
    counting = records.size == 0
    if counting:
        for i in range(chosen.size):
            record = chosen[u(i)]
            if field == KEY:
                start, end = key_offsets[u(record)], key_offsets[u(record + 1)]
                node = _node(texts, bounds, parents, keys, start, end)
            else:
                row = record * 2 * fields + 2 * field
                start, end = spans[u(row)], spans[u(row + 1)]
                if start < 0 or end < start or end > work.size:
                    return BROKEN
                start = run(
                    code, targets, stride, 0, work, start, end, -1,
                    work, scratch, scratch, arrays, returns, work, 0,
                )  # fmt: skip
                node = -1
                if start == BROKEN:
                    return BROKEN
                if start >= 0:
                    start, end = text_at(work, start, end)
                    if start < 0:
                        return BROKEN
                    node = _node(texts, bounds, parents, work, start, end)
            exact = node >= 0 and bounds[u(node + 1)] - bounds[u(node)] == end - start
            nodes[u(i)] = 2 * node + 1 if exact else 2 * node
    total = 0
    for i in range(chosen.size):
        if nodes[u(i)] < 0:
            continue
        exact = nodes[u(i)] & 1
        node = nodes[u(i)] >> 1
        while node >= 0:
            for k in range(node_firsts[u(node)], node_firsts[u(node + 1)]):
                wants_whole = views[u(k)] & 1
                if wants_whole == 0 or exact == 1:
                    view = views[u(k)] >> 1
                    if not counting:
                        records[u(firsts[u(view)])] = chosen[u(i)]
                    firsts[u(view)] += 1
                    total += 1
            node = parents[u(node)]
            exact = 0
    return total
