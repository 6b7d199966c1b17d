"""The two kinds of records that are measured: flat, of 10 items; nested, of 40. All synthetic.

A kind is a catalogue entry, its Avro schema and rows. Keys begin with one of `divisions` codes of
six digits, so that views limited by a prefix share them out.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

from contest.peers.fastavro_view import without_logical_types
from schemas.codec import load_event_schema

SOURCE = "provider"
KEY = "number"
FIRST_DIVISION = 440_000
Row = dict[str, Any]
DATE = {"type": "int", "logicalType": "date"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    Attributes:
        resource: its id in the catalogue.
        fields: of the Avro schema, without the envelope.
        guide_types: of each item, a letter of the directory guide.
        row: makes a row, given the division's place, the row's number and a source of chance.
    """

    resource: str
    fields: tuple[Mapping[str, Any], ...]
    guide_types: str
    row: Callable[[int, int, random.Random], Row]

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items."""
        return tuple(field["name"] for field in self.fields)

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the change events."""
        envelope = {"name": "envelope", "type": load_event_schema("envelope")}
        return {
            "type": "record",
            "name": "Measured",
            "namespace": "sharebus.bench",
            "fields": [envelope, *self.fields],
        }


def prefix(division: int) -> str:
    """Return what the keys of a division's rows begin with."""
    return f"{FIRST_DIVISION + division:06d}"


def events(
    kind: Kind, schema_id: int, count: int, divisions: int, seed: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield so many change events as key and message, rows of all divisions in turn."""
    chance = random.Random(seed)  # noqa: S311
    schema = fastavro.parse_schema(without_logical_types(kind.schema))
    frame = struct.pack(">bI", 0, schema_id)
    for number in range(count):
        row = kind.row(number % divisions, number, chance)
        envelope = {
            "event_id": chance.randbytes(16),
            "sequence": number,
            "source": SOURCE,
            "resource": kind.resource,
            "occurred_at": 1_790_000_000_000_000 + number,
        }
        buffer = io.BytesIO()
        buffer.write(frame)
        fastavro.schemaless_writer(buffer, schema, {"envelope": envelope, **row})
        yield row[KEY].encode(), buffer.getvalue()


def _field(name: str, avro: Any) -> dict[str, Any]:
    return {"name": name, "type": avro}


def _flat_row(division: int, number: int, chance: random.Random) -> Row:
    code = prefix(division)
    return {
        KEY: f"{code}{number:08d}",
        "name": f"合成{number % 1000}",
        "sex": "female" if number % 2 else "male",
        "born": chance.randrange(-10_000, 20_000),
        "division": code,
        "address": f"合成路{number % 1000}号",
        "household": f"{code}{number % 10**6:06d}",
        "amount": chance.randrange(1_000_000),
        "active": number % 3 > 0,
        "phone": f"000{number % 10**8:08d}",
    }


FLAT = Kind(
    "bench.flat",
    (
        _field(KEY, "string"),
        _field("name", "string"),
        _field("sex", {"type": "enum", "name": "Sex", "symbols": ["male", "female"]}),
        _field("born", DATE),
        _field("division", "string"),
        _field("address", "string"),
        _field("household", "string"),
        _field("amount", "long"),
        _field("active", "boolean"),
        _field("phone", "string"),
    ),
    "CCCDCMCILC",
    _flat_row,
)


def _record(called: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": called, "fields": [_field(*each) for each in fields.items()]}


def _nested_row(division: int, number: int, chance: random.Random) -> Row:
    code = prefix(division)
    day = chance.randrange(10_000, 20_000)
    return {
        KEY: f"{code}{number:08d}",
        "title": f"合成有限公司{number}",
        "kind": "enterprise",
        "founded": day,
        "capital": chance.randrange(1, 10**9).to_bytes(5, "big"),
        "active": number % 3 > 0,
        "division": code,
        "updated": 1_790_000_000_000 + number,
        "score": chance.random(),
        "staff": chance.randrange(5_000),
        "address": {
            "province": code[:2], "city": code[:4], "county": code, "street": f"{code}001",
            "detail": f"合成路{number % 1000}号", "postcode": code,
        },
        "holder": {
            "kind": "organisation", "number": f"{code}{number % 10**6:06d}",
            "name": f"合成集团{number % 100}", "division": code, "phone": "000-00000000",
            "since": day,
        },
        "contact": None if number % 4 == 0 else {
            "name": f"合成{number % 1000}", "phone": "000-00000000",
            "email": f"{number % 1000}@example.gov.cn", "office": None,
        },
        "scopes": ["合成材料", "数据服务", "软件开发"],
        "shares": [
            {"holder": f"{code}{i:04d}", "amount": 1000 * i, "ratio": 1 / (i + 1), "since": day + i}
            for i in range(3)
        ],
        "marks": [number % 7, number % 11, number % 13, 5],
        "notes": None if number % 2 else "合成备注",
        "register": f"{code}{number % 10**5:05d}",
        "tax": f"{number % 10**10:010d}",
        "grade": "A",
        "size": "small",
        "insured": chance.randrange(5_000),
        "taxed": True,
        "seat": code,
    }  # fmt: skip


NESTED = Kind(
    "bench.nested",
    (
        _field(KEY, "string"),
        _field("title", "string"),
        _field("kind", {"type": "enum", "name": "What", "symbols": ["agency", "enterprise"]}),
        _field("founded", DATE),
        _field("capital", DECIMAL),
        _field("active", "boolean"),
        _field("division", "string"),
        _field("updated", MILLIS),
        _field("score", "double"),
        _field("staff", "int"),
        _field("address", _record(
            "Address", province="string", city="string", county="string", street="string",
            detail="string", postcode="string",
        )),
        _field("holder", _record(
            "Holder",
            kind={"type": "enum", "name": "HolderKind", "symbols": ["person", "organisation"]},
            number="string", name="string", division="string", phone="string", since=DATE,
        )),
        _field("contact", ["null", _record(
            "Contact", name="string", phone="string", email="string", office=["null", "string"],
        )]),
        _field("scopes", {"type": "array", "items": "string"}),
        _field("shares", {"type": "array", "items": _record(
            "Share", holder="string", amount="long", ratio="double", since=DATE,
        )}),
        _field("marks", {"type": "array", "items": "int"}),
        _field("notes", ["null", "string"]),
        _field("register", "string"),
        _field("tax", "string"),
        _field("grade", "string"),
        _field("size", {"type": "enum", "name": "Size", "symbols": ["small", "large"]}),
        _field("insured", "int"),
        _field("taxed", "boolean"),
        _field("seat", "string"),
    ),
    "CCCDYLCTBIMMMMGGMCCCCILC",
    _nested_row,
)  # fmt: skip
