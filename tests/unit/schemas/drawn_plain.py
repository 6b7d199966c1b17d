"""Random schemas of change events and the bytes of their records, for the reference's own test.

They are others than those with which the kernel is compared with the reference, and drawn in
another way, so that neither is taken on trust.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro

from schemas.policy.decoding import varint
from tests.unit.schemas.drawn_reals import drawn_real

ENVELOPE = json.loads(Path("schemas/events/envelope.avsc").read_text())
MARKER = "被丢弃的~DROPPED~"
PLACE: dict[str, Any] = {"resource": "test.resource", "sources": ["dept-a", "dept-b", "dept-c"]}
KEYS = ["a", "ab", "abc", "b", "广东", "广州", "\U0001f600", "zz\x00"]


@dataclass
class Drawing:
    """Draws schemas and the bytes of their values, some of them wrong."""

    rng: random.Random
    wrong: float = 0.0
    named: list[dict[str, Any]] = field(default_factory=list)

    def schema(self) -> dict[str, Any]:
        """Draw the schema of a change event."""
        items = [
            {"name": f"item{i}", "type": self._type(3)} for i in range(self.rng.randrange(1, 6))
        ]
        items.insert(self.rng.randrange(len(items) + 1), {"name": "key", "type": "string"})
        envelope = {"name": "envelope", "type": ENVELOPE}
        return {
            "type": "record",
            "name": "Thing",
            "namespace": "test",
            "fields": [envelope, *items],
        }

    def _type(self, depth: int) -> Any:
        simple = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
        kinds = [*simple, "logical", "decimal", "fixed", "enum", "known", "known"]
        if depth:
            kinds += ["record", "array", "array", "map", "union", "union"]
        kind = self.rng.choice(kinds)
        if kind in simple:
            return kind
        if kind == "logical":
            base, logical = self.rng.choice(
                [
                    ("long", "timestamp-micros"),
                    ("long", "timestamp-millis"),
                    ("int", "date"),
                    ("int", "time-millis"),
                ]
            )
            return {"type": base, "logicalType": logical}
        if kind == "decimal":
            precision = self.rng.choice([1, 2, 9, 17, 18])
            return {"type": "bytes", "logicalType": kind, "precision": precision, "scale": 1}
        if kind == "array":
            return {"type": "array", "items": self._type(depth - 1)}
        if kind == "map":
            return {"type": "map", "values": self._type(depth - 1)}
        if kind == "union":
            return self._union(depth)
        if kind == "known":
            return self.rng.choice(self.named)["name"] if self.named else "string"
        return self._define(kind, depth)

    def _union(self, depth: int) -> list[Any]:
        branches: dict[str, Any] = {}
        for _ in range(self.rng.randrange(1, 4)):
            known = len(self.named)
            branch = self._type(depth - 1)
            kind = branch if isinstance(branch, str | list) else branch["type"]
            if kind in ("record", "enum", "fixed"):
                kind = branch["name"]
            if isinstance(kind, list) or kind in branches:
                del self.named[known:]  # thrown away, so what it defined is not known
            else:
                branches[kind] = branch
        union = list(branches.values())
        if "null" not in branches:
            union.insert(self.rng.choice([0, len(union)]), "null")
        return union

    def _define(self, kind: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {"type": kind}
        if kind == "fixed":
            made["size"] = self.rng.choice([0, 1, 2, 7])
        elif kind == "enum":
            made["symbols"] = ["A", "B", "C"][: self.rng.randrange(1, 4)]
        else:
            count = self.rng.randrange(0, 3)
            made["fields"] = [
                {"name": f"f{i}", "type": self._type(depth - 1)} for i in range(count)
            ]
        made["name"] = f"Named{len(self.named)}"
        self.named.append(made)
        return made

    def payload(self, schema: dict[str, Any], kept: set[str], key: str) -> bytes:
        """Draw a well-formed payload; strings of items that are not kept hold the marker."""
        envelope = {
            "event_id": bytes(16),
            "sequence": 7,
            "source": self.rng.choice(PLACE["sources"]),
            "resource": PLACE["resource"],
            "occurred_at": 1_700_000_000_000_000,
        }
        out = encoded(ENVELOPE, envelope)
        for part in schema["fields"][1:]:
            mark = "" if part["name"] in kept else MARKER
            out += text(key) if part["name"] == "key" else self._value(part["type"], mark)
        return out

    def _value(self, avro: Any, mark: str) -> bytes:
        rng = self.rng
        if isinstance(avro, list):
            branch = rng.randrange(len(avro))
            return varint(branch + 4 * self._slips()) + self._value(avro[branch], mark)
        if isinstance(avro, str):
            known = {made["name"]: made for made in self.named}
            avro = known.get(avro, {"type": avro})
        match avro["type"]:
            case "null":
                return b""
            case "boolean":
                return bytes([rng.randrange(2) + 2 * self._slips()])
            case "int" | "long":
                return self._number(avro)
            case "float":
                return drawn_real(rng, "<f")
            case "double":
                return drawn_real(rng, "<d")
            case "bytes" if "logicalType" in avro:
                return self._decimal(avro["precision"])
            case "bytes":
                return text(mark + "x" * rng.choice([0, 1, 70]))
            case "string":
                return text(mark + rng.choice(["", "x", "y" * 70, "é", "中文", "\U0001f600"]))
            case "fixed":
                return bytes(avro["size"])
            case "enum":
                return varint(rng.randrange(len(avro["symbols"])) + 3 * self._slips())
            case "record":
                return b"".join(self._value(part["type"], mark) for part in avro["fields"])
        return self._blocks(avro, mark)

    def _slips(self) -> bool:
        return self.rng.random() < self.wrong

    def _decimal(self, precision: int) -> bytes:
        most = 10**precision - 1
        slip = self._slips()
        digits = self.rng.choice([0, 1, -1, 127, 128, -128, -129, most, -most]) + slip * most
        digits = digits if slip else max(-most, min(most, digits))
        size = self.rng.randrange((digits.bit_length() + 8) // 8, 9) if not slip else 8
        drawn = digits.to_bytes(size, "big", signed=True)
        return varint(len(drawn)) + drawn if self.rng.random() > self.wrong else varint(0)

    def _number(self, avro: dict[str, Any]) -> bytes:
        logical = "logicalType" in avro
        widest = 15 if logical else 31 if avro["type"] == "int" else 63
        if self._slips():
            widest = 63 if avro["type"] == "long" else 33
        number = self.rng.randrange(2**widest >> self.rng.randrange(widest))
        written = varint(number if logical or self.rng.random() < 0.5 else ~number)
        if self._slips():
            return written[:-1] + bytes([written[-1] | 0x80, 0])
        return written

    def _blocks(self, avro: dict[str, Any], mark: str) -> bytes:
        out = b""
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            count = self.rng.randrange(1, 4)
            block = b""
            for _ in range(count):
                if avro["type"] == "map":
                    block += text(mark + self.rng.choice(["k", "l"])) + self._value(
                        avro["values"], mark
                    )
                else:
                    block += self._value(avro["items"], mark)
            if self.rng.random() < 0.3:
                out += varint(-count) + varint(len(block) + self._slips() - self._slips()) + block
            else:
                out += varint(count) + block
        return out + varint(0)


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def encoded(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()
