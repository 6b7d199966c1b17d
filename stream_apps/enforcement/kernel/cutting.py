"""Writes what a view gets of a record: spans as they are, or what instructions make of them.

The bytes were scanned, so instructions step over values without checking them again; but they never
read beyond the span, nor write beyond the room, whatever the bytes are.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inner
from stream_apps.enforcement.kernel.blake2 import DIGEST, SCRATCH, put_pseudonym
from stream_apps.enforcement.kernel.masks import (
    BROKEN,
    put_band,
    put_date,
    put_decimal_band,
    put_first,
    put_hash,
    put_real_band,
    put_shown,
    text_at,
)
from stream_apps.enforcement.kernel.octets import FULL, copy, put_varint, u, varint
from stream_apps.enforcement.layouts import Bytes, Cut, Longs, Words

# Instructions (plan.Op), numbered as in `scanning` where they are there too.
WIDTH = 4
DONE, SKIP, JUMP, NEXT, CALL, RETURN, NUMBER, TEXT, UNION, ARRAY = 0, 3, 4, 5, 6, 7, 10, 11, 14, 15
DROP, KEEP, PUT, SHOWN, FIRST, DATE, BAND, DECIMAL_BAND, PSEUDONYM = (
    20, 21, 22, 23, 24, 25, 26, 27, 28
)  # fmt: skip
FOUND, ABSENT = 29, 30
REAL_BAND = 31

NOWHERE = -3
"""In place of a position: what was looked for is null, or in another branch of a union."""
COPIED, KEY_PSEUDONYM = -1, -2
"""In place of a field's first instruction: its span is copied, or is the key, whose pseudonym the
record has already."""
DIGITS = 2 * DIGEST


@inner
def run(
    code: Longs,
    targets: Longs,
    stride: int,
    ip: int,
    work: Bytes,
    p: int,
    end: int,
    kept: int,
    pool: Bytes,
    state: Words,
    scratch: Words,
    counts: Longs,
    returns: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Execute the instructions from `ip` on, on the span of `work` from p to `end`.

    What is kept is written to `out` at w. `kept` is where that begins which is kept and not yet
    written, or -1. `counts` has room for the counts of arrays, `returns` for calls.

    Returns:
        What follows the bytes written, FULL, or BROKEN; for instructions that look for something
        where it lies in the span, or NOWHERE.
    """
    level = 0
    while True:
        op, a, b = code[u(ip)], code[u(ip + 1)], code[u(ip + 2)]
        c = code[u(ip + 3)]
        ip += WIDTH
        if op >= DROP:
            if kept >= 0 and op != KEEP:
                w = copy(work, kept, p, out, w)
                if w < 0:
                    return FULL
                kept = -1
            if op == DROP:
                continue
            if op == KEEP:
                kept = p
                continue
            if op == FOUND:
                return p
            if op == ABSENT:
                return NOWHERE
            if op == PUT:
                w = copy(pool, a, b, out, w)
                if w < 0:
                    return FULL
                continue
            if op == SHOWN:
                p, w = put_shown(work, p, end, a, b, out, w)
            elif op == FIRST:
                p, w = put_first(work, p, end, a, out, w)
            elif op == DATE:
                p, w = put_date(work, p, end, a, b, c, out, w)
            elif op == BAND:
                p, w = put_band(work, p, end, a, b, out, w)
            elif op == DECIMAL_BAND:
                p, w = put_decimal_band(work, p, end, a, b, out, w)
            elif op == PSEUDONYM:
                p, w = put_hash(work, p, end, state, scratch, out, w)
            elif op == REAL_BAND:
                p, w = put_real_band(work, p, end, a, b, out, w)
            else:
                return BROKEN
            if p < 0:
                return BROKEN
            if w < 0:
                return FULL
            kept = p
        elif op == NUMBER:
            _, p = varint(work, p, end)
            if p < 0:
                return BROKEN
        elif op == TEXT:
            _, p = text_at(work, p, end)
            if p < 0:
                return BROKEN
        elif op == SKIP:
            if a > end - p:
                return BROKEN
            p += a
        elif op == UNION:
            n, p = varint(work, p, end)
            if p < 0 or n < 0 or n >= a:
                return BROKEN
            ip = targets[u(b + n)]
        elif op == ARRAY:
            n, p = varint(work, p, end)
            if p < 0 or n < 0:
                return BROKEN
            if n == 0:
                ip = a
            elif c != 0:
                ip -= WIDTH  # elements without bytes: the next block's count follows
            else:
                counts[u(level * stride + b)] = n
        elif op == NEXT:
            counts[u(level * stride + b)] -= 1
            ip = a + WIDTH if counts[u(level * stride + b)] > 0 else a
        elif op == JUMP:
            ip = a
        elif op == CALL:
            if level + 1 >= returns.size:
                return BROKEN
            level += 1
            returns[u(level)] = ip
            ip = a
        elif op == RETURN:
            ip = returns[u(level)]
            level -= 1
        elif op == DONE:
            if p != end:
                return BROKEN
            return w if kept < 0 else copy(work, kept, p, out, w)
        else:
            return BROKEN


