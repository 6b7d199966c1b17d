"""Rows of a resource that nobody simulates, made from its schema alone, and from a seed. Pure.

Their values fit the schema and, where the contract names a code list or an identifier, its checks;
they say nothing that belongs together. Citizen numbers have the sequence 000, which is given to
nobody.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import fastavro

from schemas.catalogue import Contract
from schemas.catalogue.code_lists import code_list
from schemas.catalogue.contract import Item
from schemas.catalogue.identifiers import citizen_check_character, credit_code_check_character
from schemas.policy import ENVELOPE

_BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


_DEEPEST: Final = 6
"""How deep values lie inside each other before what may be empty is."""


def made_up_rows(
    schema: Mapping[str, Any], contract: Contract, seed: int, count: int
) -> Iterator[dict[str, Any]]:
    """Yield the items of so many rows; the same ones for the same seed."""
    named: dict[str, Any] = {}
    parsed: Any = fastavro.parse_schema(dict(schema), named)
    chance = random.Random(f"{contract.resource}/{seed}")  # noqa: S311
    for number in range(count):
        yield {
            each["name"]: _item(each["type"], contract.item(each["name"]), number, chance, named)
            for each in parsed["fields"]
            if each["name"] != ENVELOPE
        }


def _item(
    avro: Any, item: Item, number: int, chance: random.Random, named: Mapping[str, Any]
) -> Any:
    return _value(avro, _text_of(item, number, chance), number, chance, named)


def _text_of(item: Item, number: int, chance: random.Random) -> str:
    for check in item.checks:
        if check.kind == "citizen-number":
            return _citizen_number(number)
        if check.kind == "credit-code":
            first = f"91440000{number:09d}"
            return first + credit_code_check_character(first)
        if check.kind == "code-list":
            return chance.choice(sorted(code_list(check.arguments[0]).titles))
    if item.name.endswith("code") or item.name in ("code", "parent", "division"):
        return f"99{number:04d}"
    return f"样例{item.title}{number:03d}"[: item.length]


def _citizen_number(number: int) -> str:
    born = date(1950, 1, 1) + timedelta(days=97 * number)
    first = f"110101{born:%Y%m%d}000"
    return first + citizen_check_character(first)


def _value(
    avro: Any,
    text: str,
    number: int,
    chance: random.Random,
    named: Mapping[str, Any],
    depth: int = 0,
) -> Any:
    def below(inner: Any) -> Any:
        return _value(inner, text, number, chance, named, depth + 1)

    if isinstance(avro, str):
        return below(named[avro]) if avro in named else _primitive(avro, text, number, chance)
    if isinstance(avro, list):
        if "null" in avro and (depth > _DEEPEST or chance.random() < 0.2):
            return None
        return below(next(branch for branch in avro if branch != "null"))
    logical = avro.get("logicalType", "")
    kind = avro["type"]
    if logical == "date":
        return date(2000, 1, 1) + timedelta(days=31 * number)
    if logical == "decimal":
        return Decimal(number + 1).scaleb(-int(avro.get("scale", 0)))
    if (kind, logical) == ("string", "uuid"):
        return uuid.UUID(int=chance.getrandbits(128), version=4)
    if logical.startswith("time-"):
        return time(number % 24)
    if "timestamp" in logical:
        at = _BEGINNING + timedelta(hours=number)
        return at.replace(tzinfo=None) if logical.startswith("local-") else at
    if kind == "record":
        return {field["name"]: below(field["type"]) for field in avro["fields"]}
    if kind == "array":
        return [below(avro["items"]) for _ in range(2 if depth <= _DEEPEST else 0)]
    if kind == "map":
        return {"样例": below(avro["values"])} if depth <= _DEEPEST else {}
    if kind == "enum":
        return chance.choice(avro["symbols"])
    if kind == "fixed":
        return chance.randbytes(avro["size"])
    return below(kind)


def _primitive(kind: str, text: str, number: int, chance: random.Random) -> Any:
    values: dict[str, Any] = {
        "string": text,
        "int": number,
        "long": number,
        "float": number / 4,
        "double": number / 4,
        "boolean": chance.random() < 0.5,
        "bytes": chance.randbytes(8),
    }
    return values.get(kind)
