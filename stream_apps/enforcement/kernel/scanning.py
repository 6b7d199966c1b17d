"""Checks the records of a batch and notes where their fields lie.

What the instructions mean is told in `plan`, what the checks are in `schemas.policy.reference`, and
buffers are `layouts`'. The reasons' numbers are written out here for the compiler; `plan` refuses
to load when they differ from `schemas.policy.reasons`.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inlined, inner
from stream_apps.enforcement.kernel.octets import (
    FULL,
    byte,
    copy,
    is_in,
    is_utf8,
    order,
    put_varint,
    same,
    u,
    varint,
    whole,
)
from stream_apps.enforcement.layouts import Batch, Bytes, Longs, Rules

# Instructions (plan.Op): four numbers each, the operation and its operands a, b, c.
WIDTH = 4
END, FIELD, BOOLEAN, SKIP, JUMP, NEXT, CALL, RETURN, FIXED_DECIMAL = 0, 1, 2, 3, 4, 5, 6, 7, 8
INT, LONG, BYTES, STRING, ENUM, UNION, ARRAY = 9, 10, 11, 12, 13, 14, 15
DECIMAL, LONG_DECIMAL, UUID = 16, 17, 18
FIRST_WITH_NUMBER = INT
"""This and the following instructions begin by reading a number."""

# Reasons (schemas.policy.reasons.Reason).
OK, TRUNCATED, TRAILING_BYTES, VARINT_OVERLONG, INT_RANGE, BOOLEAN_VALUE = 0, 1, 2, 3, 4, 5
UNION_INDEX, ENUM_INDEX, UTF8, NEGATIVE_LENGTH, ITEM_LIMIT, TIMESTAMP_RANGE = 6, 7, 8, 9, 10, 11
BAD_FRAME, UNKNOWN_SCHEMA, MISSING_KEY, KEY_UTF8, KEY_MISMATCH = 12, 13, 14, 15, 16
WRONG_RESOURCE, UNKNOWN_SOURCE, OUTPUT_LIMIT, INTERNAL, BLOCK_SIZE = 17, 18, 20, 21, 22
DECIMAL_RANGE, UUID_FORMAT, DEPTH_LIMIT, OUTPUT_GROWTH = 24, 26, 27, 28

# Slots in which a string's bounds are remembered; 0 is none.
SOURCE, RESOURCE, KEY = 1, 2, 3
SLOTS = 4

LONGEST_DECIMAL = 8
FRAME = 5
TEXT_GROWTH, NUMBER_GROWTH = 33, 9
"""Bytes by which a mask or pseudonym can make a string, and another value, longer."""


@inner
def _is_uuid(work: Bytes, p: int, end: int) -> bool:
    """Tell whether a text is a UUID's 36 characters (RFC 9562), of either case."""
    if end - p != 36:
        return False
    for i in range(36):
        octet = byte(work, p + i)
        if i in (8, 13, 18, 23):
            if octet != 45:
                return False
        elif not (48 <= octet <= 57 or 97 <= octet | 32 <= 102):
            return False
    return True


@inner
def _is_within(work: Bytes, p: int, size: int, pool: Bytes, most: int, length: int) -> bool:
    """Tell whether a decimal of any size lies between the two bounds at `most` in the pool.

    They are `length` bytes each, as few as the greater needs, so what has fewer lies between them;
    what has more must begin with bytes that only repeat its sign.
    """
    if size < length:
        return True
    below_zero = byte(work, p) > 127
    for i in range(size - length):
        if byte(work, p + i) != (255 if below_zero else 0):
            return False
    p += size - length
    if below_zero:
        least = most + length
        return order(work, p, p + length, pool, least, least + length) >= 0
    return order(work, p, p + length, pool, most, most + length) <= 0


