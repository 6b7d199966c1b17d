"""The strict decoder and its encoder: plain, slow, and meant to be read.

Decoding refuses whatever is not the one right way to write a value, and remembers what two equal
values may still be written differently by: the blocks of arrays and maps, and the bits of floats.
So `encode(decode(x)) == x` for every accepted x, except that blocks which stated their size in
bytes lose it. It doesn't use a library, because the libraries accept what must be refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from schemas.errors import InvalidRecord
from schemas.policy.avro_types import (
    Array,
    AvroType,
    Fixed,
    Kind,
    Primitive,
    Record,
    Symbols,
    Union,
)
from schemas.policy.limits import Limits
from schemas.policy.reasons import Reason


@dataclass(frozen=True, slots=True)
class Real:
    """A float or a double as its 4 or 8 bytes, so that every NaN stays the one it was."""

    raw: bytes

    @property
    def number(self) -> float:
        """The number itself."""
        value: float = struct.unpack("<f" if len(self.raw) == 4 else "<d", self.raw)[0]
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


def decode(avro: AvroType, payload: bytes, limits: Limits) -> Value:
    """Decode one whole payload.

    Raises:
        InvalidRecord: with the first reason, in the order of the bytes, why it is not one.
    """
    reader = _Reader(payload, limits.max_items)
    value = reader.read(avro)
    if reader.position != len(payload):
        refuse(Reason.TRAILING_BYTES)
    return value


def encode(avro: AvroType, value: Value) -> bytes:
    """Encode a decoded value; every block gets a positive count and no size."""
    match avro, value:
        case Primitive(), _:
            return _encode_primitive(avro.kind, value)
        case Fixed(), bytes():
            return value
        case Symbols(), str():
            return varint(avro.names.index(value))
        case Array(), Blocks():
            parts = [
                varint(len(block)) + b"".join(encode(avro.items, item) for item in block)
                for block in value.blocks
            ]
            return b"".join(parts) + varint(0)
        case Union(), Chosen():
            return varint(value.branch) + encode(avro.branches[value.branch], value.value)
        case Record(), dict():
            return b"".join(encode(field.type, value[field.name]) for field in avro.fields)
    raise TypeError(f"a value does not fit {type(avro).__name__}")


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


class _Reader:
    def __init__(self, payload: bytes, max_items: int) -> None:
        self._payload = payload
        self.position = 0
        self._items_left = max_items

    def read(self, avro: AvroType) -> Value:
        match avro:
            case Primitive():
                return self._primitive(avro)
            case Fixed():
                return self._take(avro.size)
            case Symbols():
                return avro.names[self._index(len(avro.names), Reason.ENUM_INDEX)]
            case Union():
                branch = self._index(len(avro.branches), Reason.UNION_INDEX)
                return Chosen(branch, self.read(avro.branches[branch]))
            case Array():
                return self._blocks(avro)
            case Record():
                return {field.name: self.read(field.type) for field in avro.fields}

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
                return self._number(avro)
            case Kind.FLOAT:
                return Real(self._take(4))
            case Kind.DOUBLE:
                return Real(self._take(8))
            case Kind.BYTES:
                return self._bytes(avro)
            case Kind.STRING:
                return self._text()

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
            # Java's decoder crashes on a decimal without bytes; 18 digits fit into eight.
            digits = int.from_bytes(taken, "big", signed=True)
            if not 1 <= len(taken) <= 8 or not avro.bounds[0] <= digits <= avro.bounds[1]:
                refuse(Reason.DECIMAL_RANGE)
        return taken

    def _text(self) -> str:
        raw = self._take(self._length())
        try:
            return raw.decode("utf-8", "strict")
        except UnicodeDecodeError:
            # The error would carry the bytes along, so it is not chained.
            raise InvalidRecord(Reason.UTF8.text) from None

    def _blocks(self, avro: Array) -> Blocks:
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
                blocks.append((self.read(avro.items),) * abs(count))
            else:
                blocks.append(tuple(self.read(avro.items) for _ in range(abs(count))))
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
