"""Whether a schema may follow: the bus's own rules, one hostile change at a time, and good ones."""

from __future__ import annotations

import copy
import io
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas.evolution import Direction, Reason, Rules, Verdict, judge, rules_of
from schemas.schema_text import schema_text
from tests.unit.schemas.drawn_evolutions import good_versions
from tests.unit.stream_apps.drawn_records import ENVELOPE

Schema = dict[str, Any]
Change = Callable[[Schema], object]

COLOR: Schema = {"type": "enum", "name": "Color", "symbols": ["RED", "BLUE"]}
BOX: Schema = {"type": "record", "name": "Box", "fields": [{"name": "inner", "type": "string"}]}
TOO_LONG = {"type": "bytes", "logicalType": "decimal", "precision": 1001}
LATER: Schema = {"name": "later", "type": ["null", "string"], "default": None}
MONEY: Schema = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}


def event(*items: Schema) -> Schema:
    """Return version 1 of a change event; items are added to the usual ones."""
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "code", "type": "string"},
        {"name": "level", "type": "int"},
        {"name": "area", "type": ["null", "double"]},
        {"name": "color", "type": COLOR},
        {"name": "boxes", "type": {"type": "array", "items": BOX}},
        *items,
    ]
    return copy.deepcopy({"type": "record", "name": "Thing", "namespace": "test", "fields": fields})


def item(schema: Schema, name: str) -> Schema:
    """Return an item of a change event."""
    found: Schema = next(field for field in schema["fields"] if field["name"] == name)
    return found


def changed(change: Change, base: Schema | None = None) -> Schema:
    """Return a schema after a change."""
    schema = copy.deepcopy(base or event())
    change(schema)
    return schema


def found(verdict: Verdict) -> set[tuple[Reason, str]]:
    """Return reasons and places."""
    return {(finding.reason, finding.path) for finding in verdict.findings}


def drop(name: str) -> Change:
    return lambda schema: schema["fields"].remove(item(schema, name))


def put(of: str, /, **attributes: Any) -> Change:
    return lambda schema: item(schema, of).update(attributes)


def add(*items: Any, at: int | None = None) -> Change:
    def change(schema: Schema) -> None:
        for each in items:
            fields = schema["fields"]
            fields.insert(len(fields) if at is None else at, copy.deepcopy(each))

    return change


def move_last(name: str) -> Change:
    def change(schema: Schema) -> None:
        moved = item(schema, name)
        schema["fields"].remove(moved)
        schema["fields"].append(moved)

    return change


