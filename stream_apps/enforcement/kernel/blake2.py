"""Keyed BLAKE2b (RFC 7693) of short texts, for pseudonyms.

The key fills the first block, so its compression is done once, outside (`start`); here a text goes
on from that state. All numbers are unsigned 64-bit.
"""

from __future__ import annotations

import numpy as np

from stream_apps.enforcement.jit import entry, inlined, inner
from stream_apps.enforcement.kernel.octets import u
from stream_apps.enforcement.layouts import Bytes, Words

BLOCK = 128
DIGEST = 16
"""Bytes of a pseudonym; it is written as twice as many hexadecimal digits."""

IV = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip
_SIGMA = np.array(
    [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
        11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
        7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
        9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
        2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
        12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
        13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
        6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
        10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
    ],
    np.uint8,
)  # fmt: skip
_ROUNDS = 12
_R32, _R24, _R16, _R63 = np.uint64(32), np.uint64(24), np.uint64(16), np.uint64(63)
_R40, _R48, _R1, _R8 = np.uint64(40), np.uint64(48), np.uint64(1), np.uint64(8)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@inlined
def _mix(v: Words, a: int, b: int, c: int, d: int, x: np.uint64, y: np.uint64) -> None:
    v[u(a)] = v[u(a)] + v[u(b)] + x
    t = v[u(d)] ^ v[u(a)]
    v[u(d)] = (t >> _R32) | (t << _R32)
    v[u(c)] = v[u(c)] + v[u(d)]
    t = v[u(b)] ^ v[u(c)]
    v[u(b)] = (t >> _R24) | (t << _R40)
    v[u(a)] = v[u(a)] + v[u(b)] + y
    t = v[u(d)] ^ v[u(a)]
    v[u(d)] = (t >> _R16) | (t << _R48)
    v[u(c)] = v[u(c)] + v[u(d)]
    t = v[u(b)] ^ v[u(c)]
    v[u(b)] = (t >> _R63) | (t << _R1)


@inner
def _compress(h: Words, m: Words, v: Words, length: int, last: bool) -> None:
    """Take one block into the state; `length` counts the bytes up to its end, the key's too."""
    for i in range(8):
        v[u(i)] = h[u(i)]
        v[u(i + 8)] = IV[u(i)]
    v[u(12)] ^= np.uint64(length)
    if last:
        v[u(14)] ^= _ALL
    for r in range(_ROUNDS):
        s = (r % 10) * 16
        for i in range(4):
            x, y = m[u(_SIGMA[u(s + 2 * i)])], m[u(_SIGMA[u(s + 2 * i + 1)])]
            _mix(v, i, 4 + i, 8 + i, 12 + i, x, y)
        for i in range(4):
            x, y = m[u(_SIGMA[u(s + 8 + 2 * i)])], m[u(_SIGMA[u(s + 9 + 2 * i)])]
            _mix(v, i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3), x, y)
    for i in range(8):
        h[u(i)] ^= v[u(i)] ^ v[u(i + 8)]


@inner
def put_pseudonym(
    state: Words, text: Bytes, p: int, end: int, scratch: Words, target: Bytes, w: int
) -> int:
    """Write the digest of a text at w as hexadecimal digits, for which there must be room.

    Args:
        state: behind the key's block, and of the empty text, whose last block the key's is.
        text: where the text lies.
        p: where it starts there.
        end: and ends.
        scratch: room for 40 numbers.
        target: where to.
        w: the place there.

    Returns:
        What follows the digits.
    """
    h, m, v = scratch[0:8], scratch[8:24], scratch[24:40]
    first = 0 if end > p else 8
    for i in range(8):
        h[u(i)] = state[u(first + i)]
    taken = BLOCK
    while p < end:
        size = min(end - p, BLOCK)
        for i in range(16):
            m[u(i)] = np.uint64(0)
        for i in range(size):
            shift = np.uint64(i & 7) << np.uint64(3)
            m[u(i >> 3)] |= np.uint64(text[u(p + i)]) << shift
        p += size
        taken += size
        _compress(h, m, v, taken, p == end)
    for i in range(DIGEST):
        octet = np.int64((h[u(i >> 3)] >> (np.uint64(i & 7) << np.uint64(3))) & np.uint64(255))
        for nibble in (octet >> 4, octet & 15):
            target[u(w)] = np.uint8(nibble + 48 if nibble < 10 else nibble + 87)
            w += 1
    return w


@entry
def start(key: Bytes, state: Words) -> None:
    """Give the state behind the block of a key of 1 to 64 bytes, and that of the empty text."""
    m, v = np.zeros(16, np.uint64), np.zeros(16, np.uint64)
    for i in range(key.size):
        m[u(i >> 3)] |= np.uint64(key[u(i)]) << (np.uint64(i & 7) << np.uint64(3))
    for first in (0, 8):
        h = state[first : first + 8]
        for i in range(8):
            h[u(i)] = IV[u(i)]
        h[u(0)] ^= np.uint64(0x01010000 | (key.size << 8) | DIGEST)
        _compress(h, m, v, BLOCK, first == 8)
