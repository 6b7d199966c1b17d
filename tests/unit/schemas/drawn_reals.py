"""Random floats and doubles, most of them where something changes."""

from __future__ import annotations

import math
import random
import struct
from typing import Final

import numpy as np

_NUMBERS: Final = [
    0.0, 0.5, 1.0, 7.0, 99.5, 100.0, 100.25, 2.0**24 - 1, 2.0**24, 2.0**24 + 2, 2.0**31, 2.0**40,
    2.0**53 - 1, 2.0**53, 2.0**53 + 2, 2.0**63, 3.4028234663852886e38, 1e308, 5e-324,
    2.2250738585072014e-308, 1.401298464324817e-45, math.inf, math.nan,
]  # fmt: skip
_WIDTHS: Final = [2, 7, 10, 100, 365, 10**6, 2**31 - 1, 2**40, 2**53 - 1]


def drawn_real(rng: random.Random, form: str) -> bytes:
    """Draw the bytes of one: of a float ("<f") or of a double ("<d")."""
    size = struct.calcsize(form)
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        number = rng.choice(_NUMBERS)
    elif kind == 2:
        number = float(rng.choice(_WIDTHS) * rng.randrange(2 ** rng.randrange(1, 70)))
    else:
        number = rng.random() * 2 ** rng.randrange(60)
    number *= rng.choice([1, -1])
    if form == "<f" and 3.5e38 < abs(number) < math.inf:
        number /= 1e300
    real = np.float32(number) if form == "<f" else np.float64(number)
    if rng.random() < 0.4:
        with np.errstate(over="ignore"):
            real = np.nextafter(real, real.dtype.type(rng.choice([1, -1]) * math.inf))
    packed = real.tobytes()
    if math.isnan(real) and rng.random() < 0.5:  # one that says more than that it is one
        return bytes([packed[0] ^ rng.randrange(1, 256)]) + packed[1:]
    return packed
