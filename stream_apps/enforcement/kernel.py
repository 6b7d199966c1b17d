"""The compiled loops: scan a batch, select rows by key, project the kept spans.

Everything that is compiled lies in this one file, because numba's cache notices a change in a
function's own file only. For the same reason the reasons' numbers are written out here; `plan`
refuses to load when they differ from `schemas.policy.reasons`. What the instructions mean is told
in `plan`, what the checks are in `schemas.policy.reference`, and buffers are `projection`'s.

Rules in here: numbers are signed 64-bit, because mixing in uint64 wraps, and a byte is read through
`_byte`, because arithmetic on uint8 stays uint8; indices alone are unsigned (`_u`), because signed
ones may count from the end, which costs a test each and keeps loops from being vectorised; lengths
are compared as `n > end - p`, because `p + n` can overflow; every write comes after a check of the
room left.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inlined, inner
from stream_apps.enforcement.layouts import Batch, Bytes, Longs, Mask, Rules, View

# Instructions (plan.Op): four numbers each, the operation and its operands a, b, c.
WIDTH = 4
END, FIELD, BOOLEAN, SKIP, JUMP, NEXT = 0, 1, 2, 3, 4, 5
INT, LONG, BYTES, STRING, ENUM, UNION, ARRAY, DECIMAL = 6, 7, 8, 9, 10, 11, 12, 13
FIRST_WITH_NUMBER = INT
"""This and the following instructions begin by reading a number."""

# Reasons (schemas.policy.reasons.Reason).
OK, TRUNCATED, TRAILING_BYTES, VARINT_OVERLONG, INT_RANGE, BOOLEAN_VALUE = 0, 1, 2, 3, 4, 5
UNION_INDEX, ENUM_INDEX, UTF8, NEGATIVE_LENGTH, ITEM_LIMIT, TIMESTAMP_RANGE = 6, 7, 8, 9, 10, 11
BAD_FRAME, UNKNOWN_SCHEMA, MISSING_KEY, KEY_UTF8, KEY_MISMATCH = 12, 13, 14, 15, 16
WRONG_RESOURCE, UNKNOWN_SOURCE, OUTPUT_LIMIT, INTERNAL, BLOCK_SIZE = 17, 18, 20, 21, 22
DECIMAL_RANGE = 24

FULL = -1
"""Not a reason: the room for rewritten fields, or for output, is used up."""

# Slots in which a string's bounds are remembered; 0 is none.
SOURCE, RESOURCE, KEY = 1, 2, 3
SLOTS = 4

LONGEST_VARINT = 10
LONGEST_DECIMAL = 8
FRAME = 5
_LOW_63 = 2**63 - 1


_u = np.uintp
"""Makes an index unsigned; none is ever below zero here."""


@inner
def _byte(text: Bytes, p: int) -> int:
    """Read a byte as a number that calculates like one."""
    return np.int64(text[_u(p)])  # type: ignore[return-value]  # int() would stay uint8


@inlined
def _varint(work: Bytes, p: int, end: int) -> tuple[int, int]:
    """Read a number: its value and what follows it, or a reason below zero in place of that."""
    if p >= end:
        return 0, -TRUNCATED
    byte = _byte(work, p)
    p += 1
    value = byte & 127
    shift = 7
    while byte > 127:
        if p >= end:
            return 0, -TRUNCATED
        byte = _byte(work, p)
        p += 1
        # The tenth byte holds the last bit; a last byte of zero says nothing.
        if byte == 0 or (shift == 63 and byte > 1):
            return 0, -VARINT_OVERLONG
        value |= (byte & 127) << shift
        shift += 7
    return ((value >> 1) & _LOW_63) ^ -(value & 1), p


@inner
def _is_utf8(text: Bytes, p: int, end: int) -> bool:
    """Tell whether bytes are UTF-8 as Python's strict codec sees it (Unicode, table 3-7)."""
    while p < end:
        lead = _byte(text, p)
        p += 1
        if lead < 0x80:
            continue
        if 0xE1 <= lead <= 0xEC:
            # Most of what isn't ASCII here: Chinese characters.
            if end - p < 2 or _byte(text, p) & 0xC0 != 0x80 or _byte(text, p + 1) & 0xC0 != 0x80:
                return False
            p += 2
            continue
        low, high = 0x80, 0xBF
        if lead < 0xC2:
            return False
        if lead < 0xE0:
            more = 1
        elif lead < 0xF0:
            more = 2
            if lead == 0xE0:
                low = 0xA0
            elif lead == 0xED:
                high = 0x9F
        elif lead < 0xF5:
            more = 3
            if lead == 0xF0:
                low = 0x90
            elif lead == 0xF4:
                high = 0x8F
        else:
            return False
        if more > end - p:
            return False
        second = _byte(text, p)
        if second < low or second > high:
            return False
        for i in range(p + 1, p + more):
            if _byte(text, i) & 0xC0 != 0x80:
                return False
        p += more
    return True


