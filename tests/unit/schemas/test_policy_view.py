"""The schema of a view: what is kept, in the writer's order, and readable by any Avro library."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter, view_schema

DIVISION = json.loads(Path("schemas/resources/geography.division/v1.avsc").read_text())
ENVELOPE = json.loads(Path("schemas/events/envelope.avsc").read_text())


def event(*items: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    fields = [{"name": "envelope", "type": ENVELOPE}, {"name": "code", "type": "string"}, *items]
    return {"type": "record", "name": "Thing", "namespace": "ns", "fields": fields} | attributes


def view(schema: dict[str, Any], *items: str, rows: RowFilter | None = None) -> dict[str, Any]:
    policy = Policy.kept("test.thing", items, rows)
    return view_schema(policy, schema, key_item="code")


def test_the_view_of_a_division_holds_what_is_kept_in_the_writers_order() -> None:
    """Dropped items are absent; name, namespace and what stays are the writer's."""
    policy = Policy.kept("geography.division", ("path", "code", "level"))
    made = view_schema(policy, DIVISION, key_item="code")
    assert [field["name"] for field in _fields(made)] == ["envelope", "code", "level", "path"]
    assert made["name"] == "Division"
    assert made["namespace"] == "sharebus.geography"
    kept = [field for field in DIVISION["fields"] if field["name"] in {"code", "level", "path"}]
    assert _fields(made)[1:] == kept


def test_making_a_view_leaves_the_writers_schema_alone() -> None:
    """The schema given is not changed, because other views are made of it too."""
    before = copy.deepcopy(DIVISION)
    view_schema(Policy.kept("geography.division", ("code",)), DIVISION, key_item="code")
    assert before == DIVISION


def test_a_type_that_a_dropped_item_defined_is_defined_where_it_is_used_first() -> None:
    """What is kept stays complete when the item that defined its types is dropped."""
    inner = {"type": "enum", "name": "Color", "symbols": ["RED"]}
    outer = {"type": "record", "name": "Box", "namespace": "deep", "fields": [
        {"name": "color", "type": inner}, {"name": "again", "type": "Color"},
    ]}  # fmt: skip
    schema = event(
        {"name": "dropped", "type": ["null", outer]},
        {"name": "first", "type": {"type": "array", "items": "deep.Box"}},
        {"name": "second", "type": {"type": "map", "values": ["null", "deep.Color"]}},
    )
    made = view(schema, "code", "first", "second")
    assert _named_types(made) >= {"deep.Box", "deep.Color", "ns.Thing"}
    first, second = _fields(made)[2:]
    assert first["type"]["items"]["name"] == "Box"
    assert second["type"]["values"] == ["null", "deep.Color"]


def test_types_without_a_namespace_keep_none() -> None:
    """Moving a definition doesn't give it the namespace around its new place."""
    plain = {"type": "fixed", "name": "Plain", "namespace": "", "size": 2}
    made = view(event({"name": "pair", "type": plain}), "code", "pair")
    assert _named_types(made) >= {"Plain", "ns.Thing"}


@pytest.mark.parametrize(
    ("items", "rows", "says"),
    [
        (("code", "colour"), None, "doesn't have"),
        (("name",), None, "doesn't keep the key item"),
        (("code",), RowFilter("colour", Match.IN, ("x",)), "is not there"),
    ],
)
def test_a_policy_that_does_not_fit_the_schema_is_refused(
    items: tuple[str, ...], rows: RowFilter | None, says: str
) -> None:
    """An unknown item, a key dropped for nobody, and an unknown row are refused with a remedy."""
    with pytest.raises(InvalidPolicy, match=says) as caught:
        view(event({"name": "name", "type": "string"}), *items, rows=rows)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "item",
    [
        {"name": "name", "type": "string", "default": ""},
        {"name": "name", "type": "string", "aliases": ["title"]},
        {"name": "name", "type": {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}},
        {"name": "name", "type": {"type": "fixed", "name": "F", "size": 1, "aliases": ["G"]}},
        {"name": "name", "type": {"type": "array", "items": {
            "type": "record", "name": "R", "fields": [{"name": "x", "type": "int", "default": 1}],
        }}},
        {"name": "name", "type": ["null", {"type": "record", "name": "R", "fields": [
            {"name": "x", "type": ["null", "int"], "default": None},
        ]}]},
    ],
)  # fmt: skip
def test_defaults_and_aliases_on_what_is_kept_are_refused(item: dict[str, Any]) -> None:
    """A default or an alias could stand in for what was not let through; on the rest it can't."""
    with pytest.raises(InvalidPolicy, match=r"no (default|aliases)"):
        view(event(item), "code", "name")
    assert len(_fields(view(event(item), "code"))) == 2


