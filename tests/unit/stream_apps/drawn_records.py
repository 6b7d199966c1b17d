"""Random change events, policies for them, and the bytes of records, some of them wrong."""

from __future__ import annotations

import io
import random
from collections.abc import Collection
from functools import cache
from typing import Any

import fastavro

from schemas.policy import Policy, RowFilter
from schemas.policy.avro_types import Record
from schemas.policy.decoding import varint
from schemas.policy.limits import Limits
from schemas.policy.schema_reading import read_record
from tests.unit.stream_apps.drawn_policies import Policies, key_rows, marks_of
from tests.unit.stream_apps.drawn_types import ENVELOPE as ENVELOPE
from tests.unit.stream_apps.drawn_types import Types
from tests.unit.stream_apps.drawn_values import KEYS as KEYS
from tests.unit.stream_apps.drawn_values import MARKER as MARKER
from tests.unit.stream_apps.drawn_values import Marks, Sight, Values, text

PLACE: dict[str, Any] = {"resource": "test.resource", "sources": ["dept-a", "dept-b", "dept-c"]}


class Drawing:
    """Draws schemas and the bytes of their values, some of them wrong.

    Args:
        rng: what is drawn from.
        wrong: how often a part of a payload is written wrongly.
        odd: how often a schema or a policy is drawn that must be refused.
        limits: some records go beyond these; without them none goes beyond the usual ones.
    """

    def __init__(
        self,
        rng: random.Random,
        wrong: float = 0.0,
        odd: float = 0.0,
        limits: Limits | None = None,
    ) -> None:
        self.rng, self.odd = rng, odd
        self.types = Types(rng, odd)
        self._values = Values(rng, wrong, limits or Limits(), beyond=limits is not None)
        self._records: dict[int, tuple[Any, Record]] = {}
        self._policies: dict[int, tuple[Any, Policies]] = {}

    def schema(self) -> dict[str, Any]:
        """Draw the schema of a change event."""
        return self.types.event()

    def envelope(self) -> bytes:
        """Draw an envelope, the whole of a delete's header."""
        source = self.rng.choice(PLACE["sources"])
        if self._values.slips():
            source = "dept-x"
        return _envelope(source)

    def payload(self, schema: dict[str, Any], shown: Collection[str] | Policy, key: str) -> bytes:
        """Draw a payload; what isn't shown holds secrets.

        Args:
            schema: of the change event.
            shown: names of the items that are kept whole, or what decides.
            key: value of the key item.
        """
        if id(schema) not in self._records:
            self._records[id(schema)] = schema, read_record(schema)
        marks: dict[str, Marks] = {}
        if isinstance(shown, Policy):
            marks = marks_of(shown)
        else:
            marks.update(dict.fromkeys(shown, Sight.OPEN))
        self._values.start()
        out = self.envelope()
        for item in self._records[id(schema)][1].fields[1:]:
            shows = marks.get(item.name, Sight.HIDDEN)
            out += text(key) if item.name == "key" else self._values.write(item.type, shows)
        return out

    def damage(self, message: bytes) -> bytes:
        """Cut a message short, lengthen it, or change some of it."""
        rng = self.rng
        at = rng.randrange(len(message) + 1)
        odd = [0x00, 0x01, 0x02, 0x7F, 0x80, 0xFF, 0xC0, 0xED, 0xF5, rng.randrange(256)]
        piece = bytes(rng.choice(odd) for _ in range(rng.choice([1, 1, 1, 2, 11])))
        match rng.randrange(8):
            case 0:
                return message[:at]
            case 1:
                return message + piece
            case 2:
                return message[:at] + piece + message[at:]
            case 3 | 4:
                return message[:at] + piece + message[at + len(piece) :]
            case 5:
                huge = varint(rng.choice([-1, 1]) * 2 ** rng.randrange(64))
                return message[:at] + huge + message[at + rng.randrange(3) :]
            case 6 if message:
                flipped = bytearray(message)
                flipped[at - 1] ^= 1 << rng.randrange(8)
                return bytes(flipped)
            case 7:
                other = rng.randrange(len(message) + 1)
                return message[:at] + message[other : other + 40] + message[at:]
        return message[:at] + message[at + len(piece) :]

    def policy(self, schema: dict[str, Any]) -> Policy:
        """Draw a policy that lets some of the items through."""
        if id(schema) not in self._policies:
            drawing = Policies(self.rng, schema, PLACE["resource"], self.odd)
            self._policies[id(schema)] = schema, drawing
        return self._policies[id(schema)][1].policy()

    def rows(self) -> RowFilter | None:
        """Draw a filter on the key, or none."""
        return key_rows(self.rng)


@cache
def _envelope(source: str) -> bytes:
    out = io.BytesIO()
    envelope = {
        "event_id": bytes(16),
        "sequence": 7,
        "source": source,
        "resource": PLACE["resource"],
        "occurred_at": 1_700_000_000_000_000,
    }
    fastavro.schemaless_writer(out, ENVELOPE, envelope)
    return out.getvalue()
