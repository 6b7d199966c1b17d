"""Two ways in which Avro travels on the bus.

*Confluent-framed*: change events, whose writer schema is known to the registry by a number.
*Single-object* (Avro 1.12 specification, "Single-object encoding"): the bus's own events, whose
schemas are files of this package; the 8-byte CRC-64-AVRO fingerprint names the file, so that the
ledger can be read without asking anybody.

Decoding here is fastavro's and therefore only for bytes that the bus itself wrote; bytes from
outside go through the enforcement scanner or the strict reference first.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.errors import InvalidRecord

FRAME = struct.Struct(">bI")
SINGLE_OBJECT_MARKER = b"\xc3\x01"

Schema = Mapping[str, Any]


def frame_prefix(schema_id: int) -> bytes:
    """Return the 5 bytes that precede a Confluent-framed payload: 0, then the id, big endian."""
    return FRAME.pack(0, schema_id)


def read_frame(message: bytes) -> tuple[int, memoryview]:
    """Split a Confluent-framed message into schema id and payload.

    Raises:
        InvalidRecord: `bad-frame` when the first five bytes are not a frame.
    """
    if len(message) < FRAME.size or message[0] != 0:
        raise InvalidRecord("bad-frame")
    return FRAME.unpack_from(message)[1], memoryview(message)[FRAME.size :]


def load_event_schema(name: str) -> dict[str, Any]:
    """Return `schemas/events/<name>.avsc` as JSON, complete.

    A field whose type is `"file:<other>"` gets the schema of that file in its place.
    """
    schema: dict[str, Any] = json.loads(
        files("schemas").joinpath(f"events/{name}.avsc").read_text("utf-8")
    )
    for field in schema["fields"]:
        if isinstance(field["type"], str) and field["type"].startswith("file:"):
            field["type"] = load_event_schema(field["type"].removeprefix("file:"))
    return schema


class EventCodec:
    """Writes and reads one of the bus's own events in single-object encoding.

    Args:
        name: the schema's file in `schemas/events`, without `.avsc`.
    """

    def __init__(self, name: str) -> None:
        schema = load_event_schema(name)
        # One fingerprint a schema file: what a reader holds is what the writer wrote with.
        digest = bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
        self.prefix = SINGLE_OBJECT_MARKER + digest
        self.schema: dict[str, Any] = _parsed(schema)

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """Return the event as bytes; raises InvalidRecord when it doesn't fit its schema."""
        buffer = io.BytesIO()
        buffer.write(self.prefix)
        try:
            fastavro.schemaless_writer(buffer, self.schema, value, strict=True)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise InvalidRecord("does-not-fit-schema", where=self.schema["name"]) from error
        return buffer.getvalue()

    def decode(self, message: bytes) -> dict[str, Any]:
        """Return the event; union branches that are records come as `(name, fields)`.

        Raises:
            InvalidRecord: another schema's fingerprint, malformed or surplus bytes.
        """
        if not message.startswith(self.prefix):
            raise InvalidRecord("unknown-schema", where=self.schema["name"])
        buffer = io.BytesIO(message)
        buffer.seek(len(self.prefix))
        try:
            value: Any = fastavro.schemaless_reader(
                buffer, self.schema, None, return_record_name=True
            )
        except (ValueError, TypeError, EOFError, IndexError, OverflowError) as error:
            raise InvalidRecord("malformed", where=self.schema["name"]) from error
        if buffer.tell() != len(message):
            raise InvalidRecord("trailing-bytes", where=self.schema["name"])
        return dict(value)


def _parsed(schema: dict[str, Any]) -> Any:
    return fastavro.parse_schema(schema)


@cache
def event_codec(name: str) -> EventCodec:
    """Return the codec of `schemas/events/<name>.avsc`, made once."""
    return EventCodec(name)
