"""Compiles the whole kernel before anything waits for it: before a transaction is open."""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.kernel import blake2, cutting, members, rows, scanning
from stream_apps.enforcement.layouts import Batch, Condition, Cut, Routes, Rules


def compile_kernel() -> None:
    """Run every entry point on nothing: seconds at the first start, a moment from the cache."""
    octets, longs, words = np.empty(0, np.uint8), np.empty(0, np.int64), np.zeros(16, np.uint64)
    bounds = np.zeros(1, np.int64)
    batch = Batch(octets, bounds, octets, bounds, np.empty(0, np.int8), longs)
    rules = Rules(
        longs, longs, octets, 0, 0, False, -1, 1, 1, 1, 1, octets, octets, bounds
    )  # fmt: skip
    scanning.scan(rules, batch, 0, 0)
    blake2.start(np.zeros(1, np.uint8), words)
    cut = Cut(0, longs, longs, longs, longs, octets, 0, 1, words, octets)
    cutting.project(octets, longs, cut, longs, octets, octets, longs, 0, 0)
    cutting.pseudonymise(words, octets, bounds, longs, octets)
    condition = Condition(0, rows.KEY, longs, longs, 0, 0, 0, 0, octets, bounds, longs)
    rows.narrow(batch, condition, longs, longs)
    routes = Routes(octets, bounds, longs, bounds, longs)
    rows.route(batch, routes, condition, longs, longs, bounds, longs)
    members.hash_texts(words, octets, bounds, longs, words[:0])
    members.track(
        words, np.zeros(16, np.int64), words[:0], bounds, longs, np.empty(0, np.bool_), 0,
        longs, longs,
    )  # fmt: skip
    members.rehash(words[:1], bounds, np.empty(0, np.bool_), words[:1], bounds)
