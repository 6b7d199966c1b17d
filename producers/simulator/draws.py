"""Chance from a seed: of an entity by hashing its place, of life by a stream.

Hashing needs no memory and no order: entity 9,999,999 is drawn without drawing the others first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from hashlib import blake2b, shake_128
from typing import Final, TypeVar

T = TypeVar("T")
_DRAWS: Final = 6


class Lots:
    """What chance gives to each number of one kind: some numbers below 65,536, as many as asked."""

    def __init__(self, seed: int, kind: str, many: int) -> None:
        self._key = _key(seed, kind)
        self._bytes = 2 * many
        self._unpack = struct.Struct(f"<{many}H").unpack

    def __call__(self, index: int) -> tuple[int, ...]:
        """Return the lot of one number."""
        return self._unpack(shake_128(self._key + index.to_bytes(8, "little")).digest(self._bytes))


class Stream:
    """Numbers one after the other; the same seed and kind give the same ones."""

    def __init__(self, seed: int, kind: str) -> None:
        self._key = _key(seed, kind)
        self._blocks = 0
        self._left: list[int] = []

    def below(self, bound: int) -> int:
        """Return a number from 0 up to a bound, which is left out; the bound is below 2^24."""
        if not self._left:
            block = blake2b(self._blocks.to_bytes(8, "little"), key=self._key).digest()
            self._blocks += 1
            self._left = list(struct.unpack("<16I", block))
        return self._left.pop() * bound >> 32

    def happens(self, in_hundred: int) -> bool:
        """Return true so many times in a hundred."""
        return self.below(100) < in_hundred

    def one_of(self, choices: Sequence[T]) -> T:
        """Return one of several, each as likely."""
        return choices[self.below(len(choices))]

    def one_that(self, choices: Sequence[T], fits: Callable[[T], bool]) -> T | None:
        """Return one that fits, or None where a few draws meet none: most need not be looked at."""
        for _ in range(_DRAWS if choices else 0):
            choice = choices[self.below(len(choices))]
            if fits(choice):
                return choice
        return None

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """Return them in another order."""
        rest = list(choices)
        return [rest.pop(self.below(len(rest))) for _ in choices]


def _key(seed: int, kind: str) -> bytes:
    return blake2b(f"{seed}/{kind}".encode(), digest_size=32).digest()