@inlined
def _walk(
    code: Longs,
    targets: Longs,
    pool: Bytes,
    stride: int,
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
    returns: Longs,
) -> tuple[int, int, int]:
    """Check one payload and note the span of each field.

    A field with a sized block is written again without the sizes at `top`, the end of the room in
    use; its span then lies there. `copied` is how far that has come, or -1 in other fields.

    Returns:
        A reason or FULL; the end of the room in use; by how much the record could grow.
    """
    ip = 0
    level = 0
    growth = 0
    start = p
    copied = -1
    rewritten = top
    left = max_items
    while True:
        op = code[u(ip)]
        a = code[u(ip + 1)]
        head = p
        n = 0
        if op >= FIRST_WITH_NUMBER:
            n, p = varint(work, p, end)
            if p < 0:
                return -p, top, growth
        if op in (STRING, BYTES):
            if n < 0:
                return NEGATIVE_LENGTH, top, growth
            if n > end - p:
                return TRUNCATED, top, growth
            if op == STRING:
                if not is_utf8(work, p, p + n):
                    return UTF8, top, growth
                slots[u(2 * a)] = p
                slots[u(2 * a + 1)] = p + n
                growth += TEXT_GROWTH
            p += n
            ip += WIDTH
        elif op == FIELD:
            if copied < 0:
                spans[u(at)] = start
                spans[u(at + 1)] = p
            else:
                top = copy(work, copied, p, work, top)
                if top < 0:
                    return FULL, top, growth
                spans[u(at)] = rewritten
                spans[u(at + 1)] = top
                copied = -1
            at += 2
            start = p
            ip += WIDTH
        elif op in (INT, LONG):
            if op == INT and (n < -(2**31) or n >= 2**31):
                return INT_RANGE, top, growth
            if n < a or n > code[u(ip + 2)]:
                return TIMESTAMP_RANGE, top, growth
            growth += NUMBER_GROWTH
            ip += WIDTH
        elif op == SKIP:
            if a > end - p:
                return TRUNCATED, top, growth
            p += a
            ip += WIDTH
        elif op == ENUM:
            if n < 0 or n >= a:
                return ENUM_INDEX, top, growth
            growth += NUMBER_GROWTH
            ip += WIDTH
        elif op == UNION:
            if n < 0 or n >= a:
                return UNION_INDEX, top, growth
            ip = targets[u(code[u(ip + 2)] + n)]
        elif op == NEXT:
            depth = level * stride + code[u(ip + 2)]
            counts[u(depth)] -= 1
            if counts[u(depth)] > 0:
                ip = a + WIDTH
            else:
                if finishes[u(depth)] >= 0 and finishes[u(depth)] != p:
                    return BLOCK_SIZE, top, growth
                ip = a
        elif op == ARRAY:
            if n == 0:
                ip = a
                continue
            if n > left or n < -left:
                return ITEM_LIMIT, top, growth
            finish = -1
            if n < 0:
                n = -n
                size, p = varint(work, p, end)
                if p < 0:
                    return -p, top, growth
                if size < 0:
                    return NEGATIVE_LENGTH, top, growth
                if size > end - p:
                    return TRUNCATED, top, growth
                finish = p + size
                if copied < 0:
                    copied = start
                    rewritten = top
                top = copy(work, copied, head, work, top)
                if top < 0:
                    return FULL, top, growth
                top = put_varint(work, top, n)
                if top < 0:
                    return FULL, top, growth
                copied = p
            left -= n
            if code[u(ip + 3)] != 0:
                # Elements without bytes are counted and not stepped through.
                if finish >= 0 and finish != p:
                    return BLOCK_SIZE, top, growth
            else:
                depth = level * stride + code[u(ip + 2)]
                counts[u(depth)] = n
                finishes[u(depth)] = finish
                ip += WIDTH
        elif op == DECIMAL:
            if n < 0:
                return NEGATIVE_LENGTH, top, growth
            if n > end - p:
                return TRUNCATED, top, growth
            if n == 0 or n > LONGEST_DECIMAL:
                return DECIMAL_RANGE, top, growth
            digits = whole(work, p, p + n)
            if digits < a or digits > code[u(ip + 2)]:
                return DECIMAL_RANGE, top, growth
            growth += NUMBER_GROWTH
            p += n
            ip += WIDTH
        elif op == UUID:
            if n < 0:
                return NEGATIVE_LENGTH, top, growth
            if n > end - p:
                return TRUNCATED, top, growth
            if not is_utf8(work, p, p + n):
                return UTF8, top, growth
            if not _is_uuid(work, p, p + n):
                return UUID_FORMAT, top, growth
            growth += TEXT_GROWTH
            p += n
            ip += WIDTH
        elif op == LONG_DECIMAL:
            if n < 0:
                return NEGATIVE_LENGTH, top, growth
            if n > end - p:
                return TRUNCATED, top, growth
            length = code[u(ip + 2)]
            if n == 0 or n > length or not _is_within(work, p, n, pool, a, length):
                return DECIMAL_RANGE, top, growth
            growth += NUMBER_GROWTH
            p += n
            ip += WIDTH
        elif op == BOOLEAN:
            if p >= end:
                return TRUNCATED, top, growth
            if work[u(p)] > 1:
                return BOOLEAN_VALUE, top, growth
            p += 1
            ip += WIDTH
        elif op == JUMP:
            ip = a
        elif op == CALL:
            if level + 1 >= returns.size:
                return DEPTH_LIMIT, top, growth
            level += 1
            returns[u(level)] = ip + WIDTH
            ip = a
        elif op == RETURN:
            ip = returns[u(level)]
            level -= 1
        elif op == FIXED_DECIMAL:
            size = code[u(ip + 3)]
            if size > end - p:
                return TRUNCATED, top, growth
            if not _is_within(work, p, size, pool, a, code[u(ip + 2)]):
                return DECIMAL_RANGE, top, growth
            p += size
            ip += WIDTH
        elif op == END:
            return (OK if p == end else TRAILING_BYTES), top, growth
        else:
            return INTERNAL, top, growth


