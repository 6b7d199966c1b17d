"""Keyed BLAKE2b (RFC 7693) of short texts, for pseudonyms.

The key fills the first block, so its compression is done once, outside (`start`); here a text goes
on from that state. All numbers are unsigned 64-bit.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from stream_apps.enforcement.jit import entry, inner
from stream_apps.enforcement.kernel.octets import u
from stream_apps.enforcement.layouts import Bytes, Words

BLOCK = 128
DIGEST = 16
"""Bytes of a pseudonym; it is written as twice as many hexadecimal digits."""
SCRATCH = 24
"""Numbers: the state and a block."""

IV = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    np.uint64,
)  # fmt: skip
_R32, _R24, _R16, _R63 = np.uint64(32), np.uint64(24), np.uint64(16), np.uint64(63)
_R40, _R48, _R1 = np.uint64(40), np.uint64(48), np.uint64(1)
_NONE, _ALL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)

Word: TypeAlias = np.uint64
State: TypeAlias = tuple[Word, ...]
"""What is mixed. As a tuple it stays in registers; an array would be stored and read again at each
step, which takes half as long again."""


@inner
def _mix(a: Word, b: Word, c: Word, d: Word, x: Word, y: Word) -> State:
    a = a + b + x
    d = d ^ a
    d = (d >> _R32) | (d << _R32)
    c = c + d
    b = b ^ c
    b = (b >> _R24) | (b << _R40)
    a = a + b + y
    d = d ^ a
    d = (d >> _R16) | (d << _R48)
    c = c + d
    b = b ^ c
    b = (b >> _R63) | (b << _R1)
    return a, b, c, d


@inner
def _round(
    v: State,
    x0: Word, x1: Word, x2: Word, x3: Word, x4: Word, x5: Word, x6: Word, x7: Word,
    y0: Word, y1: Word, y2: Word, y3: Word, y4: Word, y5: Word, y6: Word, y7: Word,
) -> State:  # fmt: skip
    """Mix columns, then diagonals, with the block's words in the round's order."""
    a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3 = v
    a0, b0, c0, d0 = _mix(a0, b0, c0, d0, x0, x1)
    a1, b1, c1, d1 = _mix(a1, b1, c1, d1, x2, x3)
    a2, b2, c2, d2 = _mix(a2, b2, c2, d2, x4, x5)
    a3, b3, c3, d3 = _mix(a3, b3, c3, d3, x6, x7)
    a0, b1, c2, d3 = _mix(a0, b1, c2, d3, y0, y1)
    a1, b2, c3, d0 = _mix(a1, b2, c3, d0, y2, y3)
    a2, b3, c0, d1 = _mix(a2, b3, c0, d1, y4, y5)
    a3, b0, c1, d2 = _mix(a3, b0, c1, d2, y6, y7)
    return a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3


@inner
def _compress(h: Words, m: Words, length: int, last: bool) -> None:
    """Take one block into the state; `length` counts the bytes up to its end, the key's too.

    The order of the block's words in each round is RFC 7693's table SIGMA; the last two rounds
    have the first two's.
    """
    m0, m1, m2, m3 = m[u(0)], m[u(1)], m[u(2)], m[u(3)]
    m4, m5, m6, m7 = m[u(4)], m[u(5)], m[u(6)], m[u(7)]
    m8, m9, m10, m11 = m[u(8)], m[u(9)], m[u(10)], m[u(11)]
    m12, m13, m14, m15 = m[u(12)], m[u(13)], m[u(14)], m[u(15)]
    v: State = (
        h[u(0)], h[u(1)], h[u(2)], h[u(3)], h[u(4)], h[u(5)], h[u(6)], h[u(7)],
        IV[u(0)], IV[u(1)], IV[u(2)], IV[u(3)],
        IV[u(4)] ^ np.uint64(length), IV[u(5)], IV[u(6)] ^ (_ALL if last else _NONE), IV[u(7)],
    )  # fmt: skip
    v = _round(v, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15)
    v = _round(v, m14, m10, m4, m8, m9, m15, m13, m6, m1, m12, m0, m2, m11, m7, m5, m3)
    v = _round(v, m11, m8, m12, m0, m5, m2, m15, m13, m10, m14, m3, m6, m7, m1, m9, m4)
    v = _round(v, m7, m9, m3, m1, m13, m12, m11, m14, m2, m6, m5, m10, m4, m0, m15, m8)
    v = _round(v, m9, m0, m5, m7, m2, m4, m10, m15, m14, m1, m11, m12, m6, m8, m3, m13)
    v = _round(v, m2, m12, m6, m10, m0, m11, m8, m3, m4, m13, m7, m5, m15, m14, m1, m9)
    v = _round(v, m12, m5, m1, m15, m14, m13, m4, m10, m0, m7, m6, m3, m9, m2, m8, m11)
    v = _round(v, m13, m11, m7, m14, m12, m1, m3, m9, m5, m0, m15, m4, m8, m6, m2, m10)
    v = _round(v, m6, m15, m14, m9, m11, m3, m0, m8, m12, m2, m13, m7, m1, m4, m10, m5)
    v = _round(v, m10, m2, m8, m4, m7, m6, m1, m5, m15, m11, m9, m14, m3, m12, m13, m0)
    v = _round(v, m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15)
    v = _round(v, m14, m10, m4, m8, m9, m15, m13, m6, m1, m12, m0, m2, m11, m7, m5, m3)
    a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3 = v
    h[u(0)] ^= a0 ^ c0
    h[u(1)] ^= a1 ^ c1
    h[u(2)] ^= a2 ^ c2
    h[u(3)] ^= a3 ^ c3
    h[u(4)] ^= b0 ^ d0
    h[u(5)] ^= b1 ^ d1
    h[u(6)] ^= b2 ^ d2
    h[u(7)] ^= b3 ^ d3


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
        scratch: room for `SCRATCH` numbers.
        target: where to.
        w: the place there.

    Returns:
        What follows the digits.
    """
    h, m = scratch[0:8], scratch[8:SCRATCH]
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
        _compress(h, m, taken, p == end)
    for i in range(DIGEST):
        octet = np.int64((h[u(i >> 3)] >> (np.uint64(i & 7) << np.uint64(3))) & np.uint64(255))
        for nibble in (octet >> 4, octet & 15):
            target[u(w)] = np.uint8(nibble + 48 if nibble < 10 else nibble + 87)
            w += 1
    return w


@entry
def start(key: Bytes, state: Words) -> None:
    """Give the state behind the block of a key of 1 to 64 bytes, and that of the empty text."""
    m = np.zeros(16, np.uint64)
    for i in range(key.size):
        m[u(i >> 3)] |= np.uint64(key[u(i)]) << (np.uint64(i & 7) << np.uint64(3))
    for first in (0, 8):
        h = state[first : first + 8]
        for i in range(8):
            h[u(i)] = IV[u(i)]
        h[u(0)] ^= np.uint64(0x01010000 | (key.size << 8) | DIGEST)
        _compress(h, m, BLOCK, first == 8)