@entry
def project(
    work: Bytes,
    spans: Longs,
    cut: Cut,
    chosen: Longs,
    pseudonyms: Bytes,
    out: Bytes,
    ends: Longs,
    made: int,
    w: int,
) -> tuple[int, int]:
    """Write the head and the kept fields of each chosen record, from the one `made` on.

    Spans that follow each other are copied at once. `pseudonyms` are those of the chosen records'
    keys, or nothing where none is written.

    Returns:
        How many were written, which is less than their number when there is no room left in `out`
        for the next, and BROKEN when a span is not what was scanned; and the end of the last.
    """
    fields, kept, starts, code, targets, pool, stride, max_depth, state, head = cut
    counts = np.zeros(stride * (max_depth + 1) + 1, np.int64)
    returns = np.zeros(max_depth + 1, np.int64)
    scratch = np.zeros(SCRATCH, np.uint64)
    for i in range(made, chosen.size):
        row = chosen[u(i)] * 2 * fields
        at = copy(head, 0, head.size, out, w)
        if at < 0:
            return made, w
        k = 0
        while k < kept.size:
            start, end = spans[u(row + 2 * kept[u(k)])], spans[u(row + 2 * kept[u(k)] + 1)]
            ip = starts[u(k)]
            k += 1
            if ip == COPIED:
                while (
                    k < kept.size
                    and starts[u(k)] == COPIED
                    and spans[u(row + 2 * kept[u(k)])] == end
                ):
                    end = spans[u(row + 2 * kept[u(k)] + 1)]
                    k += 1
            if start < 0 or end < start or end > work.size:
                return BROKEN, w
            if ip == COPIED:
                at = copy(work, start, end, out, at)
            elif ip == KEY_PSEUDONYM:
                if pseudonyms.size < (i + 1) * DIGITS:
                    return BROKEN, w
                at = put_varint(out, at, DIGITS)
                if at >= 0:
                    at = copy(pseudonyms, i * DIGITS, (i + 1) * DIGITS, out, at)
            else:
                at = run(
                    code, targets, stride, ip, work, start, end, start,
                    pool, state, scratch, counts, returns, out, at,
                )  # fmt: skip
            if at < 0:
                return (made if at == FULL else BROKEN), w
        w = at
        ends[u(made)] = w
        made += 1
    return made, w


@entry
def pseudonymise(state: Words, keys: Bytes, bounds: Longs, chosen: Longs, out: Bytes) -> None:
    """Write the pseudonym of each chosen key, `DIGITS` digits each; there must be room."""
    scratch = np.zeros(SCRATCH, np.uint64)
    w = 0
    for i in range(chosen.size):
        start, end = bounds[u(chosen[u(i)])], bounds[u(chosen[u(i)] + 1)]
        if out.size - w < DIGITS:
            return
        w = put_pseudonym(state, keys, start, end, scratch, out, w)