HOSTILE: list[tuple[str, Change, Reason, str]] = [
    # The five of the design.
    ("dropped item", drop("area"), Reason.ITEM_DROPPED, "area"),
    ("alias on the key", put("code", aliases=["level"]), Reason.ALIAS, "code"),
    ("default on the key", put("code", default=""), Reason.DEFAULT, "code"),
    ("key widened", put("code", type=["null", "string"]), Reason.TYPE_WIDENED, "code"),
    (
        "recursive",
        add({"name": "next", "type": ["null", "Thing"], "default": None}),
        Reason.RECURSIVE,
        "next<Thing>",
    ),
    # And more.
    ("dropped key", drop("code"), Reason.ITEM_DROPPED, "code"),
    ("dropped envelope", drop("envelope"), Reason.NOT_A_CHANGE_EVENT, ""),
    ("renamed item", put("level", name="rank"), Reason.ITEM_DROPPED, "level"),
    (
        "renamed item behind an alias",
        put("level", name="rank", aliases=["level"]),
        Reason.ALIAS,
        "rank",
    ),
    ("null as default", put("area", default=None), Reason.DEFAULT, "area"),
    ("number as default", put("level", default=0), Reason.DEFAULT, "level"),
    ("int to long", put("level", type="long"), Reason.TYPE_CHANGED, "level"),
    ("int to string", put("level", type="string"), Reason.TYPE_CHANGED, "level"),
    (
        "int to a date",
        put("level", type={"type": "int", "logicalType": "date"}),
        Reason.TYPE_CHANGED,
        "level",
    ),
    ("string to bytes", put("code", type="bytes"), Reason.TYPE_CHANGED, "code"),
    ("another branch", put("area", type=["null", "double", "int"]), Reason.TYPE_WIDENED, "area"),
    ("branches turned", put("area", type=["double", "null"]), Reason.TYPE_CHANGED, "area<null>"),
    ("union narrowed", put("area", type="double"), Reason.TYPE_CHANGED, "area"),
    (
        "symbol added",
        put("color", type={**COLOR, "symbols": ["RED", "BLUE", "GREEN"]}),
        Reason.SYMBOLS_CHANGED,
        "color",
    ),
    (
        "symbols turned",
        put("color", type={**COLOR, "symbols": ["BLUE", "RED"]}),
        Reason.SYMBOLS_CHANGED,
        "color",
    ),
    (
        "symbol added behind a default",
        put("color", type={**COLOR, "symbols": ["RED", "BLUE", "GREEN"], "default": "RED"}),
        Reason.DEFAULT,
        "color",
    ),
    ("enum renamed", put("color", type={**COLOR, "name": "Hue"}), Reason.TYPE_CHANGED, "color"),
    (
        "alias on a type",
        put("color", type={**COLOR, "aliases": ["Hue"]}),
        Reason.ALIAS,
        "color",
    ),
    (
        "field added to a record inside",
        lambda schema: item(schema, "boxes")["type"]["items"]["fields"].append(LATER),
        Reason.TYPE_CHANGED,
        "boxes[]",
    ),
    (
        "default inside",
        lambda schema: item(schema, "boxes")["type"]["items"]["fields"][0].update(default=""),
        Reason.DEFAULT,
        "boxes[].inner",
    ),
    (
        "alias inside",
        lambda schema: item(schema, "boxes")["type"]["items"]["fields"][0].update(aliases=["x"]),
        Reason.ALIAS,
        "boxes[].inner",
    ),
    (
        "type changed inside",
        lambda schema: item(schema, "boxes")["type"]["items"]["fields"][0].update(type="bytes"),
        Reason.TYPE_CHANGED,
        "boxes[].inner",
    ),
    (
        "an event inside a new type of an item",
        lambda schema: add(
            {"name": "tree", "default": None, "type": ["null", {
                "type": "record", "name": "Node",
                "fields": [{"name": "of", "type": {"type": "array", "items": "Thing"}}],
            }]}
        )(schema),
        Reason.RECURSIVE,
        "tree<Node>.of[]",
    ),
    ("items reordered", move_last("level"), Reason.ITEMS_REORDERED, "area"),
    ("item in the middle", add(LATER, at=2), Reason.ITEM_NOT_AT_END, "later"),
    ("item before the envelope", add(LATER, at=0), Reason.NOT_A_CHANGE_EVENT, ""),
    (
        "required item",
        add({"name": "later", "type": "string"}),
        Reason.ITEM_NOT_NULLABLE,
        "later",
    ),
    (
        "required item with a default",
        add({"name": "later", "type": "string", "default": ""}),
        Reason.ITEM_NOT_NULLABLE,
        "later",
    ),
    (
        "nullable without default",
        add({"name": "later", "type": ["null", "string"]}),
        Reason.ITEM_NOT_NULLABLE,
        "later",
    ),
    (
        "nullable with another default",
        add({"name": "later", "type": ["string", "null"], "default": "x"}),
        Reason.ITEM_NOT_NULLABLE,
        "later",
    ),
    (
        "three branches",
        add({"name": "later", "type": ["null", "int", "string"], "default": None}),
        Reason.ITEM_NOT_NULLABLE,
        "later",
    ),
    (
        "a later item with an alias",
        add({**LATER, "aliases": ["code"]}),
        Reason.ALIAS,
        "later",
    ),
    (
        "envelope field added",
        lambda schema: item(schema, "envelope")["type"]["fields"].append(LATER),
        Reason.ENVELOPE_CHANGED,
        "envelope",
    ),
    (
        "envelope field changed",
        lambda schema: item(schema, "envelope")["type"]["fields"][1].update(type="int"),
        Reason.ENVELOPE_CHANGED,
        "envelope.sequence",
    ),
    (
        "alias on the envelope",
        lambda schema: item(schema, "envelope").update(aliases=["code"]),
        Reason.ALIAS,
        "envelope",
    ),
    ("record renamed", lambda s: s.update(name="Other"), Reason.RECORD_RENAMED, "test.Other"),
    ("namespace", lambda s: s.update(namespace="x"), Reason.RECORD_RENAMED, "x.Thing"),
    ("alias on the record", lambda s: s.update(aliases=["Other"]), Reason.ALIAS, ""),
    (
        "what can't be enforced",
        add({"name": "later", "type": ["null", TOO_LONG], "default": None}),
        Reason.NOT_ENFORCEABLE,
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason", "path"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
def test_a_hostile_change_is_refused_with_reason_and_place(
    change: Change, reason: Reason, path: str
) -> None:
    """Each is refused against version 1 alone, and after a good version 2 as well."""
    verdict = judge(Rules.CHANGE_EVENT, changed(change), {1: event()})
    assert (reason, path) in found(verdict)
    assert any(line.startswith(f"{reason.name}{' at ' if path else ''}{path}: ")
               for line in verdict.told(100))  # fmt: skip
    second = event({"name": "second", "type": ["null", "int"], "default": None})
    both = judge(Rules.CHANGE_EVENT, changed(change, second), {1: event(), 2: second})
    assert reason in {finding.reason for finding in both.findings}


def test_every_reason_of_the_bus_has_a_case_that_shows_it() -> None:
    """A reason that nothing can bring about is no reason."""
    shown = {case[2] for case in HOSTILE}
    elsewhere = {
        Reason.ITEM_ADDED_TO_VIEW, Reason.DEFAULT_REMOVED, Reason.TOO_LARGE, Reason.UNREADABLE,
        *(reason for reason in Reason if reason.name in PLAIN_REASONS),
    }  # fmt: skip
    assert shown | elsewhere == set(Reason)


def test_a_verdict_lists_everything_that_is_wrong() -> None:
    """A provider mends it in one go: five faults are five findings, each with its versions."""

    def change(schema: Schema) -> None:
        for each in (drop("area"), put("code", default=""), put("level", type="long"),
                     put("color", aliases=["x"]), add({"name": "new", "type": "int"})):  # fmt: skip
            each(schema)

    verdict = judge(Rules.CHANGE_EVENT, changed(change), {1: event(), 2: event()})
    own = [finding for finding in verdict.findings if finding.direction is None]
    assert {(each.reason, each.path, each.versions) for each in own} == {
        (Reason.ITEM_DROPPED, "area", (1, 2)),
        (Reason.DEFAULT, "code", (1, 2)),
        (Reason.TYPE_CHANGED, "level", (1, 2)),
        (Reason.ALIAS, "color", ()),
        (Reason.ITEM_NOT_NULLABLE, "new", (1, 2)),
    }
    assert verdict.told(2)[-1] == f"and {len(verdict.findings) - 2} more"
    assert "against versions 1, 2" in str(own[-1])


def test_a_fault_against_any_earlier_version_counts() -> None:
    """An item that only version 1 had is missed, whatever version 2 says."""
    without = changed(drop("area"))
    verdict = judge(Rules.CHANGE_EVENT, without, {1: event(), 2: without})
    assert found(verdict) >= {(Reason.ITEM_DROPPED, "area")}
    assert {finding.versions for finding in verdict.findings} == {(1,)}


def test_a_later_item_keeps_its_default() -> None:
    """Without it the new schema couldn't read version 1 any more."""
    second = event(LATER)
    third = event({"name": "later", "type": ["null", "string"]})
    verdict = judge(Rules.CHANGE_EVENT, third, {1: event(), 2: second})
    assert (Reason.DEFAULT_REMOVED, "later") in found(verdict)


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        (put("area", default=None), Reason.DEFAULT, "area"),
        (put("level", aliases=["x"]), Reason.ALIAS, "level"),
        (add({"name": "next", "type": ["null", "Thing"]}), Reason.RECURSIVE, "next<Thing>"),
        (drop("envelope"), Reason.NOT_A_CHANGE_EVENT, ""),
        (add({"name": "price", "type": TOO_LONG}), Reason.NOT_ENFORCEABLE, ""),
    ],
)  # fmt: skip
def test_version_1_is_judged_alone(change: Change, reason: Reason, path: str) -> None:
    """A first version has no default at all, no alias, no recursion, and an envelope."""
    assert judge(Rules.CHANGE_EVENT, event(), {}).is_compatible
    assert (reason, path) in found(judge(Rules.CHANGE_EVENT, changed(change), {}))


