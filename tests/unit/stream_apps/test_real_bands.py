"""Bands of floats and doubles: the kernel's arithmetic is the reference's, to the bit."""

from __future__ import annotations

import math
import random
from typing import Any, Final

import numpy as np
import pytest

from schemas.policy import Band
from schemas.policy.avro_types import Kind, Primitive
from schemas.policy.decoding import Real
from schemas.policy.masking import masked
from schemas.policy.shaping import Masked
from stream_apps.enforcement.kernel.masks import BROKEN, DOUBLE, SINGLE, put_real_band
from stream_apps.enforcement.kernel.octets import FULL
from tests.unit.schemas.drawn_reals import drawn_real

TYPES: Final = {SINGLE: (Kind.FLOAT, np.float32, "<f"), DOUBLE: (Kind.DOUBLE, np.float64, "<d")}
WIDTHS: Final = (
    1, 2, 3, 5, 7, 10, 100, 365, 2**23 + 1, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1, 2**52 + 1,
    2**53 - 2, 2**53 - 1,
)  # fmt: skip


def edges(size: int) -> set[bytes]:
    """Give the values at which something changes, their neighbours and their negatives."""
    real: Any = TYPES[size][1]
    info = np.finfo(real)
    found = [0.0, 0.5, info.smallest_subnormal, info.tiny, info.max, math.inf, math.nan]
    found += [2.0**n for n in range(127)]
    found += [float(width * times) for width in WIDTHS for times in (1, 2, 3, 1001, 2**20 + 1)]
    with np.errstate(over="ignore"):
        near = [np.nextafter(real(it), real(to)) for it in found for to in (math.inf, -math.inf)]
    return {(sign * real(it)).tobytes() for it in found + near for sign in (1, -1)}


def made(value: bytes, width: int, size: int) -> bytes:
    """Give what the kernel writes, alone between bytes of others."""
    work = np.frombuffer(bytearray(b"ab" + value + b"c"), np.uint8)
    out = np.full(12, 0xEE, np.uint8)
    assert put_real_band(work, 2, 2 + size, width, size, out, 1) == (2 + size, 1 + size)
    assert out[0] == 0xEE
    assert (out[1 + size :] == 0xEE).all()
    return out[1 : 1 + size].tobytes()


@pytest.mark.parametrize("size", [SINGLE, DOUBLE])
def test_the_kernel_s_bands_are_the_reference_s(size: int) -> None:
    """At every edge of a type and of a band, and at many values drawn; NaNs and infinities too."""
    kind, _, form = TYPES[size]
    rng = random.Random(size)
    values = edges(size) | {drawn_real(rng, form) for _ in range(3_000)}
    for width in (*WIDTHS, rng.randrange(1, 2**53), rng.randrange(1, 1_000)):
        node = Masked(Primitive(kind), Band(width), width)
        for value in values:
            law = masked(node, Real(value), None)
            assert isinstance(law, Real)
            assert made(value, width, size) == law.raw, (value.hex(), width)


@pytest.mark.parametrize("size", [SINGLE, DOUBLE])
def test_neither_what_is_missing_is_read_nor_what_has_no_room_written(size: int) -> None:
    work, out = np.zeros(16, np.uint8), np.full(16, 0xEE, np.uint8)
    assert put_real_band(work, 3, 2 + size, 10, size, out, 0)[0] == BROKEN
    assert put_real_band(work, 0, size, 10, size, out, 17 - size)[1] == FULL
    assert (out == 0xEE).all()