def test_the_default_null_of_a_later_item_is_left_out() -> None:
    """A view's schema has no default to apply: what a record doesn't hold, the view can't say."""
    later = {"name": "later", "type": ["null", "string"], "default": None}
    schema = event({"name": "first", "type": "int"}, later)
    made = view(schema, "code", "later")
    assert _fields(made)[2:] == [{"name": "later", "type": ["null", "string"]}]
    assert later["default"] is None
    for wrong in ({**later, "aliases": ["code"]}, {**later, "type": ["string", "null"]}):
        with pytest.raises(InvalidPolicy):
            view(event(wrong), "code", "later")


@pytest.mark.parametrize(
    "schema",
    [
        "string",
        {"type": "record", "name": "R"},
        event({"name": "name", "type": "unknown"}),
        event({"name": "name", "type": []}),
        event({"name": "name", "type": [["null"]]}),
        event({"name": "code", "type": "int"}),
        event({"name": "name", "type": {"type": "record", "name": "Thing", "fields": []}}),
        event({"name": "name", "type": {"type": "record", "name": "int", "fields": []}}),
        event({"name": "name", "type": {"type": "fixed", "name": "F", "size": -1}}),
        event({"name": "name", "type": {"type": "enum", "name": "E", "symbols": ["A", "A"]}}),
        event({"name": "name", "type": {"type": "bytes", "logicalType": "decimal"}}),
        event({"name": "next", "type": ["null", "Thing"]}),
        event(fields=[{"name": "code", "type": "string"}]),
        event(fields=[{"name": "envelope", "type": "bytes"}, {"name": "code", "type": "string"}]),
        event(fields=[{"name": "envelope", "type": ENVELOPE}, {"name": "code", "type": "long"}]),
    ],
)
def test_schemas_that_cannot_be_enforced_are_refused(schema: Any) -> None:
    """No envelope, a key that is no string, recursion, and what is no Avro schema are refused."""
    with pytest.raises(InvalidPolicy):
        view(schema, "code")


def test_types_nested_without_end_are_refused() -> None:
    """Neither deep nesting nor names that double at each step can exhaust the process."""
    deep: Any = "string"
    for _ in range(5_000):
        deep = {"type": "array", "items": deep}
    doubling: list[dict[str, Any]] = [{"name": "x0", "type": {
        "type": "record", "name": "N0", "fields": [{"name": "leaf", "type": "int"}],
    }}]  # fmt: skip
    for i in range(1, 25):
        twice = [{"name": side, "type": f"N{i - 1}"} for side in "ab"]
        record = {"type": "record", "name": f"N{i}", "fields": twice}
        doubling.append({"name": f"x{i}", "type": record})
    for schema in (event({"name": "deep", "type": deep}), event(*doubling)):
        with pytest.raises(InvalidPolicy):
            view(schema, "code")


def _named_types(schema: Any) -> set[str]:
    """Give the full names that fastavro finds defined in a schema."""
    parsed: Any = fastavro.parse_schema(schema)
    return set(parsed["__named_schemas"])


def _fields(schema: Any) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = schema["fields"]
    return fields