@inner
def _claims(
    work: Bytes, slots: Longs, resource: Bytes, sources: Bytes, source_bounds: Longs
) -> int:
    """Compare what the envelope claims with the topic that the record was found in."""
    start, end = slots[u(2 * RESOURCE)], slots[u(2 * RESOURCE + 1)]
    if not same(work, start, end, resource, 0, resource.size):
        return WRONG_RESOURCE
    start, end = slots[u(2 * SOURCE)], slots[u(2 * SOURCE + 1)]
    return OK if is_in(sources, source_bounds, work, start, end) else UNKNOWN_SOURCE


@inner
def _key(work: Bytes, slots: Longs, has_key_item: bool, keys: Bytes, key: int, end: int) -> int:
    """Compare the key with the key item, where there is one."""
    if has_key_item:
        if same(work, slots[u(2 * KEY)], slots[u(2 * KEY + 1)], keys, key, end):
            # Equal to a string that is known to be UTF-8.
            return OK
        return KEY_MISMATCH if is_utf8(keys, key, end) else KEY_UTF8
    return OK if is_utf8(keys, key, end) else KEY_UTF8


@inner
def _frame(work: Bytes, p: int, end: int, schema_id: int) -> int:
    """Check the five bytes in front of a payload."""
    if end - p < FRAME or work[u(p)] != 0:
        return BAD_FRAME
    named = 0
    for i in range(p + 1, p + FRAME):
        named = (named << 8) | byte(work, i)
    return OK if named == schema_id else UNKNOWN_SCHEMA


@entry
def scan(rules: Rules, batch: Batch, first: int, top: int) -> tuple[int, int]:
    """Check the records of a batch from `first` on, each on its own.

    Returns:
        The record to go on with, which is their number when all are done and otherwise the one for
        which there is no room left behind the messages; and the end of the room in use.
    """
    code, targets, pool, stride, fields, has_key_item, schema_id = rules[:7]
    max_depth, max_items, max_bytes, max_output = rules[7:11]
    resource, sources, source_bounds = rules[11:]
    work, offsets, keys, key_offsets, status, spans = batch
    slots = np.zeros(2 * SLOTS, np.int64)
    counts = np.zeros(stride * (max_depth + 1) + 1, np.int64)
    finishes = np.zeros(stride * (max_depth + 1) + 1, np.int64)
    returns = np.zeros(max_depth + 1, np.int64)
    for record in range(first, status.size):
        p, end = offsets[u(record)], offsets[u(record + 1)]
        key, key_end = key_offsets[u(record)], key_offsets[u(record + 1)]
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
            reason, used, growth = _walk(
                code, targets, pool, stride, max_items, work, p, end, top,
                spans, at, slots, counts, finishes, returns,
            )  # fmt: skip
            if reason == FULL:
                return record, top
            if reason == OK and growth > max_output - (end - offsets[u(record)]) - (key_end - key):
                reason = OUTPUT_GROWTH
        if reason == OK:
            reason = _claims(work, slots, resource, sources, source_bounds)
        if reason == OK:
            reason = _key(work, slots, has_key_item, keys, key, key_end)
        if reason == OK:
            top = used
        status[u(record)] = reason
    return status.size, top
