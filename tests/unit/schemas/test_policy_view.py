"""The schema of a view: what is kept, in the writer's order, and readable by any Avro library."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter, parse_policy, view_schema

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


HOLDER = {"type": "record", "name": "Holder", "fields": [
    {"name": "name", "type": "string"},
    {"name": "division", "type": {"type": "string", "x-note": "kept"}},
    {"name": "number", "type": {"type": "record", "name": "Number", "fields": [
        {"name": "value", "type": "string"}, {"name": "kind", "type": "string"},
    ]}},
]}  # fmt: skip


def masked_view(schema: dict[str, Any], items: dict[str, Any], **more: Any) -> dict[str, Any]:
    document = {"resource": "test.thing", "items": {"code": "keep", **items}, **more}
    return view_schema(parse_policy(document), schema, key_item="code")


def test_a_record_that_is_let_through_in_part_has_a_name_of_its_own() -> None:
    """The same type may be whole elsewhere; fields keep their order, and attributes stay."""
    schema = event(
        {"name": "holder", "type": ["null", HOLDER]},
        {"name": "other", "type": "Holder"},
    )
    made = masked_view(
        schema,
        {"holder.division": {"mask": {"digits": 4}}, "holder.number.kind": "keep", "other": "keep"},
    )
    holder = _fields(made)[2]["type"][1]
    assert holder["name"] == "Holder_holder"
    assert [field["name"] for field in holder["fields"]] == ["division", "number"]
    assert holder["fields"][0]["type"] == {"type": "string", "x-note": "kept"}
    assert holder["fields"][1]["type"]["name"] == "Number_holder_number"
    assert _named_types(made) == {
        "ns.Thing", "sharebus.events.Envelope", "sharebus.events.EventId",
        "ns.Holder_holder", "ns.Number_holder_number", "ns.Holder", "ns.Number",
    }  # fmt: skip
    assert _fields(made)[3]["type"]["fields"][2]["type"]["name"] == "Number"


def test_one_type_entered_on_two_paths_is_two_types() -> None:
    """Through arrays, maps and unions, in which a reference stands for the definition."""
    schema = event(
        {"name": "first", "type": {"type": "array", "items": HOLDER}},
        {"name": "second", "type": {"type": "map", "values": ["null", "Holder"]}},
        {"name": "third", "type": {"type": "array", "items": {"type": "Holder"}}},
    )
    made = masked_view(
        schema,
        {"first.name": {"mask": {"first": 1}}, "second.number": "keep", "third.number": "keep"},
    )
    first, second, third = (field["type"] for field in _fields(made)[2:])
    assert first["items"]["name"] == "Holder_first"
    assert second["values"][1]["name"] == "Holder_second"
    assert third["items"]["name"] == "Holder_third"
    assert second["values"][1]["fields"][0]["type"]["name"] == "Number"
    assert third["items"]["fields"][0]["type"] == "ns.Number"
    assert "ns.Holder" not in _named_types(made)


def test_a_name_that_is_taken_gets_underscores() -> None:
    """By a type of the resource's own, or by another path's."""
    schema = event(
        {"name": "holder", "type": HOLDER},
        {"name": "own", "type": {"type": "fixed", "name": "Holder_holder", "size": 1}},
        {"name": "several", "type": [{"type": "array", "items": "Holder"}, "Holder"]},
    )
    made = masked_view(schema, {"holder.name": "keep", "several.name": "keep", "own": "keep"})
    assert _fields(made)[2]["type"]["name"] == "Holder_holder_"
    array, record = _fields(made)[4]["type"]
    assert (array["items"]["name"], record["name"]) == ("Holder_several", "Holder_several_")
    assert _named_types(made) >= {"ns.Holder_holder", "ns.Holder_holder_"}


def test_what_is_masked_keeps_its_type() -> None:
    """A mask gives a value of the same type, so nobody's reader changes; only drops do."""
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    colour = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
    date = {"type": "int", "logicalType": "date"}
    schema = event(
        {"name": "price", "type": ["null", decimal]},
        {"name": "colour", "type": colour, "doc": "色"},
        {"name": "born", "type": date},
        {"name": "name", "type": "string"},
    )
    masks = {
        "price": {"mask": {"band": 100}},
        "colour": {"mask": {"constant": "RED"}},
        "born": {"mask": {"date": "month"}},
        "name": "pseudonym",
    }
    audience = {"department": "health", "key_version": 1}
    made = masked_view(schema, masks, audience=audience)
    assert _fields(made)[2:] == schema["fields"][2:]


def test_a_view_without_its_key_item_has_no_trace_of_it() -> None:
    """Its records' keys are pseudonyms."""
    policy = parse_policy(
        {
            "resource": "test.thing",
            "items": {"name": "keep"},
            "audience": {"department": "health", "key_version": 1},
        }
    )
    made = view_schema(policy, event({"name": "name", "type": "string"}), key_item="code")
    assert [field["name"] for field in _fields(made)] == ["envelope", "name"]


def test_a_recursive_type_is_kept_whole_or_dropped() -> None:
    """And is defined where it is used first, as any other."""
    node = {"type": "record", "name": "Node", "fields": [
        {"name": "next", "type": ["null", "Node"]},
        {"name": "pair", "type": {"type": "array", "items": {"type": "record", "name": "Pair",
            "fields": [{"name": "of", "type": {"type": "map", "values": "Node"}}]}}},
    ]}  # fmt: skip
    schema = event({"name": "gone", "type": ["null", node]}, {"name": "tree", "type": "Node"})
    made = masked_view(schema, {"tree": "keep"})
    assert _fields(made)[2]["type"]["name"] == "Node"
    assert _named_types(made) >= {"ns.Node", "ns.Pair"}
    assert "Node" not in json.dumps(masked_view(schema, {}))


@pytest.mark.parametrize(
    "field",
    [
        {"name": "name", "type": "string", "default": ""},
        {"name": "name", "type": "string", "aliases": ["title"]},
        {"name": "name", "type": ["null", "string"], "default": None},
    ],
)
def test_defaults_inside_what_is_entered_are_refused_and_beside_it_are_not(
    field: dict[str, Any],
) -> None:
    """What is dropped can't stand in for anything."""
    record = {"type": "record", "name": "R", "fields": [field, {"name": "x", "type": "int"}]}
    schema = event({"name": "item", "type": record})
    with pytest.raises(InvalidPolicy, match=r"no (default|aliases)"):
        masked_view(schema, {"item.name": "keep"})
    assert len(masked_view(schema, {"item.x": {"mask": {"band": 2}}})["fields"]) == 3
