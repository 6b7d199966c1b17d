"""The bytes of random values, some of them wrong, and some of them secrets that must not get out.

The bytes are written here by hand, so that sized blocks, wrong sizes and overlong numbers can be
drawn too, and so that neither the reference's encoder nor a library's is taken on trust.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from datetime import date
from enum import Enum, auto
from typing import TypeAlias

from schemas.policy.application import bounds_of
from schemas.policy.avro_types import (
    Again,
    Array,
    AvroType,
    Fixed,
    Kind,
    Primitive,
    Record,
    Symbols,
    Union,
    bytes_needed,
    types_in,
)
from schemas.policy.decoding import varint
from schemas.policy.limits import Limits
from tests.unit.schemas.drawn_reals import drawn_real

MARKER = "被丢弃的~DROPPED~"
SECRET_LONG = 2**62 - 57  # a prime, so that no band begins with it
SECRET_MICROS = 1_234_567_891_234_567
SECRET_UUID = "5ec2e7ed-dead-4bad-8bad-5ec2e7ed5ec2"
SECRET_DOUBLE = struct.pack("<d", 123_456_789.123456)  # in no band's lower end
NEEDLES = [
    b"DROPPED",
    SECRET_DOUBLE,
    varint(SECRET_LONG),
    varint(SECRET_MICROS),
    SECRET_UUID.encode(),
]
"""What no output may hold of a payload whose hidden values are drawn with secrets."""

KEYS = ["a", "ab", "abc", "b", "广东", "广州", "\U0001f600", "zz\x00"]
TEXTS = [
    *KEYS, "", "x", "y" * 70, "é", "e\u0301", "中文", "𠀀𠀁𠀂", "\ufeff", "\U0010ffff", "\ud7ff",
    "44", "4401", "440100", "44010019900101000X", "13800000000",
]  # fmt: skip
NUMBERS = [0, 1, -1, 7, 63, 64, -64, -65, 99, 100, 101, -100, -101, 2**31 - 1, -(2**31)]
LONGS = [*NUMBERS, 2**31, 2**53 - 1, 1 - 2**53, 2**63 - 1, -(2**63), -(2**63) + 1]
_EPOCH = date(1970, 1, 1).toordinal()
DAYS = [
    date(*day).toordinal() - _EPOCH
    for day in (
        (1, 1, 1), (1, 1, 2), (1, 12, 31), (4, 2, 29), (1600, 2, 29), (1900, 2, 28), (1900, 3, 1),
        (1949, 10, 1), (1969, 12, 31), (1970, 1, 1), (1972, 2, 29), (1999, 12, 31), (2000, 1, 1),
        (2000, 2, 29), (2000, 3, 1), (2000, 12, 31), (2100, 2, 28), (9999, 1, 1), (9999, 12, 31),
    )
]  # fmt: skip
_A_DAY = {"millis": 86_400_000, "micros": 86_400_000_000}


class Sight(Enum):
    """What a view shows of a value: all, nothing of its leaves, or nothing at all."""

    OPEN = auto()
    MASKED = auto()
    HIDDEN = auto()


Marks: TypeAlias = "Sight | Mapping[str, Marks]"
"""What is shown of a value, or of each named field inside it; others are hidden."""


def text(value: str) -> bytes:
    """Write a string."""
    return varint(len(value.encode())) + value.encode()


def numbers_of(avro: Primitive) -> list[int]:
    """Give a number type's values at which something changes."""
    least, most = bounds_of(avro)
    if avro.logical == "date":
        return DAYS
    if avro.logical == "decimal":
        near = [0, 1, -1, 9, 10, -10, -11, 127, 128, -128, -129, 255, 256, most, -most, most - 1]
        return [number for number in near if least <= number <= most]
    if avro.logical.startswith("time-"):
        return [0, 1, most // 2, most - 1, most]
    if avro.logical:
        a_day = _A_DAY[avro.logical.rpartition("-")[2]]
        begins = [day * a_day for day in DAYS]
        # Noon, and midnight by China's clock, and an instant before.
        near = [at + a_day * n // 24 + d for at in begins for n in (0, 12, 16) for d in (0, -1)]
        return [*{least, most, *(max(least, min(most, number)) for number in near)}]
    return NUMBERS if avro.kind is Kind.INT else LONGS


class Values:
    """Draws the bytes of values.

    Args:
        rng: what is drawn from.
        wrong: how often something is written wrongly.
        limits: what a record may hold.
        beyond: whether some go beyond that.
    """

    def __init__(self, rng: random.Random, wrong: float, limits: Limits, *, beyond: bool) -> None:
        self.rng, self.wrong = rng, wrong
        self._limit, self._items = limits.max_depth, limits.max_items
        self._beyond = beyond
        self._leading: dict[int, tuple[AvroType, bool]] = {}
        self._numbers: dict[int, tuple[Primitive, list[int]]] = {}
        self.start()

    def start(self) -> None:
        """Draw how deep and how large the next record becomes."""
        near = [-1, 0, 1] if self._beyond else [-20]  # one record may hold others at once
        self._goal = self.rng.choice([0, 0, 1, 2, 3, *(max(0, self._limit + it) for it in near)])
        self._depth, self._left = 0, self._goal + 12

    def slips(self) -> bool:
        """Tell whether something is written wrongly now."""
        return self.rng.random() < self.wrong

    def write(self, avro: AvroType, marks: Marks) -> bytes:
        """Draw a value of a type."""
        rng = self.rng
        match avro:
            case Primitive():
                return self._primitive(avro, marks)
            case Fixed():
                return self._fixed(avro, marks)
            case Symbols():
                return varint(rng.randrange(len(avro.names)) + 3 * self.slips())
            case Union(branches=branches):
                branch = self._branch(branches)
                return varint(branch + 4 * self.slips()) + self.write(branches[branch], marks)
            case Array():
                return self._blocks(avro, marks)
            case Record(recursive=False):
                return self._fields(avro, marks)
            case Record():
                return self._inside(avro, marks)
            case Again():
                return self._inside(avro.record, marks)

    def _fields(self, record: Record, marks: Marks) -> bytes:
        if isinstance(marks, Sight):
            return b"".join([self.write(field.type, marks) for field in record.fields])
        return b"".join(
            [self.write(it.type, marks.get(it.name, Sight.HIDDEN)) for it in record.fields]
        )

    def _inside(self, record: Record, marks: Marks) -> bytes:
        self._left -= 1
        if self._depth > self._limit + 3 or self._left < -40:
            return b""  # of a type of which no value ends
        self._depth += 1
        written = self._fields(record, marks)
        self._depth -= 1
        return written

    def _ends(self) -> bool:
        return self._depth >= self._goal or self._left <= 0

    def _leads(self, avro: AvroType) -> bool:
        """Tell whether a type leads to a record that is around it."""
        known = self._leading.get(id(avro))
        if known is None:
            known = avro, any(isinstance(part, Again) for part in types_in(avro))
            self._leading[id(avro)] = known
        return known[1]

    def _branch(self, branches: tuple[AvroType, ...]) -> int:
        leading = [i for i, branch in enumerate(branches) if self._leads(branch)]
        others = [i for i in range(len(branches)) if i not in leading]
        if self._depth and leading and (others or not self._ends()):
            return self.rng.choice(others if self._ends() else leading)
        return self.rng.randrange(len(branches))

    def _primitive(self, avro: Primitive, marks: Marks) -> bytes:
        rng = self.rng
        match avro.kind:
            case Kind.NULL:
                return b""
            case Kind.BOOLEAN:
                return bytes([rng.randrange(2) + 2 * self.slips()])
            case Kind.INT | Kind.LONG:
                return self._number(avro, marks)
            case Kind.FLOAT:
                return drawn_real(rng, "<f")
            case Kind.DOUBLE if marks is Sight.HIDDEN:
                return b"DROPPED!"
            case Kind.DOUBLE if marks is Sight.MASKED and rng.random() < 0.5:
                return SECRET_DOUBLE
            case Kind.DOUBLE:
                return drawn_real(rng, "<d")
            case Kind.BYTES if avro.bounds:
                return self._decimal(avro, marks)
            case Kind.BYTES:
                return text(
                    (MARKER if marks is Sight.HIDDEN else "") + "x" * rng.choice([0, 1, 70])
                )
            case Kind.STRING if avro.logical:
                return text(self._uuid(marks))
        return text(self._text(marks))

    def _text(self, marks: Marks) -> str:
        rng = self.rng
        drawn = rng.choice(TEXTS)
        if rng.random() < 0.02:
            drawn = rng.choice(["y", "中", "\U00020000"]) * rng.choice([127, 128, 129, 1_000])
        return drawn if marks is Sight.OPEN or rng.random() < 0.3 else MARKER + drawn

    def _uuid(self, marks: Marks) -> str:
        if marks is Sight.HIDDEN:
            return SECRET_UUID
        digits = self.rng.randbytes(16).hex()
        if self.slips():
            digits = digits[:-1] + self.rng.choice(["", "g", "-", "é", "00"])
        drawn = "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
        return drawn.upper() if self.rng.random() < 0.3 else drawn

    def _fixed(self, avro: Fixed, marks: Marks) -> bytes:
        if avro.bounds:
            digits = self._digits(avro.bounds, marks)
            bound = 1 << 8 * avro.size - 1
            digits = max(-bound, min(bound - 1, digits))
            return digits.to_bytes(avro.size, "big", signed=True)
        if marks is Sight.HIDDEN:
            return (b"DROPPED~" * avro.size)[: avro.size]
        return self.rng.randbytes(avro.size)

    def _decimal(self, avro: Primitive, marks: Marks) -> bytes:
        assert avro.bounds
        digits = self._digits(avro.bounds, marks)
        size = max(bytes_needed(digits), self.rng.choice([1, 1, 2, 8, avro.most_bytes]))
        if self.slips():
            size += 1
        drawn = digits.to_bytes(size, "big", signed=True)
        return varint(0) if self.slips() else varint(size) + drawn

    def _digits(self, bounds: tuple[int, int], marks: Marks) -> int:
        most = bounds[1]
        if marks is Sight.HIDDEN and most >= 10**17 - 1:
            return int.from_bytes(b"DROPPED", "big")
        if self.slips():
            return self.rng.choice([most + 1, -most - 1, 2 * most, -2 * most])
        near = [0, 1, -1, 127, 128, -128, -129, most, -most, most // 3, self.rng.randrange(most)]
        return max(-most, min(most, self.rng.choice(near)))

    def _number(self, avro: Primitive, marks: Marks) -> bytes:
        rng = self.rng
        if id(avro) not in self._numbers:
            self._numbers[id(avro)] = avro, numbers_of(avro)
        least, most = bounds_of(avro)
        if marks is not Sight.OPEN and avro.kind is Kind.LONG and rng.random() < 0.7:
            number = SECRET_LONG if not avro.logical else max(least, min(most, SECRET_MICROS))
        elif rng.random() < 0.6:
            number = rng.choice(self._numbers[id(avro)][1])
        else:
            widest = most.bit_length()
            number = rng.randrange(2**widest >> rng.randrange(widest))
            number = max(least, min(most, number if rng.random() < 0.5 else ~number))
        if self.slips():
            number = rng.choice([most + 1, least - 1, 2**40, -(2**40), 2**63 - 1])
        if self.slips():
            return rng.choice([overlong(number), b"\x80" * 9 + b"\x02", b"\xff" * 11])
        return varint(number)

    def _blocks(self, avro: Array, marks: Marks) -> bytes:
        rng, out = self.rng, b""
        key, items = None, avro.items
        if avro.is_map:
            assert isinstance(items, Record)
            key, items = items.fields[0].type, items.fields[1].type
        leads = self._depth and self._leads(items)
        if leads and self._ends():
            return varint(0)
        for _ in range(1 if leads else rng.choice([0, 1, 1, 2])):
            count = 1 if leads else rng.randrange(1, 4)
            if avro.items.shape.empty:
                count = rng.choice(
                    [1, 3, *([self._items, self._items + 1] * (self._items < 2_000))]
                )
            elif self.slips():
                count = rng.choice([2**20, 2**31, 2**62])
            block = b""
            for _ in range(0 if avro.items.shape.empty else min(count, 3)):
                if key is not None:
                    hidden = Sight.HIDDEN if marks is Sight.HIDDEN else Sight.OPEN
                    block += self.write(key, hidden)
                block += self.write(items, marks)
            if count and rng.random() < 0.3:
                out += varint(-count) + varint(len(block) + self.slips() - self.slips()) + block
            else:
                out += varint(count) + block
        return out + (overlong(0) if self.slips() else varint(0))


def overlong(number: int) -> bytes:
    """Write a number with a last byte that says nothing."""
    written = varint(number)
    return written[:-1] + bytes([written[-1] | 0x80, 0])
