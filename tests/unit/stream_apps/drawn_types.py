"""Random schemas of change events: every type and logical type, also recursive ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ENVELOPE = json.loads(Path("schemas/events/envelope.avsc").read_text())
SIMPLE = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NUMBERS = {"int", "long", "float", "double"}
LOGICAL = [
    ("long", "timestamp-micros"),
    ("long", "timestamp-millis"),
    ("long", "local-timestamp-micros"),
    ("long", "local-timestamp-millis"),
    ("long", "time-micros"),
    ("int", "time-millis"),
    ("int", "date"),
    ("int", "date"),
    ("string", "uuid"),
    ("long", "unheard-of"),
]
PRECISIONS = [1, 2, 9, 17, 18, 18, 19, 38, 200]


class Types:
    """Draws types; each named one is defined where it is drawn first, and may be used again.

    Args:
        rng: what is drawn from.
        odd: how often an event holds itself, which must be refused; above 0 there are also types
            that fastavro can't read: records of which no value ends, which crash it, and unions
            of types that it takes for each other when it resolves a reader's schema.
    """

    def __init__(self, rng: random.Random, odd: float = 0.0) -> None:
        self.rng, self.odd = rng, odd
        self.named: list[dict[str, Any]] = []
        self._open: list[str] = []
        self._names = 0

    def event(self) -> dict[str, Any]:
        """Draw the schema of a change event."""
        rng = self.rng
        items = [{"name": f"item{i}", "type": self.draw(3)} for i in range(rng.randrange(1, 6))]
        if rng.random() < 0.05:
            items.append({"name": "origin", "type": "sharebus.events.Envelope"})
        if rng.random() < self.odd:
            own = ["null", "Thing"] if rng.random() < 0.7 else "Thing"
            items.append({"name": "own", "type": own})
        items.insert(rng.randrange(len(items) + 1), {"name": "key", "type": "string"})
        envelope = {"name": "envelope", "type": ENVELOPE}
        return {
            "type": "record",
            "name": "Thing",
            "namespace": "test",
            "fields": [envelope, *items],
        }

    def draw(self, depth: int) -> Any:
        """Draw a type with at most so many others inside each other."""
        kinds = [*SIMPLE, "string", "logical", "logical", "decimal", "fixed", "enum", "known"]
        if depth:
            kinds += ["record", "record", "array", "array", "map", "union", "union", "union"]
        if self._open:
            kinds += ["again"] * 5
        kind = self.rng.choice(kinds)
        if kind in SIMPLE:
            return kind
        match kind:
            case "logical":
                base, logical = self.rng.choice(LOGICAL)
                return {"type": base, "logicalType": logical}
            case "decimal":
                return {"type": "bytes", **self._decimal(self.rng.choice(PRECISIONS))}
            case "array":
                return {"type": "array", "items": self.draw(depth - 1)}
            case "map":
                return {"type": "map", "values": self.draw(depth - 1)}
            case "union":
                return self._union(depth)
            case "known":
                return self.rng.choice(self.named)["name"] if self.named else "string"
            case "again":
                return self._again()
        return self._define(kind, depth)

    def _decimal(self, precision: int) -> dict[str, Any]:
        scale = self.rng.choice([0, 1, min(2, precision), precision])
        return {"logicalType": "decimal", "precision": precision, "scale": scale}

    def _again(self) -> Any:
        name = self.rng.choice(self._open)
        match self.rng.randrange(8):
            case 0 if self.odd:
                return name
            case 1 | 2:
                return {"type": "array", "items": name}
            case 3:
                return {"type": "map", "values": name}
        return ["null", name] if self.rng.random() < 0.7 else [name, "int", "null"]

    def _union(self, depth: int) -> list[Any]:
        branches: dict[str, Any] = {}
        for _ in range(self.rng.randrange(1, 4)):
            known = len(self.named)
            branch = self.draw(depth - 1)
            kind = branch if isinstance(branch, str | list) else branch["type"]
            if kind in ("record", "enum", "fixed"):
                kind = branch["name"]
            if isinstance(kind, list) or kind in branches or self._is_alike(kind, branches):
                del self.named[known:]  # thrown away, so what it defined is not known
            else:
                branches[kind] = branch
        union = list(branches.values())
        if "null" not in branches:
            union.insert(self.rng.choice([0, len(union)]), "null")
        return union

    def _is_alike(self, kind: str, branches: Iterable[str]) -> bool:
        alike = {"string", "bytes"} if kind in ("string", "bytes") else NUMBERS
        return not self.odd and kind in alike and not alike.isdisjoint(branches)

    def _define(self, kind: str, depth: int) -> dict[str, Any]:
        rng = self.rng
        made: dict[str, Any] = {"type": kind, "name": f"Named{self._names}"}
        self._names += 1
        if kind == "fixed":
            made["size"] = rng.choice([0, 1, 2, 7, 16])
            if made["size"] and rng.random() < 0.5:
                most = {1: 2, 2: 4, 7: 16, 16: 38}[made["size"]]
                made.update(self._decimal(rng.randrange(1, most + 1)))
        elif kind == "enum":
            made["symbols"] = ["A", "B", "C"][: rng.randrange(1, 4)]
        else:
            self._open.append(made["name"])
            made["fields"] = [
                {"name": f"f{i}", "type": self.draw(depth - 1)} for i in range(rng.randrange(0, 4))
            ]
            self._open.pop()
        self.named.append(made)
        return made