@inner
def _order(a: Bytes, a0: int, a1: int, b: Bytes, b0: int, b1: int) -> int:
    """Compare two byte strings: below zero, zero or above, as a is less, equal or greater."""
    shorter = min(a1 - a0, b1 - b0)
    for i in range(shorter):
        difference = _byte(a, a0 + i) - _byte(b, b0 + i)
        if difference != 0:
            return difference
    return (a1 - a0) - (b1 - b0)


@inner
def _same(a: Bytes, a0: int, a1: int, b: Bytes, b0: int, b1: int) -> bool:
    """Tell whether two byte strings are equal; without an early end, so it is vectorised."""
    if a1 - a0 != b1 - b0:
        return False
    difference = np.uint8(0)
    for i in range(a1 - a0):
        difference |= a[_u(a0 + i)] ^ b[_u(b0 + i)]
    return bool(difference == 0)


@inner
def _floor(values: Bytes, bounds: Longs, text: Bytes, start: int, end: int) -> int:
    """Find the greatest of the sorted values that is not above a text; -1 when there is none."""
    low, high = 0, bounds.size - 1
    while low < high:
        middle = (low + high) >> 1
        if _order(values, bounds[_u(middle)], bounds[_u(middle + 1)], text, start, end) <= 0:
            low = middle + 1
        else:
            high = middle
    return low - 1


@inner
def _is_in(values: Bytes, bounds: Longs, text: Bytes, start: int, end: int) -> bool:
    """Tell whether a text is one of the sorted values."""
    i = _floor(values, bounds, text, start, end)
    return i >= 0 and _same(values, bounds[_u(i)], bounds[_u(i + 1)], text, start, end)


@inner
def _copy(work: Bytes, start: int, end: int, target: Bytes, w: int) -> int:
    """Copy bytes to w; what follows them, or FULL when there is no room."""
    if end - start > target.size - w:
        return FULL
    for i in range(end - start):
        target[_u(w + i)] = work[_u(start + i)]
    return w + (end - start)


@inner
def _put_varint(target: Bytes, w: int, count: int) -> int:
    """Write a positive number at w; what follows it, or FULL when there may be no room."""
    if target.size - w < LONGEST_VARINT:
        return FULL
    rest = count << 1
    while rest > 127:
        target[_u(w)] = np.uint8((rest & 127) | 128)
        w += 1
        rest >>= 7
    target[_u(w)] = np.uint8(rest)
    return w + 1


