"""The strict decoder and its encoder: plain, slow, and meant to be read.

Decoding refuses whatever is not the one right way to write a value, and remembers what two equal
values may still be written differently by: the blocks of arrays and maps, and the bits of floats.
So `encode(decode(x)) == x` for every accepted x, except that blocks which stated their size in
bytes lose it. It doesn't use a library, because the libraries accept what must be refused.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from schemas.errors import InvalidRecord
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
)
from schemas.policy.limits import NUMBER_GROWTH, STRING_GROWTH, Limits
from schemas.policy.reasons import Reason
from schemas.policy.unwinding import unwind

SINGLE, DOUBLE = 4, 8
"""How many bytes a float and a double have."""
_HEX = "[0-9a-fA-F]"
_UUID = re.compile(rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")


@dataclass(frozen=True, slots=True)
class Real:
    """A float or a double as its 4 or 8 bytes, so that every NaN stays the one it was."""

    raw: bytes

    @classmethod
    def of(cls, number: float, size: int) -> Real:
        """Return the one of 4 or 8 bytes that is nearest to a number; NaN is the quiet one."""
        return cls(struct.pack("<f" if size == SINGLE else "<d", number))

    @property
    def number(self) -> float:
        """The number itself."""
        value: float = struct.unpack("<f" if len(self.raw) == SINGLE else "<d", self.raw)[0]
        return value


@dataclass(frozen=True, slots=True)
class Chosen:
    """The value of a union with the index of its branch."""

    branch: int
    value: Value


@dataclass(frozen=True, slots=True)
class Blocks:
    """The elements of an array, or the entries of a map, in the blocks they came in."""

    blocks: tuple[tuple[Value, ...], ...]


Value: TypeAlias = "bool | int | str | bytes | Real | Chosen | Blocks | dict[str, Value] | None"


def decode(avro: AvroType, payload: bytes, limits: Limits) -> tuple[Value, int]:
    """Decode one whole payload; give its value, and by how many bytes masks could lengthen it.

    Raises:
        InvalidRecord: with the first reason, in the order of the bytes, why it is not one.
    """
    reader = _Reader(payload, limits)
    value = unwind(reader.read, avro)
    if reader.position != len(payload):
        refuse(Reason.TRAILING_BYTES)
    return value, reader.growth


def encode(avro: AvroType, value: Value) -> bytes:
    """Encode a decoded value; every block gets a positive count and no size."""
    written: list[bytes] = []
    left: list[tuple[AvroType | None, Value]] = [(avro, value)]
    while left:
        match left.pop():
            case None, bytes() as ready:
                written.append(ready)
            case Primitive(kind=kind), part:
                written.append(_encode_primitive(kind, part))
            case Fixed(), bytes() as part:
                written.append(part)
            case Symbols() as symbols, str() as part:
                written.append(varint(symbols.names.index(part)))
            case Array() as array, Blocks() as part:
                left.extend(reversed(_parts(array, part)))
            case Union() as union, Chosen() as part:
                written.append(varint(part.branch))
                left.append((union.branches[part.branch], part.value))
            case Record() as record, dict() as part:
                left.extend((field.type, part[field.name]) for field in reversed(record.fields))
            case Again() as again, part:
                left.append((again.record, part))
            case unfit, _:
                raise TypeError(f"a value does not fit {type(unfit).__name__}")
    return b"".join(written)


def varint(value: int) -> bytes:
    """Write a number the shortest way: zigzag, seven bits a byte, low bits first."""
    rest = value << 1 if value >= 0 else ~value << 1 | 1
    written = bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def refuse(reason: Reason) -> NoReturn:
    """Refuse the record."""
    raise InvalidRecord(reason.text)


def _parts(array: Array, value: Blocks) -> list[tuple[AvroType | None, Value]]:
    """Give an array's parts in their order; what is without a type is ready."""
    parts: list[tuple[AvroType | None, Value]] = []
    for block in value.blocks:
        parts.append((None, varint(len(block))))
        parts.extend((array.items, item) for item in block)
    return [*parts, (None, varint(0))]


def _encode_primitive(kind: Kind, value: Value) -> bytes:
    match kind, value:
        case Kind.NULL, None:
            return b""
        case Kind.BOOLEAN, bool():
            return bytes([value])
        case ((Kind.INT | Kind.LONG), int()):
            return varint(value)
        case ((Kind.FLOAT | Kind.DOUBLE), Real()):
            return value.raw
        case Kind.BYTES, bytes():
            return varint(len(value)) + value
        case Kind.STRING, str():
            encoded = value.encode()
            return varint(len(encoded)) + encoded
    raise TypeError(f"a value does not fit {kind.name.lower()}")


def _check_decimal(bounds: tuple[int, int] | None, taken: bytes) -> None:
    if bounds and not bounds[0] <= int.from_bytes(taken, "big", signed=True) <= bounds[1]:
        refuse(Reason.DECIMAL_RANGE)


