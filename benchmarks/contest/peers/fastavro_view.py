"""What a view holds of a record, by fastavro: decode, mask, encode what the view's schema has.

Logical types are left out of the schemas, so that fastavro makes no dates and decimals of numbers
that are only passed on: it is the faster way. Used by the peers that are written in Python, and to
work out what every contender has to write; it shares no code with enforcement.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import fastavro

from contest.peers.job import FRAME, Job, Routes, ViewJob
from contest.peers.masks import mask_of, pseudonym

Record = dict[str, Any]


def without_logical_types(schema: Any) -> Any:
    """Return a schema as it is on the wire."""
    if isinstance(schema, Mapping):
        inner = {n: without_logical_types(p) for n, p in schema.items() if n != "logicalType"}
        if set(inner) == {"type"} and isinstance(inner["type"], str):
            return inner["type"]
        return inner
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    return schema


class FastavroView:
    """One view, by fastavro."""

    def __init__(self, view: ViewJob, writer_schema: Mapping[str, Any], key_item: str) -> None:
        self.view = view
        self._schema = fastavro.parse_schema(without_logical_types(view.schema))
        self._frame = struct.pack(">bI", 0, view.schema_id)
        secret = bytes.fromhex(view.key)
        types = {field["name"]: field["type"] for field in writer_schema["fields"]}
        self._masks: dict[str, Callable[[Any], Any]] = {
            item: mask_of(action, types[item], secret)
            for item, action in (view.masks or {}).items()
        }
        self._secret = secret if key_item in self._masks else b""

    def key(self, key: bytes) -> bytes:
        """Return the key of the view's record."""
        return pseudonym(key, self._secret).encode() if self._secret else key

    def message(self, record: Record) -> bytes:
        """Return the view's record; what its schema doesn't have is left out by the writer."""
        if self._masks:
            record = record | {item: mask(record[item]) for item, mask in self._masks.items()}
        buffer = io.BytesIO()
        buffer.write(self._frame)
        fastavro.schemaless_writer(buffer, self._schema, record)
        return buffer.getvalue()


class FastavroViews:
    """Every view of a job."""

    def __init__(self, job: Job) -> None:
        self._schema = fastavro.parse_schema(without_logical_types(job.schema))
        self._routes = Routes(job.views)
        self.views = [FastavroView(view, job.schema, job.key_item) for view in job.views]

    def outputs(self, key: bytes, message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield, for each view that the record is in: its place, key and message."""
        places = self._routes.of(key)
        if not places:
            return
        buffer = io.BytesIO(message)
        buffer.seek(FRAME)
        record: Any = fastavro.schemaless_reader(buffer, self._schema, None)
        for place in places:
            view = self.views[place]
            yield place, view.key(key), view.message(record)