@inlined
def _walk(
    code: Longs,
    targets: Longs,
    max_items: int,
    work: Bytes,
    p: int,
    end: int,
    top: int,
    spans: Longs,
    at: int,
    slots: Longs,
    counts: Longs,
    finishes: Longs,
) -> tuple[int, int]:
    """Check one payload and note the span of each field: a reason or FULL, and the room used.

    A field with a sized block is written again without the sizes at `top`, the end of the room in
    use; its span then lies there. `copied` is how far that has come, or -1 in other fields.
    """
    ip = 0
    start = p
    copied = -1
    rewritten = top
    left = max_items
    while True:
        op = code[_u(ip)]
        a = code[_u(ip + 1)]
        head = p
        n = 0
        if op >= FIRST_WITH_NUMBER:
            n, p = _varint(work, p, end)
            if p < 0:
                return -p, top
        if op in (STRING, BYTES):
            if n < 0:
                return NEGATIVE_LENGTH, top
            if n > end - p:
                return TRUNCATED, top
            if op == STRING:
                if not _is_utf8(work, p, p + n):
                    return UTF8, top
                slots[_u(2 * a)] = p
                slots[_u(2 * a + 1)] = p + n
            p += n
            ip += WIDTH
        elif op == FIELD:
            if copied < 0:
                spans[_u(at)] = start
                spans[_u(at + 1)] = p
            else:
                top = _copy(work, copied, p, work, top)
                if top < 0:
                    return FULL, top
                spans[_u(at)] = rewritten
                spans[_u(at + 1)] = top
                copied = -1
            at += 2
            start = p
            ip += WIDTH
        elif op in (INT, LONG):
            if op == INT and (n < -(2**31) or n >= 2**31):
                return INT_RANGE, top
            if n < a or n > code[_u(ip + 2)]:
                return TIMESTAMP_RANGE, top
            ip += WIDTH
        elif op == SKIP:
            if a > end - p:
                return TRUNCATED, top
            p += a
            ip += WIDTH
        elif op == ENUM:
            if n < 0 or n >= a:
                return ENUM_INDEX, top
            ip += WIDTH
        elif op == UNION:
            if n < 0 or n >= a:
                return UNION_INDEX, top
            ip = targets[_u(code[_u(ip + 2)] + n)]
        elif op == NEXT:
            depth = code[_u(ip + 2)]
            counts[_u(depth)] -= 1
            if counts[_u(depth)] > 0:
                ip = a + WIDTH
            else:
                if finishes[_u(depth)] >= 0 and finishes[_u(depth)] != p:
                    return BLOCK_SIZE, top
                ip = a
        elif op == ARRAY:
            if n == 0:
                ip = a
                continue
            if n > left or n < -left:
                return ITEM_LIMIT, top
            finish = -1
            if n < 0:
                n = -n
                size, p = _varint(work, p, end)
                if p < 0:
                    return -p, top
                if size < 0:
                    return NEGATIVE_LENGTH, top
                if size > end - p:
                    return TRUNCATED, top
                finish = p + size
                if copied < 0:
                    copied = start
                    rewritten = top
                top = _copy(work, copied, head, work, top)
                if top < 0:
                    return FULL, top
                top = _put_varint(work, top, n)
                if top < 0:
                    return FULL, top
                copied = p
            left -= n
            if code[_u(ip + 3)] != 0:
                # Elements without bytes are counted and not stepped through.
                if finish >= 0 and finish != p:
                    return BLOCK_SIZE, top
            else:
                depth = code[_u(ip + 2)]
                counts[_u(depth)] = n
                finishes[_u(depth)] = finish
                ip += WIDTH
        elif op == DECIMAL:
            if n < 0:
                return NEGATIVE_LENGTH, top
            if n > end - p:
                return TRUNCATED, top
            if n == 0 or n > LONGEST_DECIMAL:
                return DECIMAL_RANGE, top
            # Signed: the highest bit of the first byte says below zero.
            digits = _byte(work, p) - ((_byte(work, p) & 128) << 1)
            for i in range(p + 1, p + n):
                digits = (digits << 8) | _byte(work, i)
            if digits < a or digits > code[_u(ip + 2)]:
                return DECIMAL_RANGE, top
            p += n
            ip += WIDTH
        elif op == BOOLEAN:
            if p >= end:
                return TRUNCATED, top
            if work[_u(p)] > 1:
                return BOOLEAN_VALUE, top
            p += 1
            ip += WIDTH
        elif op == JUMP:
            ip = a
        elif op == END:
            return (OK if p == end else TRAILING_BYTES), top
        else:
            return INTERNAL, top


@inner
def _claims(
    work: Bytes, slots: Longs, resource: Bytes, sources: Bytes, source_bounds: Longs
) -> int:
    """Compare what the envelope claims with the topic that the record was found in."""
    start, end = slots[_u(2 * RESOURCE)], slots[_u(2 * RESOURCE + 1)]
    if not _same(work, start, end, resource, 0, resource.size):
        return WRONG_RESOURCE
    start, end = slots[_u(2 * SOURCE)], slots[_u(2 * SOURCE + 1)]
    return OK if _is_in(sources, source_bounds, work, start, end) else UNKNOWN_SOURCE


@inner
def _key(work: Bytes, slots: Longs, has_key_item: bool, keys: Bytes, key: int, end: int) -> int:
    """Compare the key with the key item, where there is one."""
    if has_key_item:
        if _same(work, slots[_u(2 * KEY)], slots[_u(2 * KEY + 1)], keys, key, end):
            # Equal to a string that is known to be UTF-8.
            return OK
        return KEY_MISMATCH if _is_utf8(keys, key, end) else KEY_UTF8
    return OK if _is_utf8(keys, key, end) else KEY_UTF8


