"""Remembers which keys views hold, as 64-bit keyed hashes in a table with open addressing.

A table is two arrays of the same size, a power of two: hashes, 0 where a place is free, and numbers
of views. An entry lies at its hash's lowest bits' place or in the first free one behind, so all
entries of a hash are found on the way to the next free place. It is never more than three quarters
full.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inlined, inner
from stream_apps.enforcement.kernel.octets import u
from stream_apps.enforcement.layouts import Bytes, Longs, Mask, Words

_R13, _R51, _R16, _R48, _R32, _R21, _R43, _R17, _R47 = (
    np.uint64(n) for n in (13, 51, 16, 48, 32, 21, 43, 17, 47)
)
_ONE, _ZERO, _LAST = np.uint64(1), np.uint64(0), np.uint64(0xFF)


@inlined
def _round(v: Words) -> None:
    v0, v1, v2, v3 = v[u(0)], v[u(1)], v[u(2)], v[u(3)]
    v0 += v1
    v1 = ((v1 << _R13) | (v1 >> _R51)) ^ v0
    v0 = (v0 << _R32) | (v0 >> _R32)
    v2 += v3
    v3 = ((v3 << _R16) | (v3 >> _R48)) ^ v2
    v0 += v3
    v3 = ((v3 << _R21) | (v3 >> _R43)) ^ v0
    v2 += v1
    v1 = ((v1 << _R17) | (v1 >> _R47)) ^ v2
    v2 = (v2 << _R32) | (v2 >> _R32)
    v[u(0)], v[u(1)], v[u(2)], v[u(3)] = v0, v1, v2, v3


@inner
def _siphash(secret: Words, text: Bytes, p: int, end: int, v: Words) -> np.uint64:
    """Give SipHash-2-4 of a text (Aumasson and Bernstein, 2012)."""
    v[u(0)] = secret[u(0)] ^ np.uint64(0x736F6D6570736575)
    v[u(1)] = secret[u(1)] ^ np.uint64(0x646F72616E646F6D)
    v[u(2)] = secret[u(0)] ^ np.uint64(0x6C7967656E657261)
    v[u(3)] = secret[u(1)] ^ np.uint64(0x7465646279746573)
    length = end - p
    while True:
        word = _ZERO
        size = min(end - p, 8)
        for i in range(size):
            word |= np.uint64(text[u(p + i)]) << np.uint64(8 * i)
        p += size
        if size < 8:
            word |= np.uint64(length & 255) << np.uint64(56)
        v[u(3)] ^= word
        _round(v)
        _round(v)
        v[u(0)] ^= word
        if size < 8:
            break
    v[u(2)] ^= _LAST
    for _ in range(4):
        _round(v)
    found: np.uint64 = v[u(0)] ^ v[u(1)] ^ v[u(2)] ^ v[u(3)]
    return found


@entry
def hash_texts(secret: Words, texts: Bytes, bounds: Longs, chosen: Longs, hashes: Words) -> None:
    """Give the hash of each chosen text; never 0, which marks a free place."""
    v = np.zeros(4, np.uint64)
    for i in range(chosen.size):
        found = _siphash(secret, texts, bounds[u(chosen[u(i)])], bounds[u(chosen[u(i)] + 1)], v)
        hashes[u(i)] = found if found != _ZERO else _ONE


@inner
def _remove(hashes: Words, owners: Longs, hole: int) -> None:
    """Free a place, and move up those behind it that would not be found any more."""
    last = hashes.size - 1
    place = hole
    while True:
        place = (place + 1) & last
        moved = hashes[u(place)]
        if moved == _ZERO:
            break
        home = np.int64(moved & np.uint64(last))
        # It may move when its home doesn't lie, going round, behind the hole and up to its place.
        if ((place - home) & last) >= ((place - hole) & last):
            hashes[u(hole)] = moved
            owners[u(hole)] = owners[u(place)]
            hole = place
    hashes[u(hole)] = _ZERO


@inner
def _add(hashes: Words, owners: Longs, wanted: np.uint64, owner: int) -> bool:
    """Put an entry into a table that has room; tell whether it was not there yet."""
    last = np.uint64(hashes.size - 1)
    place = wanted & last
    while hashes[place] != _ZERO:
        if hashes[place] == wanted and owners[place] == owner:
            return False
        place = (place + _ONE) & last
    hashes[place] = wanted
    owners[place] = owner
    return True


@entry
def track(
    hashes: Words,
    owners: Longs,
    keys: Words,
    firsts: Longs,
    views: Longs,
    own: Mask,
    record: int,
    lost_views: Longs,
    lost: Longs,
) -> tuple[int, int, int]:
    """Note of records, from one on, which views have them now; say which have them no more.

    Args:
        hashes: the table's; it must have room for all that is new.
        owners: the table's.
        keys: hashes of the records' keys.
        firsts: where each record's views start in `views`, and the last one's end.
        views: the views that let each record through.
        own: for each view's number whether its entries are compared; others stay as they are.
        record: where to begin.
        lost_views: views that lose a record.
        lost: the record that each of them loses.

    Returns:
        The record to go on with, because there may be no room to say what it is taken from; how
        many were said; and by how many the entries have become more.
    """
    made, more = 0, 0
    last = np.uint64(hashes.size - 1)
    while record < keys.size:
        first, end = firsts[u(record)], firsts[u(record + 1)]
        place = keys[u(record)] & last
        while hashes[place] != _ZERO:
            owner = owners[place]
            stays = hashes[place] != keys[u(record)] or owner >= own.size or not own[u(owner)]
            if not stays:
                for k in range(first, end):
                    if views[u(k)] == owner:
                        stays = True
            if stays:
                place = (place + _ONE) & last
                continue
            if made == lost.size:
                # Said so far of this record stays said: the entries are gone already.
                return record, made, more
            lost_views[u(made)] = owner
            lost[u(made)] = record
            made += 1
            more -= 1
            # What comes to lie here is looked at next.
            _remove(hashes, owners, np.int64(place))  # type: ignore[arg-type]
        for k in range(first, end):
            if _add(hashes, owners, keys[u(record)], views[u(k)]):
                more += 1
        record += 1
    return record, made, more


@entry
def rehash(hashes: Words, owners: Longs, gone: Mask, larger: Words, larger_owners: Longs) -> int:
    """Put what a table holds into another one that has room, without what `gone` says of views.

    Returns:
        How many entries were put there.
    """
    put = 0
    for i in range(hashes.size):
        owner = owners[u(i)]
        if hashes[u(i)] != _ZERO and (owner >= gone.size or not gone[u(owner)]):
            _add(larger, larger_owners, hashes[u(i)], owner)
            put += 1
    return put
