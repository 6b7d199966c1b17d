"""Random evolutions: chains of good versions of a change event, and pairs of any two schemas."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from typing import Any

from tests.unit.stream_apps.drawn_records import Drawing


def good_versions(rng: random.Random, count: int) -> tuple[Drawing, list[dict[str, Any]]]:
    """Draw version 1 of a change event and versions that each add items, or documentation only.

    Returns:
        What drew them and can draw their values, and the versions, oldest first.
    """
    drawing = Drawing(rng)
    versions = [drawing.schema()]
    while len(versions) < count:
        following = copy.deepcopy(versions[-1])
        for _ in range(rng.randrange(0, 4)):
            name = f"later{len(following['fields'])}"
            following["fields"].append(
                {"name": name, "type": ["null", _branch(drawing)], "default": None}
            )
        if rng.random() < 0.5:
            following["doc"] = rng.choice(["说明", "changed"])
            rng.choice(following["fields"])["doc"] = "另一个说明"
        versions.append(following)
    return drawing, versions


def _branch(drawing: Drawing) -> Any:
    while True:
        known = len(drawing.types.named)
        drawn = drawing.types.draw(2)
        if drawn != "null" and not isinstance(drawn, list):
            return drawn
        del drawing.types.named[known:]


@dataclass
class Pairs:
    """Draws two related schemas of any kind: aliases, defaults, unions and recursion included."""

    rng: random.Random

    def pair(self) -> tuple[str, str]:
        """Draw a schema and a changed one."""
        self._names = 0
        one = self._record(3, [])
        other = copy.deepcopy(one)
        for _ in range(self.rng.randrange(1, 4)):
            self._change(other)
        pair = [json.dumps(one), json.dumps(other)]
        self.rng.shuffle(pair)
        return pair[0], pair[1]

    def _record(self, depth: int, around: list[str]) -> dict[str, Any]:
        name = self._name("R")
        around = [*around, name]
        fields = [self._field(f"f{i}", depth - 1, around) for i in range(self.rng.randrange(1, 5))]
        return {"type": "record", "name": name, "fields": fields}

    def _field(self, name: str, depth: int, around: list[str]) -> dict[str, Any]:
        made: dict[str, Any] = {"name": name, "type": self._type(depth, around)}
        default = self._default(made["type"])
        if default is not _NONE and self.rng.random() < 0.5:
            made["default"] = default
        return made

    def _default(self, avro: Any) -> Any:
        if isinstance(avro, list):
            return self._default(avro[0])
        return {"null": None, "int": 1, "long": 1, "double": 0.5, "string": "x"}.get(
            avro if isinstance(avro, str) else "", _NONE
        )

    def _type(self, depth: int, around: list[str]) -> Any:
        rng = self.rng
        kinds = ["simple", "simple", "enum", "fixed", "again"]
        if depth:
            kinds += ["record", "array", "map", "union", "union"]
        match rng.choice(kinds):
            case "simple":
                return rng.choice(_SIMPLE)
            case "enum":
                made = {"type": "enum", "name": self._name("E"), "symbols": ["A", "B", "C"]}
                return {**made, "default": "A"} if rng.random() < 0.3 else made
            case "fixed":
                return {"type": "fixed", "name": self._name("F"), "size": rng.choice([1, 2])}
            case "again":
                return ["null", rng.choice(around)]
            case "record":
                return self._record(depth, around)
            case "array":
                return {"type": "array", "items": self._type(depth - 1, around)}
            case "map":
                return {"type": "map", "values": self._type(depth - 1, around)}
        return self._union(depth, around)

    def _union(self, depth: int, around: list[str]) -> list[Any]:
        branches: dict[str, Any] = {}
        for _ in range(self.rng.randrange(1, 4)):
            branch = self._type(depth - 1, around)
            if isinstance(branch, list):
                continue
            kind = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            branches.setdefault(kind, branch)
        return list(branches.values()) or ["null", "string"]

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    def _change(self, schema: dict[str, Any]) -> None:
        rng = self.rng
        places = [part for part in _parts(schema) if part.get("type") == "record"]
        record = rng.choice(places)
        fields = record["fields"]
        field = rng.choice(fields)
        match rng.randrange(8):
            case 0 if len(fields) > 1:
                # What defines a type stays: it may be used again.
                if "name" not in json.dumps(field["type"]):
                    fields.remove(field)
            case 1:
                fields.insert(rng.randrange(len(fields) + 1), self._field(
                    self._name("g"), 1, [schema["name"]],
                ))  # fmt: skip
            case 2:
                rng.shuffle(fields)
            case 3 if isinstance(field["type"], str):
                field["type"] = rng.choice(_SIMPLE)
                field.pop("default", None)
            case 4 if not isinstance(field["type"], list):
                field["type"] = rng.choice([["null", field["type"]], [field["type"], "null"]])
                if field["type"].count("null") == 2:
                    field["type"] = "null"
                field.pop("default", None)
            case 5:
                aliased = field["name"]
                field["name"] = self._name("h")
                if rng.random() < 0.5:
                    field["aliases"] = [aliased]
            case 6:
                enums = [part for part in _parts(schema) if part.get("type") == "enum"]
                for enum in enums[:1]:
                    enum["symbols"] = rng.choice([["A", "B"], ["A", "B", "C", "D"], ["C", "A"]])
            case 7:
                for part in _parts(schema):
                    if part.get("type") == "fixed" and rng.random() < 0.5:
                        part["size"] = 3


_SIMPLE = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
_NONE = object()


def _parts(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [part for each in schema for part in _parts(each)]
    if not isinstance(schema, dict):
        return []
    inner = [part for each in schema.values() for part in _parts(each)]
    return [schema, *inner]