def test_documentation_and_attributes_without_meaning_may_change() -> None:
    """What is the same on the wire may follow: docs, order hints, where a type is defined."""

    def change(schema: Schema) -> None:
        schema.update(doc="说明", **{"x-owner": "民政部"})
        item(schema, "level").update(doc="级别", order="descending", type={"type": "int"})
        item(schema, "color")["type"]["doc"] = "颜色"

    assert judge(Rules.CHANGE_EVENT, changed(change), {1: event()}).is_compatible


def test_an_item_s_type_may_hold_itself() -> None:
    """Depth is bounded in each record; what a recursive type looks like inside never changes."""
    node: Schema = {"type": "record", "name": "Node", "fields": [
        {"name": "of", "type": {"type": "array", "items": "Node"}},
    ]}  # fmt: skip
    later = {"name": "tree", "type": ["null", node], "default": None}
    with_tree = event({"name": "tree", "type": ["null", node]})
    assert judge(Rules.CHANGE_EVENT, event(copy.deepcopy(later)), {1: event()}).is_compatible
    assert judge(Rules.CHANGE_EVENT, with_tree, {}).is_compatible
    node["fields"][0]["type"]["type"] = "map"
    node["fields"][0]["type"]["values"] = node["fields"][0]["type"].pop("items")
    other = event({"name": "tree", "type": ["null", node]})
    verdict = judge(Rules.CHANGE_EVENT, other, {1: with_tree})
    assert (Reason.TYPE_CHANGED, "tree<test.Node>.of") in found(verdict)


