"""Avro container files (Avro 1.12, "Object container files"): framing is read here, strictly.

fastavro decodes the rows. It crashes on recursive schemas, and makes a list of any length of
elements that have no bytes; schemas that allow either are refused, and blocks are bounded also as
what they unpack to. Where a block is damaged, reading ends.
"""

from __future__ import annotations

import binascii
import bz2
import io
import json
import lzma
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import fastavro

from producers.sources.content import Content
from producers.sources.source import Deletion, Mark, Row, check_names
from producers.sources.values import Converters
from schemas.errors import InvalidInput, InvalidPolicy, InvalidRecord
from schemas.policy.avro_types import Again, Array, Record, types_in
from schemas.policy.schema_reading import read_schema

LARGEST_BLOCK: Final = 16 * 1024 * 1024
_MAGIC: Final = b"Obj\x01"
_SYNC: Final = 16
_ENVELOPE: Final = "envelope"


class AvroContainer:
    """One container file of one resource; a field `envelope` is passed over.

    Raises:
        InvalidInput: the file can't be opened, is no container, has a codec that is not read, or
            its fields are others.
    """

    unit = "row"
    note = ""

    def __init__(self, file: Path, schema: Mapping[str, Any]) -> None:
        self._file = file
        self._convert = Converters(schema, from_text=False).by_item
        self._content = Content(file)
        self.size = self._content.size
        if not self.size:
            raise InvalidInput("the file is empty", where=str(file))
        if self._content.read(len(_MAGIC)) != _MAGIC:
            raise self._damaged("the file is no Avro container")
        meta = self._read_meta()
        self._codec = meta.get("avro.codec", b"null").decode("ascii", "replace")
        if self._codec not in _UNPACK:
            known = ", ".join(_UNPACK)
            raise InvalidInput(
                "the file's codec is not read", where=str(file), remedy=f"Codecs read: {known}"
            )
        self._sync = self._exactly(_SYNC)
        self._schema = self._read_schema(meta.get("avro.schema", b""))
        self._whole = self._content.mark()
        self._blocks = self._read_blocks()
        self._begun: tuple[int, bytes] | None = None
        self._skip = 0

    @property
    def position(self) -> int:
        """How far reading is, in bytes of the file."""
        return self._content.position

    def rows(self) -> Iterator[tuple[int, Row | Deletion | InvalidRecord]]:
        """Yield row number and items, or what is wrong with the row."""
        if self._begun is not None:
            yield from self._rows_of(*self._begun)
        for count, data in self._blocks:
            yield from self._rows_of(count, data)

    def mark(self) -> Mark:
        """Return the mark behind the row that was yielded last; its bytes end with its block."""
        return replace(self._whole, number=self._content.number)

    def go_on(self, mark: Mark) -> bool:
        """Go behind a mark; False if another file stands before it."""
        rows = 0
        while self._content.count < mark.size:
            block = next(self._blocks, None)
            if block is None:
                return False
            rows += block[0]
            self._begun, self._skip = block, mark.number - (rows - block[0])
        self._content.number = mark.number
        return self.mark() == mark and self._skip <= rows

    def _rows_of(self, count: int, data: bytes) -> Iterator[tuple[int, Row | InvalidRecord]]:
        stream = io.BytesIO(self._unpacked(data))
        skip, self._skip = self._skip, 0
        for place in range(count):
            try:
                row: Any = fastavro.schemaless_reader(stream, self._schema, None)
            except Exception:  # fastavro's are of many kinds, and quote
                raise self._damaged(f"a row behind row {self._content.number} is no Avro") from None
            if place >= skip:
                self._content.number += 1
                yield self._content.number, self._items(row)
        if stream.read(1):
            raise self._damaged("a block has more bytes than rows")

    def _items(self, row: Mapping[str, Any]) -> Row | InvalidRecord:
        try:
            return {name: convert(row[name]) for name, convert in self._convert.items()}
        except InvalidRecord as error:
            return error

    def _read_blocks(self) -> Iterator[tuple[int, bytes]]:
        while (count := self._long(may_end=True)) is not None:
            size = self._long() or 0
            # A row has at least one byte, as its schema was seen to.
            if count < 0 or not 0 <= size <= LARGEST_BLOCK or count > LARGEST_BLOCK:
                raise self._damaged("a block's count or size is out of bounds")
            data = self._exactly(size)
            if self._exactly(_SYNC) != self._sync:
                raise self._damaged("a block doesn't end where it says")
            self._whole = self._content.mark()
            yield count, data

    def _unpacked(self, data: bytes) -> bytes:
        try:
            found: bytes = _UNPACK[self._codec](data)
        except (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError):
            raise self._damaged("a block can't be unpacked") from None
        if len(found) > LARGEST_BLOCK:
            raise self._damaged(f"a block unpacks to more than {LARGEST_BLOCK:,} bytes")
        return found

    def _read_meta(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        while count := self._long() or 0:
            if count < 0:
                count = -count
                self._long()
            for _ in range(min(count, 1000)):
                key = self._exactly(self._long() or 0)
                found[key.decode("utf-8", "replace")] = self._exactly(self._long() or 0)
            if count > 1000:
                raise self._damaged("the file's header is out of bounds")
        return found

    def _read_schema(self, text: bytes) -> Any:
        try:
            declared = json.loads(text)
            tree = read_schema(_without_logical(declared))
        except (ValueError, RecursionError):
            raise self._damaged("the file has no schema") from None
        except InvalidPolicy as error:
            raise InvalidInput(
                f"the file's schema is not read: {error.problem}", where=str(self._file)
            ) from error
        if not isinstance(tree, Record):
            raise self._damaged("the file's rows are no records")
        names = [field.name for field in tree.fields if field.name != _ENVELOPE]
        check_names(names, list(self._convert), self._file, "schema")
        types = list(types_in(tree))
        if any(isinstance(each, Again) for each in types):
            raise self._damaged("the file's schema is recursive")
        if tree.shape.empty or any(isinstance(it, Array) and it.items.shape.empty for it in types):
            raise self._damaged("the file's schema has elements without bytes")
        return fastavro.parse_schema(declared)

    def _long(self, *, may_end: bool = False) -> int | None:
        number = shift = 0
        while shift < 70:
            byte = self._content.read(1)
            if not byte:
                if may_end and not shift:
                    return None
                break
            number |= (byte[0] & 127) << shift
            if byte[0] < 128:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise self._damaged("the file ends too early")

    def _exactly(self, length: int) -> bytes:
        if not 0 <= length <= LARGEST_BLOCK:
            raise self._damaged("a length is out of bounds")
        found = self._content.read(length)
        if len(found) != length:
            raise self._damaged("the file ends too early")
        return found

    def _damaged(self, problem: str) -> InvalidInput:
        return InvalidInput(problem, where=str(self._file), remedy="Write the file anew")


def _without_logical(schema: Any) -> Any:
    """Return a schema without logical types: which of them there are is not asked here."""
    if isinstance(schema, list):
        return [_without_logical(part) for part in schema]
    if isinstance(schema, dict):
        return {k: _without_logical(v) for k, v in schema.items() if k != "logicalType"}
    return schema


def _inflate(data: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(data, LARGEST_BLOCK + 1)


def _unbzip(data: bytes) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, LARGEST_BLOCK + 1)


def _unxz(data: bytes) -> bytes:
    return lzma.LZMADecompressor().decompress(data, LARGEST_BLOCK + 1)


def _unsnap(data: bytes) -> bytes:
    import pyarrow as pa

    packed, checksum = data[:-4], data[-4:]
    length = shift = 0
    for byte in packed[:5]:
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if length > LARGEST_BLOCK:
        raise ValueError("too large")
    found: bytes = pa.Codec("snappy").decompress(packed, length, asbytes=True)
    if binascii.crc32(found).to_bytes(4, "big") != checksum:
        raise ValueError("the checksum is another")
    return found


def _unzstd(data: bytes) -> bytes:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        found: bytes = stream.read(LARGEST_BLOCK + 1)
        return found


_UNPACK: Final = {
    "null": lambda data: data,
    "deflate": _inflate,
    "snappy": _unsnap,
    "zstandard": _unzstd,
    "bzip2": _unbzip,
    "xz": _unxz,
}
