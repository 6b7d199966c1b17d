"""The reference against an independent one: fastavro decodes, plain Python applies the policy.

Nothing of the product takes part in what is expected but the names of actions and operators. Raw
numbers and bytes are read, without logical types, so that nothing is rounded on the way.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
import struct
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import fastavro
import numpy as np

from schemas.policy import (
    Action,
    Band,
    Constant,
    DateTo,
    Digits,
    Keep,
    Match,
    Policy,
    Pseudonym,
    RowFilter,
    Shown,
    view_schema,
)
from schemas.policy.examining import Examiner, frame
from schemas.policy.reference import Projection
from tests.unit.schemas.drawn_plain import KEYS, MARKER, PLACE
from tests.unit.schemas.drawn_policies import drawn_policy
from tests.unit.schemas.drawn_types import WideDrawing

KEY = hashlib.sha256(b"a policy's").digest()
CHINA = timezone(timedelta(hours=8))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMAS = 2000
PAYLOADS = 8


class Expected:
    """Applies a policy to what fastavro read."""

    def __init__(self, schema: Mapping[str, Any], policy: Policy) -> None:
        self._actions = dict(policy.actions)
        self._rows = policy.rows
        self._schema = schema
        self._named: dict[str, Any] = {}
        self._learn(schema)
        self.seen: Counter[str] = Counter()

    def record(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Give what a view's record holds, plainly."""
        made = {"envelope": bare(value["envelope"])}
        for field in self._schema["fields"][1:]:
            if self._is_named(field["name"]):
                made[field["name"]] = self._item(field["type"], value[field["name"]], field["name"])
        return made

    def is_in(self, value: Mapping[str, Any]) -> bool:
        """Tell whether all conditions hold."""
        return all(self._holds(row, value) for row in self._rows)

    def _learn(self, avro: Any) -> None:
        if isinstance(avro, list):
            for branch in avro:
                self._learn(branch)
        elif isinstance(avro, dict):
            if avro["type"] in ("record", "fixed", "enum"):
                self._named[avro["name"]] = avro
            for part in avro.get("fields", []):
                self._learn(part["type"])
            self._learn(avro.get("items"))
            self._learn(avro.get("values"))

    def _is_named(self, path: str) -> bool:
        return any(f"{each}.".startswith(f"{path}.") for each in self._actions)

    def _meant(self, avro: Any) -> Any:
        return self._named.get(avro, {"type": avro}) if isinstance(avro, str) else avro

    def _item(self, avro: Any, value: Any, path: str) -> Any:
        action = self._actions.get(path)
        if action == Keep() or value is None:
            return bare(value)
        avro = self._meant(avro)
        if isinstance(avro, list):
            branch, value = self._branch(avro, value)
            return self._item(branch, value, path)
        if avro["type"] == "array":
            return [self._item(avro["items"], part, path) for part in value]
        if avro["type"] == "map":
            return {key: self._item(avro["values"], part, path) for key, part in value.items()}
        if avro["type"] == "record":
            return {
                field["name"]: self._item(field["type"], value[field["name"]], inner)
                for field in avro["fields"]
                if self._is_named(inner := f"{path}.{field['name']}")
            }
        assert action is not None
        self.seen[f"{type(action).__name__} {avro['type']} {avro.get('logicalType', '')}"] += 1
        return bare(masked(avro, action, value))

    def _branch(self, branches: list[Any], value: Any) -> tuple[Any, Any]:
        if isinstance(value, tuple):
            name, value = value
            [found] = [it for it in branches if _name(it) == name.rpartition(".")[2]]
            return found, value
        kinds: dict[type, set[str]] = {
            list: {"array"}, dict: {"map"}, bool: {"boolean"}, str: {"string"}, bytes: {"bytes"},
            int: {"int", "long"}, float: {"float", "double"},
        }  # fmt: skip
        types = [self._meant(it) for it in branches]
        return next(it for it in types if it["type"] in kinds[type(value)]), value

    def _holds(self, row: RowFilter, record: Mapping[str, Any]) -> bool:
        avro: Any = self._schema
        value: Any = record
        for name in row.item.split("."):
            avro = next(field["type"] for field in avro["fields"] if field["name"] == name)
            value = value[name]
            avro = self._meant(avro)
            while isinstance(avro, list):
                if value is None:
                    return False
                avro, value = self._branch(avro, value)
                avro = self._meant(avro)
        self.seen[f"{row.match} {avro['type']} {avro.get('logicalType', '')}"] += 1
        return holds(row, avro, value)