def test_a_view_never_gets_another_item() -> None:
    """A view's schema follows from its policy; only documentation may change."""
    assert judge(Rules.VIEW, changed(put("code", doc="代码")), {1: event()}).is_compatible
    verdict = judge(Rules.VIEW, event(LATER), {1: event()})
    assert found(verdict) >= {(Reason.ITEM_ADDED_TO_VIEW, "later"), (Reason.DEFAULT, "later")}


PLAIN_REASONS = {
    "NAME_MISMATCH", "FIXED_SIZE_MISMATCH", "MISSING_ENUM_SYMBOLS", "TYPE_MISMATCH",
    "READER_FIELD_MISSING_DEFAULT_VALUE", "MISSING_UNION_BRANCH",
}  # fmt: skip


@pytest.mark.parametrize(
    ("new", "old", "reason", "path", "direction"),
    [
        ("int", "long", Reason.TYPE_MISMATCH, "a", Direction.BACKWARD),
        ("long", "int", Reason.TYPE_MISMATCH, "a", Direction.FORWARD),
        (["null", "int"], "int", Reason.TYPE_MISMATCH, "a<null>", Direction.FORWARD),
        ("int", ["null", "int"], Reason.TYPE_MISMATCH, "a<null>", Direction.BACKWARD),
        (["null", "int"], ["null", "string"], Reason.MISSING_UNION_BRANCH, "a<string>",
         Direction.BACKWARD),
        (COLOR, {**COLOR, "name": "Hue"}, Reason.NAME_MISMATCH, "a", Direction.BACKWARD),
        ({**COLOR, "symbols": ["RED"]}, COLOR, Reason.MISSING_ENUM_SYMBOLS, "a",
         Direction.BACKWARD),
        ({"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 2},
         Reason.FIXED_SIZE_MISMATCH, "a", Direction.BACKWARD),
        ({**BOX, "fields": []}, BOX, Reason.READER_FIELD_MISSING_DEFAULT_VALUE, "a.inner",
         Direction.FORWARD),
        ({"type": "map", "values": "int"}, {"type": "map", "values": "bytes"},
         Reason.TYPE_MISMATCH, "a{}", Direction.BACKWARD),
    ],
)  # fmt: skip
def test_other_subjects_keep_avro_s_own_rules(
    new: Any, old: Any, reason: Reason, path: str, direction: Direction
) -> None:
    """FULL_TRANSITIVE as Avro defines it, the reading side named."""
    schemas = [
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": avro}]}
        for avro in (new, old)
    ]
    verdict = judge(Rules.PLAIN, schemas[0], {1: schemas[1]})
    assert (reason, path, direction) in {
        (each.reason, each.path, each.direction) for each in verdict.findings
    }


def test_other_subjects_may_do_what_avro_allows() -> None:
    """Defaults, aliases, recursion and dropped optional fields are nobody's business there."""
    old = {"type": "record", "name": "Node", "fields": [
        {"name": "next", "type": ["null", "Node"], "default": None},
        {"name": "gone", "type": "int", "default": 1},
    ]}  # fmt: skip
    new = {"type": "record", "name": "Node", "aliases": ["Old"], "fields": [
        {"name": "next", "type": ["null", "Node"], "default": None},
        {"name": "come", "type": COLOR, "default": "RED"},
    ]}  # fmt: skip
    assert judge(Rules.PLAIN, new, {1: old}).is_compatible
    assert judge(Rules.PLAIN, {"anything": 1}, {}).is_compatible


def test_the_rules_follow_from_the_subject_and_from_the_envelope() -> None:
    """A change event is judged as one under whatever name it is tried out."""
    plain = {"type": "record", "name": "R", "fields": []}
    assert rules_of("raw.population.person-value", plain) is Rules.CHANGE_EVENT
    assert rules_of("view.population.person.0123-value", plain) is Rules.VIEW
    assert rules_of("trial-value", event()) is Rules.CHANGE_EVENT
    assert rules_of("trial-value", plain) is Rules.PLAIN
    assert rules_of("trial-value", "unknown") is Rules.PLAIN


def test_what_can_not_be_read_or_bounded_is_refused_quickly() -> None:
    """An unreadable old version, endless nesting, cycles and thousands of types: refused."""
    unreadable = judge(Rules.PLAIN, "int", {1: {"type": "record"}})
    assert found(unreadable) == {(Reason.UNREADABLE, "")}
    many = [{"type": "record", "name": f"N{i}", "namespace": f"n{i % 2}", "fields": []}
            for i in range(1_000)]  # fmt: skip
    wide = [[{**each, "namespace": side} for each in many] for side in ("a", "b")]
    chain: list[Any] = [{"type": "record", "name": "C0", "fields": []}]
    for i in range(1, 3_000):
        inner = [{"name": "x", "type": f"C{i - 1}"}]
        chain.append({"type": "record", "name": f"C{i}", "fields": inner})
    began = time.monotonic()
    assert Reason.TOO_LARGE in {reason for reason, _ in
                                found(judge(Rules.PLAIN, wide[0], {1: wide[1]}))}  # fmt: skip
    assert found(judge(Rules.PLAIN, chain, {1: chain})) == {(Reason.UNREADABLE, "")}
    rings = judge(Rules.PLAIN, _cycle(29), {1: _cycle(31)})
    assert found(rings) == {(Reason.TOO_LARGE, "")}
    assert judge(Rules.PLAIN, _cycle(5), {1: _cycle(7)}).is_compatible
    fields = [{"name": f"f{i}", "type": "int"} for i in range(20_000)]
    judge(Rules.CHANGE_EVENT, event(*fields), {1: event(*reversed(fields))})
    assert time.monotonic() - began < 60


def _cycle(length: int) -> Schema:
    """Return a record in which so many records of one short name refer to each other in a ring."""
    made: Any = "n0.R"
    for i in reversed(range(length)):
        fields = [{"name": "x", "type": made}]
        made = {"type": "record", "name": "R", "namespace": f"n{i}", "fields": fields}
    ring: Schema = made
    return ring


@pytest.mark.parametrize("seed", range(200))
def test_200_good_evolutions_are_accepted_and_read_each_other(seed: int) -> None:
    """Items are added at the end; whatever any version wrote, every other one reads."""
    rng = random.Random(seed)
    drawing, versions = good_versions(rng, rng.randrange(2, 5))
    for number, schema in enumerate(versions):
        schema_text(schema)
        earlier = {i + 1: each for i, each in enumerate(versions[:number])}
        assert judge(Rules.CHANGE_EVENT, schema, earlier).told() == []
    kept = {field["name"] for field in versions[-1]["fields"]}
    for writer in versions:
        payload = drawing.payload(writer, kept, "key")
        written: Any = fastavro.schemaless_reader(io.BytesIO(payload), _parsed(writer), None)
        for reader in versions:
            read: Any = fastavro.schemaless_reader(
                io.BytesIO(payload), _parsed(writer), _parsed(reader)
            )
            names = [field["name"] for field in reader["fields"]]
            # By text: NaN equals nothing.
            assert repr(read) == repr({name: written.get(name) for name in names})


def _parsed(schema: Schema) -> Any:
    return fastavro.parse_schema(json.loads(json.dumps(schema)))


def test_the_packaged_resources_are_good_first_versions() -> None:
    """What the catalogue publishes, the registry takes."""
    for file in sorted(Path("schemas/resources").glob("*/v1.avsc")):
        assert judge(Rules.CHANGE_EVENT, json.loads(file.read_text()), {}).told() == []