@inner
def _frame(work: Bytes, p: int, end: int, schema_id: int) -> int:
    """Check the five bytes in front of a payload."""
    if end - p < FRAME or work[_u(p)] != 0:
        return BAD_FRAME
    named = 0
    for i in range(p + 1, p + FRAME):
        named = (named << 8) | _byte(work, i)
    return OK if named == schema_id else UNKNOWN_SCHEMA


@entry
def scan(rules: Rules, batch: Batch, first: int, top: int) -> tuple[int, int]:
    """Check the records of a batch from `first` on, each on its own.

    Returns:
        The record to go on with, which is their number when all are done and otherwise the one for
        which there is no room left behind the messages; and the end of the room in use.
    """
    code, targets, depth, fields, has_key_item, schema_id, max_items, max_bytes = rules[:8]
    resource, sources, source_bounds = rules[8:]
    work, offsets, keys, key_offsets, status, spans = batch
    slots = np.zeros(2 * SLOTS, np.int64)
    counts = np.zeros(depth + 1, np.int64)
    finishes = np.zeros(depth + 1, np.int64)
    for record in range(first, status.size):
        p, end = offsets[_u(record)], offsets[_u(record + 1)]
        key, key_end = key_offsets[_u(record)], key_offsets[_u(record + 1)]
        reason = OK
        if key == key_end:
            reason = MISSING_KEY
        elif end - p > max_bytes - (key_end - key):
            reason = OUTPUT_LIMIT
        elif schema_id >= 0:
            reason = _frame(work, p, end, schema_id)
            p += FRAME
        used = top
        if reason == OK:
            at = record * 2 * fields
            reason, used = _walk(
                code, targets, max_items, work, p, end, top, spans, at, slots, counts, finishes
            )
            if reason == FULL:
                return record, top
        if reason == OK:
            reason = _claims(work, slots, resource, sources, source_bounds)
        if reason == OK:
            reason = _key(work, slots, has_key_item, keys, key, key_end)
        if reason == OK:
            top = used
        status[_u(record)] = reason
    return status.size, top


@entry
def select(
    values: Bytes, bounds: Longs, by_prefix: bool, keys: Bytes, key_offsets: Longs, chosen: Mask
) -> None:
    """Mark the records whose key is one of the sorted values, or starts with one.

    Among prefixes that don't cover each other, whatever lies between a key's prefix and the key
    starts with that prefix too; so the greatest value not above the key is the only candidate.
    """
    for record in range(chosen.size):
        start, end = key_offsets[_u(record)], key_offsets[_u(record + 1)]
        i = _floor(values, bounds, keys, start, end)
        chosen[_u(record)] = False
        if i >= 0:
            length = bounds[_u(i + 1)] - bounds[_u(i)]
            if length <= end - start and (by_prefix or length == end - start):
                chosen[_u(record)] = _same(
                    values, bounds[_u(i)], bounds[_u(i + 1)], keys, start, start + length
                )


@entry
def project(
    batch: Batch,
    view: View,
    chosen: Mask,
    out: Bytes,
    ends: Longs,
    first: int,
    made: int,
    w: int,
) -> tuple[int, int, int]:
    """Write the head and the kept spans of each chosen record from `first` on.

    Spans that follow each other are copied at once.

    Returns:
        The record to go on with, which is their number when all are done, otherwise the one for
        which there is no room left in `out`, or -1 when a span doesn't lie in the buffer; how many
        were written; and the end of the last of them.
    """
    work, spans, kept = batch.work, batch.spans, view.kept
    for record in range(first, chosen.size):
        if not chosen[_u(record)]:
            continue
        row = record * 2 * view.fields
        at = _copy(view.head, 0, view.head.size, out, w)
        if at < 0:
            return record, made, w
        k = 0
        while k < kept.size:
            start, end = spans[_u(row + 2 * kept[_u(k)])], spans[_u(row + 2 * kept[_u(k)] + 1)]
            k += 1
            while k < kept.size and spans[_u(row + 2 * kept[_u(k)])] == end:
                end = spans[_u(row + 2 * kept[_u(k)] + 1)]
                k += 1
            if start < 0 or end < start or end > work.size:
                return -1, made, w
            at = _copy(work, start, end, out, at)
            if at < 0:
                return record, made, w
        w = at
        ends[_u(made)] = w
        made += 1
    return chosen.size, made, w
