"""What a policy makes of a type, and every reason why it can't be applied to one."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import InvalidPolicy
from schemas.policy import parse_policy, view_schema
from schemas.policy.application import applied, keeps_key
from schemas.policy.avro_types import Record
from schemas.policy.schema_reading import read_record
from schemas.policy.shaping import Choice, Dropped, Entered, Masked, Repeated, Shaping, Whole
from tests.unit.stream_apps.drawn_records import ENVELOPE

HEALTH = {"department": "health", "key_version": 1}
UUID = {"type": "string", "logicalType": "uuid"}
DATE = {"type": "int", "logicalType": "date"}
TIME = {"type": "int", "logicalType": "time-millis"}
ENUM = {"type": "enum", "name": "E", "symbols": ["A", "B"]}
FIXED = {"type": "fixed", "name": "F", "size": 2}
NOTHING = {"type": "fixed", "name": "N", "size": 0}
HOLDER = {"type": "record", "name": "Holder", "fields": [
    {"name": "name", "type": "string"},
    {"name": "age", "type": ["null", "int"]},
    {"name": "gone", "type": "null"},
]}  # fmt: skip
PLACE = {"type": "record", "name": "Place", "fields": [{"name": "code", "type": "string"}]}
NODE = {"type": "record", "name": "Node", "fields": [
    {"name": "name", "type": "string"}, {"name": "next", "type": ["null", "Node"]},
]}  # fmt: skip


def decimal(precision: int, scale: int = 0) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def event(avro: Any) -> Record:
    """Give the type of a change event with one item beside its key."""
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "key", "type": "string"},
        {"name": "item", "type": avro},
    ]
    return read_record({"type": "record", "name": "Thing", "fields": fields})


def shaping_of(avro: Any, items: dict[str, Any], **more: Any) -> Entered:
    policy = parse_policy({"resource": "test.thing", "items": {"key": "keep", **items}, **more})
    return applied(policy, event(avro), "key")


def said(shaping: Shaping) -> Any:
    """Write a shaping shortly."""
    match shaping:
        case Whole():
            return "whole"
        case Dropped():
            return "dropped"
        case Masked():
            return shaping.action.document()
        case Entered():
            names = [field.name for field in shaping.type.fields]
            return dict(zip(names, map(said, shaping.fields), strict=True))
        case Choice():
            return list(map(said, shaping.branches))
        case Repeated():
            return (said(shaping.items),)


FIRST = {"mask": {"first": 1}}


@pytest.mark.parametrize(
    ("avro", "items", "made"),
    [
        ("string", {"item": "keep"}, "whole"),
        ("string", {}, "dropped"),
        (NODE, {"item": "keep"}, "whole"),
        (UUID, {"item": "keep"}, "whole"),
        ("string", {"item": FIRST}, FIRST),
        (["null", "string"], {"item": FIRST}, ["whole", FIRST]),
        ({"type": "array", "items": "string"}, {"item": FIRST}, (FIRST,)),
        (["null", {"type": "array", "items": ["string", "null"]}], {"item": FIRST},
         ["whole", ([FIRST, "whole"],)]),
        ({"type": "map", "values": "string"}, {"item": FIRST}, ({"key": "whole", "value": FIRST},)),
        (HOLDER, {"item.name": FIRST}, {"name": FIRST, "age": "dropped", "gone": "dropped"}),
        (["null", HOLDER], {"item.age": "keep", "item.gone": "keep"},
         ["whole", {"name": "dropped", "age": "whole", "gone": "whole"}]),
        ({"type": "array", "items": HOLDER}, {"item.name": "keep"},
         ({"name": "whole", "age": "dropped", "gone": "dropped"},)),
        ({"type": "map", "values": HOLDER}, {"item.gone": "keep"},
         ({"key": "whole", "value": {"name": "dropped", "age": "dropped", "gone": "whole"}},)),
        ([HOLDER, PLACE], {"item.name": "keep", "item.code": {"mask": {"digits": 4}}},
         [{"name": "whole", "age": "dropped", "gone": "dropped"},
          {"code": {"mask": {"digits": 4}}}]),
        ([{"type": "map", "values": PLACE}, "null"], {"item.code": "keep"},
         [({"key": "whole", "value": {"code": "whole"}},), "whole"]),
        (["null", ENUM], {"item": {"mask": {"constant": "B"}}},
         ["whole", {"mask": {"constant": "B"}}]),
    ],
)  # fmt: skip
def test_a_shaping_says_of_each_part_what_becomes_of_it(
    avro: Any, items: dict[str, Any], made: Any
) -> None:
    """Paths go through arrays, maps and unions without naming them; null stays null."""
    shaping = shaping_of(avro, items)
    assert [said(part) for part in shaping.fields] == ["whole", "whole", made]
    assert shaping.path == ""


def test_a_band_s_width_is_in_the_digits_of_the_type() -> None:
    """A band of 10 yuan is one of 1,000 fen."""
    for avro, width in (("long", 10), (decimal(18, 2), 1000), (decimal(18), 10), ("float", 10)):
        made = shaping_of(avro, {"item": {"mask": {"band": 10}}}).fields[2]
        assert isinstance(made, Masked)
        assert made.width == width


@pytest.mark.parametrize(
    ("avro", "item", "says"),
    [
        *((avro, action, "can't be applied to") for avro in (
            "bytes", "null", FIXED, NOTHING, UUID, TIME, decimal(19), HOLDER,
            NODE, ["null", HOLDER], {"type": "array", "items": "bytes"},
            {"type": "map", "values": ["int", "bytes"]},
        ) for action in (
            {"mask": {"constant": "x"}}, {"mask": {"constant": True}}, FIRST, {"mask": {"last": 1}},
            {"mask": {"digits": 1}}, {"mask": {"date": "year"}}, {"mask": {"band": 1}}, "pseudonym",
        )),
        ("string", {"mask": {"constant": 1}}, "constant is of the item's type"),
        ("string", {"mask": {"constant": True}}, "constant is of the item's type"),
        ("string", {"mask": {"band": 1}}, "band is for int and long"),
        ("string", {"mask": {"date": "year"}}, "date is for dates"),
        ("int", {"mask": {"constant": 2**31}}, "constant"),
        ("int", {"mask": {"constant": True}}, "constant"),
        ("int", {"mask": {"constant": "1"}}, "constant"),
        ("int", FIRST, "for texts"),
        ("int", "pseudonym", "for texts"),
        ("int", {"mask": {"digits": 1}}, "for texts"),
        ("int", {"mask": {"date": "year"}}, "date is for dates"),
        ("int", {"mask": {"band": 2**31}}, "narrower"),
        (decimal(5, 2), {"mask": {"band": 1000}}, "narrower"),
        (decimal(5, 2), {"mask": {"constant": 1}}, "constant"),
        (DATE, {"mask": {"band": 10}}, "band is for int and long"),
        (DATE, {"mask": {"constant": 2_932_897}}, "constant"),
        (TIME, {"mask": {"constant": -1}}, "constant"),
        ("boolean", {"mask": {"constant": 1}}, "constant"),
        ("boolean", FIRST, "for texts"),
        ("double", {"mask": {"constant": 1}}, "constant"),
        ("float", {"mask": {"digits": 1}}, "for texts"),
        ({"type": "map", "values": "double"}, {"mask": {"date": "year"}}, "date is for dates"),
        (ENUM, {"mask": {"constant": "C"}}, "symbol"),
        (ENUM, {"mask": {"constant": 0}}, "symbol"),
        (ENUM, FIRST, "for texts"),
        (["null", "string", "int"], FIRST, "for texts"),
    ],
)  # fmt: skip
def test_an_action_that_a_value_may_not_bear_is_refused(avro: Any, item: Any, says: str) -> None:
    """Each branch and each element must bear it; the remedy says what the action is for."""
    more = {"audience": HEALTH} if item == "pseudonym" else {}
    with pytest.raises(InvalidPolicy) as caught:
        shaping_of(avro, {"item": item}, **more)
    assert says in str(caught.value)
    assert caught.value.where == "items.item"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("avro", "items", "where", "says"),
    [
        ("string", {"other": "keep"}, "items.other", "doesn't have"),
        ("string", {"item.name": "keep"}, "items.item", "nothing inside"),
        (HOLDER, {"item.colour": "keep"}, "items.item", "names nothing"),
        (HOLDER, {"item.name": "keep", "item.colour": "keep"}, "items.item.colour", "has the item"),
        (HOLDER, {"item.name.first": "keep"}, "items.item.name", "nothing inside"),
        (HOLDER, {"item.age": FIRST}, "items.item.age", "can't be applied"),
        ([HOLDER, PLACE], {"item.name": "keep"}, "items.item", "names nothing"),
        ([HOLDER, "string"], {"item.name": "keep"}, "items.item", "nothing inside"),
        ("null", {"item.name": "keep"}, "items.item", "nothing inside"),
        (["null"], {"item.name": "keep"}, "items.item.name", "has the item"),
        (NODE, {"item.name": "keep"}, "items.item", "recursive"),
        ({"type": "array", "items": ["null", NODE]}, {"item.name": "keep"}, "items.item", "recurs"),
        ({"type": "array", "items": HOLDER}, {"item.gone": "keep"}, "items.item", "without bytes"),
        ({"type": "map", "values": {"type": "array", "items": HOLDER}}, {"item.gone": "keep"},
         "items.item", "without bytes"),
        (FIXED, {"item.name": "keep"}, "items.item", "nothing inside"),
        (ENUM, {"item.A": "keep"}, "items.item", "nothing inside"),
        ({"type": "map", "values": "string"}, {"item.key": "keep"}, "items.item", "nothing inside"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(
    avro: Any, items: dict[str, Any], where: str, says: str
) -> None:
    """With the item's path, and what to do instead."""
    with pytest.raises(InvalidPolicy) as caught:
        shaping_of(avro, items)
    assert caught.value.where == where
    assert says in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("key", "audience", "is_fine"),
    [
        ("keep", None, True),
        ("keep", HEALTH, False),
        (None, None, False),
        (None, HEALTH, True),
        (FIRST, None, False),
        (FIRST, HEALTH, True),
        ("pseudonym", HEALTH, True),
    ],
)
def test_an_audience_is_there_exactly_when_something_is_pseudonymised(
    key: Any, audience: Any, is_fine: bool
) -> None:
    """A key that isn't kept is a pseudonym; an idle audience would keep others from sharing."""
    document: dict[str, Any] = {"resource": "test.thing", "items": {"item": "keep"}}
    if key:
        document["items"]["key"] = key
    if audience:
        document["audience"] = audience
    policy = parse_policy(document)
    assert keeps_key(policy, "key") is (key == "keep")
    if is_fine:
        applied(policy, event("string"), "key")
        return
    with pytest.raises(InvalidPolicy, match="pseudonym") as caught:
        applied(policy, event("string"), "key")
    assert caught.value.remedy


def test_another_item_s_pseudonym_has_an_audience_too() -> None:
    """Though the key is kept."""
    shaping = shaping_of("string", {"item": "pseudonym"}, audience=HEALTH)
    assert said(shaping.fields[2]) == "pseudonym"


def test_what_the_shaping_refuses_the_view_s_schema_refuses() -> None:
    """Whoever asks for the schema, such as the ledger, needs no other question."""
    fields = [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "key", "type": "string"},
        {"name": "item", "type": "bytes"},
    ]
    schema = {"type": "record", "name": "Thing", "fields": fields}
    policy = parse_policy({"resource": "test.thing", "items": {"key": "keep", "item": FIRST}})
    with pytest.raises(InvalidPolicy, match="can't be applied"):
        view_schema(policy, schema, key_item="key")
    rows = {"item": "item", "in": ["x"]}
    policy = parse_policy({"resource": "test.thing", "items": {"key": "keep"}, "rows": rows})
    with pytest.raises(InvalidPolicy, match="can't be filtered"):
        view_schema(policy, schema, key_item="key")
