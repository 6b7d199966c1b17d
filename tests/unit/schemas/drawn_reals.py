"""Random floats and doubles, most of them where something changes."""

from __future__ import annotations

import random
import struct
from typing import Final

_NUMBERS: Final = [
    0.0, 0.5, 1.0, 7.0, 99.5, 100.0, 100.25, 2.0**24 - 1, 2.0**24 + 2, 2.0**31, 2.0**40,
    2.0**53 - 1,
    2.0**53, 2.0**53 + 2, 1e300, 3.4028234663852886e38, 5e-324, 1.401298464324817e-45,
    float("inf"), float("nan"),
]  # fmt: skip


def drawn_real(rng: random.Random, form: str) -> bytes:
    """Draw the bytes of one: of a float ("<f") or of a double ("<d")."""
    size = struct.calcsize(form)
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(size)
    number = rng.choice(_NUMBERS) if kind == 1 else rng.random() * 2 ** rng.randrange(60)
    number *= rng.choice([1, -1])
    if form == "<f" and 3.5e38 < abs(number) < float("inf"):
        number /= 1e300
    packed = struct.pack(form, number)
    if rng.random() < 0.2:  # its neighbour, or a NaN that says more than that it is one
        return bytes([packed[0] ^ 1]) + packed[1:]
    return packed