class _Reader:
    def __init__(self, payload: bytes, limits: Limits) -> None:
        self._payload = payload
        self.position = 0
        self.growth = 0
        self._items_left = limits.max_items
        self._depth_left = limits.max_depth

    def read(self, avro: AvroType) -> Generator[AvroType, Value, Value]:
        """Read a value, yielding the types of the values inside it."""
        match avro:
            case Primitive():
                return self._primitive(avro)
            case Fixed():
                taken = self._take(avro.size)
                _check_decimal(avro.bounds, taken)
                return taken
            case Symbols():
                self.growth += NUMBER_GROWTH
                return avro.names[self._index(len(avro.names), Reason.ENUM_INDEX)]
            case Union():
                branch = self._index(len(avro.branches), Reason.UNION_INDEX)
                return Chosen(branch, (yield avro.branches[branch]))
            case Array():
                return (yield from self._blocks(avro))
            case Record():
                return (yield from self._record(avro))
            case Again():
                return (yield avro.record)

    def _record(self, avro: Record) -> Generator[AvroType, Value, Value]:
        if avro.recursive:
            if not self._depth_left:
                refuse(Reason.DEPTH_LIMIT)
            self._depth_left -= 1
        value: dict[str, Value] = {}
        for field in avro.fields:
            value[field.name] = yield field.type
        if avro.recursive:
            self._depth_left += 1
        return value

    def _primitive(self, avro: Primitive) -> Value:
        match avro.kind:
            case Kind.NULL:
                return None
            case Kind.BOOLEAN:
                byte = self._take(1)[0]
                if byte > 1:
                    refuse(Reason.BOOLEAN_VALUE)
                return byte == 1
            case Kind.INT | Kind.LONG:
                self.growth += NUMBER_GROWTH
                return self._number(avro)
            case Kind.FLOAT:
                return Real(self._take(SINGLE))
            case Kind.DOUBLE:
                return Real(self._take(DOUBLE))
            case Kind.BYTES:
                return self._bytes(avro)
            case Kind.STRING:
                self.growth += STRING_GROWTH
                return self._text(avro)

    def _number(self, avro: Primitive) -> int:
        value = self._varint()
        if avro.kind is Kind.INT and not -(2**31) <= value < 2**31:
            refuse(Reason.INT_RANGE)
        if avro.bounds is not None and not avro.bounds[0] <= value <= avro.bounds[1]:
            refuse(Reason.TIMESTAMP_RANGE)
        return value

    def _bytes(self, avro: Primitive) -> bytes:
        taken = self._take(self._length())
        if avro.bounds is not None:
            self.growth += NUMBER_GROWTH
            # Java's decoder crashes on a decimal without bytes.
            if not 1 <= len(taken) <= avro.most_bytes:
                refuse(Reason.DECIMAL_RANGE)
            _check_decimal(avro.bounds, taken)
        return taken

    def _text(self, avro: Primitive) -> str:
        raw = self._take(self._length())
        try:
            text = raw.decode("utf-8", "strict")
        except UnicodeDecodeError:
            # The error would carry the bytes along, so it is not chained.
            raise InvalidRecord(Reason.UTF8.text) from None
        if avro.logical == "uuid" and not _UUID.fullmatch(text):
            refuse(Reason.UUID_FORMAT)
        return text

    def _blocks(self, avro: Array) -> Generator[AvroType, Value, Value]:
        blocks: list[tuple[Value, ...]] = []
        while count := self._varint():
            if abs(count) > self._items_left:
                refuse(Reason.ITEM_LIMIT)
            self._items_left -= abs(count)
            finish = None
            if count < 0:
                size = self._length()
                if size > self._remaining():
                    refuse(Reason.TRUNCATED)
                finish = self.position + size
            if avro.items.shape.empty:
                # Elements without bytes are all the same: one is read, none is stepped through.
                blocks.append(((yield avro.items),) * abs(count))
            else:
                block: list[Value] = []
                for _ in range(abs(count)):
                    block.append((yield avro.items))  # noqa: PERF401 (a comprehension can't yield)
                blocks.append(tuple(block))
            if finish is not None and self.position != finish:
                refuse(Reason.BLOCK_SIZE)
        return Blocks(tuple(blocks))

    def _index(self, choices: int, reason: Reason) -> int:
        index = self._varint()
        if not 0 <= index < choices:
            refuse(reason)
        return index

    def _length(self) -> int:
        length = self._varint()
        if length < 0:
            refuse(Reason.NEGATIVE_LENGTH)
        return length

    def _varint(self) -> int:
        value = 0
        for position in range(10):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << 7 * position
            if byte < 0x80:
                if (byte == 0 and position > 0) or value >= 2**64:
                    break
                return value >> 1 ^ -(value & 1)
        refuse(Reason.VARINT_OVERLONG)

    def _take(self, length: int) -> bytes:
        if length > self._remaining():
            refuse(Reason.TRUNCATED)
        taken = self._payload[self.position : self.position + length]
        self.position += length
        return taken

    def _remaining(self) -> int:
        return len(self._payload) - self.position
