"""Which texts are an Avro schema for the ledger and the registry alike."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.registry.records import RegisteredSchema, encode
from infra.registry.server import SUBJECT_LIMIT
from schemas.errors import InvalidInput
from schemas.schema_text import NAME_LIMIT, STORED_LIMIT, canonical, schema_text, stored_size
from schemas.strict_json import DEPTH_LIMIT

BROKER_LIMIT = 1_048_588
"""Bytes of a batch, as Kafka's brokers come."""

SCHEMAS = sorted(Path("schemas/resources").rglob("*.avsc"))


def record(*fields: Any, **more: Any) -> dict[str, Any]:
    """Return a record schema."""
    return {"type": "record", "name": "R", "fields": list(fields), **more}


def nested(levels: int) -> Any:
    """Return a schema of arrays in arrays."""
    schema: Any = "string"
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize("path", SCHEMAS, ids=str)
def test_every_schema_of_a_resource_is_taken_and_keeps_its_meaning(path: Path) -> None:
    """What the project registers is accepted; only whitespace goes."""
    text = path.read_text(encoding="utf-8")
    assert json.loads(canonical(text)) == json.loads(text)


def test_whitespace_does_not_make_another_schema() -> None:
    """Two ways to lay a schema out are one text, and so one id."""
    schema = record({"name": "a", "type": "string", "doc": "行政区划"})
    assert canonical(json.dumps(schema, indent=4)) == canonical(json.dumps(schema))
    assert "行政区划" in canonical(json.dumps(schema))


@pytest.mark.parametrize(
    "schema",
    [
        "string",
        {"type": "string"},
        ["null", "int", {"type": "array", "items": "int"}],
        record({"name": "next", "type": ["null", "R"]}),
        record({"name": "a", "type": {"type": "fixed", "name": "x.y.F", "size": 0}}),
        record(
            {"name": "a", "type": {"type": "map", "values": {"type": "enum", "name": "E",
             "symbols": ["A", "B"]}}},
            {"name": "b", "type": ["null", "E"], "default": None},
            namespace="",
        ),
        nested(DEPTH_LIMIT - 2),
    ],
)  # fmt: skip
def test_a_schema_is_taken(schema: Any) -> None:
    """Every kind of Avro type is accepted, to the limit of depth."""
    assert canonical(json.dumps(schema)) == json.dumps(schema, separators=(",", ":"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "{",
        "null",
        "5",
        "true",
        "NaN",
        "[]",
        '"strin"',
        '"\\ud800"',
        '{"type": "string", "type": "int"}',
        '{"type": "fixed", "name": "F", "size": NaN}',
        "[" * 100_000 + "]" * 100_000,
        "1" * 5000,
        '{"type": "int", "x": 1e400}',
        json.dumps("x" * STORED_LIMIT),
        json.dumps({"type": "int", "doc": "行" * (STORED_LIMIT // 2)}, ensure_ascii=False),
        json.dumps({"type": "int", "doc": '"' * (STORED_LIMIT // 4)}),
        json.dumps({"type": "int", "x": [10**15] * 70_000}).replace("0" * 15, "e15"),
        json.dumps({"type": "fixed", "name": "F" * (NAME_LIMIT + 1), "size": 1}),
        json.dumps({"type": "fixed", "name": "F", "namespace": "n" * (NAME_LIMIT + 1), "size": 1}),
        json.dumps(nested(DEPTH_LIMIT)),
        json.dumps(nested(900)),
        json.dumps({"type": "map"}),
        json.dumps({"type": "array", "items": ["int", ["string"]]}),
        json.dumps(["int", "int"]),
        json.dumps(["int", {"type": "int"}]),
        json.dumps({"type": "fixed", "name": "F", "size": -1}),
        json.dumps({"type": "fixed", "name": "F", "size": "8"}),
        json.dumps({"type": "fixed", "name": "F", "size": True}),
        json.dumps({"type": "enum", "name": "E", "symbols": ["a b"]}),
        json.dumps({"type": "enum", "name": "E", "symbols": ["A", "A"]}),
        json.dumps({"type": "record", "fields": []}),
        json.dumps({"type": "record", "name": "1x", "fields": []}),
        json.dumps({"type": "record", "name": "a b", "fields": []}),
        json.dumps({"type": "record", "name": "R"}),
        json.dumps({"type": "record", "name": "R", "fields": ["a"]}),
        json.dumps(record(namespace=5)),
        json.dumps(record({"type": "int"})),
        json.dumps(record({"name": "a b", "type": "int"})),
        json.dumps(record({"name": "a"})),
        json.dumps(record({"name": "a", "type": "int"}, {"name": "a", "type": "string"})),
        json.dumps(record({"name": "a", "type": "unknown"})),
        json.dumps(record({"name": "a", "type": {"type": "record", "name": "R", "fields": []}})),
        json.dumps(record({"name": "a", "type": "int", "default": "x"})),
        json.dumps(record(__fastavro_parsed__=True, __named_schemas={})),
        json.dumps({"type": "map", "values": {"type": "int", "x": [{"__fastavro_parsed__": 1}]}}),
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_schema_is_refused_and_not_quoted(text: str) -> None:
    """Malformed, hostile and oversized texts end in one refusal, not in a crash."""
    with pytest.raises(InvalidInput, match="can't be registered") as caught:
        canonical(text)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "schema",
    [{"type": "int", "x": float("nan")}, {"type": "int", "doc": "\ud800"}],
    ids=["NaN", "half a character"],
)
def test_a_value_that_no_text_can_say_is_refused(schema: dict[str, Any]) -> None:
    """What Python holds and JSON doesn't is refused like any other text."""
    with pytest.raises(InvalidInput, match="can't be registered"):
        schema_text(schema)


@pytest.mark.parametrize("character", ['"', "\\", "x", "é", "行", "𠀀"])
def test_whatever_is_taken_fits_into_the_registry_s_log(character: str) -> None:
    """Under the longest subject and escaped, the largest text is less than the broker takes."""
    frame = stored_size(canonical('{"type":"int","doc":""}'))
    once = json.dumps(character, ensure_ascii=False)[1:-1]
    room = (STORED_LIMIT - frame) // (stored_size(once) - len('""'))
    text = canonical(json.dumps({"type": "int", "doc": character * room}, ensure_ascii=False))
    assert stored_size(text) > STORED_LIMIT - 10
    stored = RegisteredSchema("𠀀" * SUBJECT_LIMIT, 2**31 - 1, 2**31 - 1, text)
    assert sum(len(part or b"") for part in encode(stored)) < BROKER_LIMIT - 1024


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["record", "enum", "fixed", "array", "map", "string", "int", "R", "a"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "name",
                    "fields",
                    "items",
                    "values",
                    "symbols",
                    "size",
                    "namespace",
                    "default",
                    "logicalType",
                    "precision",
                    "scale",
                    "order",
                    "aliases",
                ]
            ),
            inner,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    """Nothing but an acceptance or a refusal comes of any value shaped like a schema."""
    with contextlib.suppress(InvalidInput):
        assert json.loads(canonical(json.dumps(value))) == value