def holds(row: RowFilter, avro: Any, value: Any) -> bool:
    """Tell whether a raw value fulfils a condition."""
    logical = avro.get("logicalType", "")

    def read(scalar: Any) -> Any:
        if logical == "date":
            return (date.fromisoformat(scalar) - EPOCH.date()).days
        if logical.startswith("timestamp-"):
            micros = (datetime.fromisoformat(scalar) - EPOCH) // timedelta(microseconds=1)
            return micros // 1000 if logical == "timestamp-millis" else micros
        if logical == "decimal":
            return Decimal(scalar)
        return scalar.encode() if avro["type"] == "string" else scalar

    if logical == "decimal":
        value = Decimal(int.from_bytes(value, "big", signed=True)).scaleb(-avro.get("scale", 0))
    elif avro["type"] == "string":
        value = value.encode()
    if row.match is Match.RANGE:
        return (row.low is None or value >= read(row.low)) and (
            row.high is None or value <= read(row.high)
        )
    values = list(map(read, row.values))
    return value in values if row.match is Match.IN else value.startswith(tuple(values))


def masked(avro: Any, action: Action, value: Any) -> Any:
    """Apply a mask to a raw value."""
    match action:
        case Constant(value=constant):
            return constant
        case Pseudonym():
            return hashlib.blake2b(value.encode(), digest_size=16, key=KEY).hexdigest()
        case Shown(first=first, last=last):
            if len(value) <= first + last:
                return "*" * len(value)
            return "".join(
                character if place < first or len(value) - place <= last else "*"
                for place, character in enumerate(value)
            )
        case Digits(count=count):
            return value[:count]
        case Band(width=width) if isinstance(value, bytes):
            unit = 10 ** avro.get("scale", 0)
            number = Fraction(int.from_bytes(value, "big", signed=True), unit)
            made = max(int(number // width * width * unit), -(10 ** avro["precision"]) + 1)
            size = next(size for size in range(1, 20) if _fits(made, size))
            return made.to_bytes(size, "big", signed=True)
        case Band() if isinstance(value, float) and (value != value or abs(value) == math.inf):
            return math.nan if value != value else value
        case Band(width=width) if isinstance(value, float):
            real = np.float32 if avro["type"] == "float" else np.float64
            return least_from(real, Fraction(value) // width * width)
        case Band(width=width):
            least = -(2**31) if avro["type"] == "int" else -(2**63)
            return max(Fraction(value, width).__floor__() * width, least)
        case DateTo(unit=unit):
            return _beginning(avro["logicalType"], value, unit == "year")
    raise AssertionError(action)


def least_from(real: Any, least: int) -> float:
    """Give the least of a type's numbers that isn't below one, by trying its neighbours."""
    made = real(least)
    with np.errstate(over="ignore"):  # below the least number of all
        while float(below := np.nextafter(made, real(-math.inf))) >= least:
            made = below
        while float(made) < least:
            made = np.nextafter(made, real(math.inf))
    return float(made)


def _beginning(logical: str, value: int, of_year: bool) -> int:
    second = {"date": 0, "millis": 1000, "micros": 1_000_000}[logical.rpartition("-")[2]]
    past = timedelta(value) if not second else timedelta(microseconds=value * 1_000_000 // second)
    at = EPOCH + past
    if logical.startswith("timestamp-"):
        at = at.astimezone(CHINA)
    at = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    at = at.replace(month=1) if of_year else at
    return (at - EPOCH).days if not second else (at - EPOCH) // timedelta(seconds=1) * second


def _fits(number: int, size: int) -> bool:
    half: int = 256**size // 2
    return -half <= number < half


def _name(avro: Any) -> str:
    return str(avro if isinstance(avro, str) else avro.get("name", avro["type"]))


def bare(value: Any) -> Any:
    """Take the names of unions' branches away, and make floats comparable."""
    match value:
        case tuple():
            return bare(value[1])
        case list():
            return [bare(part) for part in value]
        case dict():
            return {key: bare(part) for key, part in value.items()}
        case float():
            return struct.pack("<d", value)
    return value


def raw(schema: Any) -> Any:
    """Take the logical types out of a schema."""
    if isinstance(schema, list):
        return [raw(part) for part in schema]
    if isinstance(schema, dict):
        return {name: raw(part) for name, part in schema.items() if name != "logicalType"}
    return schema


def read(schema: Any, payload: bytes, *, named: bool) -> Any:
    stream = io.BytesIO(payload)
    value = fastavro.schemaless_reader(stream, schema, None, return_named_type=named)
    assert not stream.read()
    return value


def test_the_reference_lets_through_what_an_independent_one_does() -> None:
    """Every type, action and condition, through paths of any kind; nothing dropped comes out."""
    seen: Counter[str] = Counter()
    for seed in range(SCHEMAS):
        rng = random.Random(seed)
        drawing = WideDrawing(rng)
        schema = drawing.schema()
        policy = drawn_policy(
            rng, schema, resource=PLACE["resource"], key_item="key",
            texts=("", "x", "é", "中文", "a", "广", "\U0001f600"),
        )  # fmt: skip
        seen += projected_as_expected(drawing, schema, policy, f"seed {seed}")
    wanted = [
        "Pseudonym string ", "Shown string ", "Digits string ", "Constant string ",
        "Constant enum ",
        "Constant boolean ", "Constant int ", "Constant int date", "Band int ", "Band long ",
        "Band bytes decimal", "DateTo int date", "DateTo long timestamp-millis",
        "DateTo long local-timestamp-micros", "Band float ", "Band double ", "range float ",
        "range double ", "in string ", "prefix string ", "range string ",
        "in long ", "range long ", "in enum ", "in boolean ", "range int date", "in bytes decimal",
        "range long timestamp-micros", "prefix string uuid",
    ]  # fmt: skip
    assert [what for what in wanted if seen[what] < 3] == []
    for what in ("in", "out", "inside an item", "by something inside an item"):
        assert seen[what] > 30


def projected_as_expected(
    drawing: WideDrawing, schema: dict[str, Any], policy: Policy, seed: str
) -> Counter[str]:
    examiner = Examiner(
        schema, schema_id=5, key_item="key", resource=PLACE["resource"], sources=PLACE["sources"]
    )
    projection = Projection(policy, examiner, view_schema_id=9, pseudonym_key=KEY)
    view: Any = view_schema(policy, schema, key_item="key")
    source, target = (fastavro.parse_schema(raw(each), {}) for each in (schema, view))
    stock: Any = fastavro.parse_schema(view, {})
    expected = Expected(schema, policy)
    for _ in range(PAYLOADS):
        key = drawing.rng.choice(KEYS)
        payload = drawing.payload(schema, set(policy.top_items), key)
        value = read(source, payload, named=True)
        message = projection.project(key.encode(), frame(5) + payload)
        expected.seen["in" if message is not None else "out"] += 1
        assert (message is not None) is expected.is_in(value), seed
        if message is None:
            continue
        assert message[:5] == frame(9)
        assert bare(read(target, message[5:], named=False)) == expected.record(value), seed
        read(stock, message[5:], named=False)
        assert MARKER.encode() not in message, seed
        made = projection.key(key.encode())
        is_plain = ("key", Keep()) in policy.actions
        pseudonym = hashlib.blake2b(key.encode(), digest_size=16, key=KEY).hexdigest()
        assert made == (key if is_plain else pseudonym).encode()
    expected.seen["inside an item"] += any("." in path for path in policy.items)
    expected.seen["by something inside an item"] += any("." in row.item for row in policy.rows)
    return expected.seen
