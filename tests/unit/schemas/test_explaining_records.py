"""What becomes of one record under a grant: accepted, let in by the rows, and what is let out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from schemas.errors import InvalidRecord
from schemas.explaining import RecordTold, explain_record, explain_refusal
from schemas.explaining.readable import readable
from schemas.explaining.records import HIDDEN
from schemas.ledger import acts
from schemas.ledger.subjects import Grant
from schemas.policy import Limits, Policy, Reason
from schemas.policy.decoding import Blocks, Chosen, Real, Value
from schemas.policy.schema_reading import read_schema
from tests.unit.explained_grants import AUDIENCE, KEY, event, grant, publish
from tests.unit.ledger_story import Story

PERSON, PARCEL = "population.person", "geography.parcel"
CITIZEN = "110101199003070003"


def pseudonym(text: str) -> str:
    """Return a text's pseudonym, by the library alone."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=KEY).hexdigest()


ROW: dict[str, Any] = {
    "citizen_number": CITIZEN,
    "name": "虚构人",
    "sex": "female",
    "ethnicity": "01",
    "birth_date": "1990-03-07",
    "registered_division": "440103",
    "registered_address": {"division": "440103001", "detail": "虚构路7号"},
    "household_number": None,
    "householder_relation": None,
    "phone": "13800000000",
}
PARCEL_ROW: dict[str, Any] = {
    "parcel_code": "440103001002GB00001",
    "division": "440103",
    "land_use": "07",
    "area": "1024.50",
    "polygon": {
        "type": "Polygon",
        "coordinates": [[[113.24, 23.12], [113.25, 23.12], [113.25, 23.13], [113.24, 23.12]]],
    },
    "holder": None,
    "valuation": {"amount": "1999.99", "valued_at": "2026-05-20T08:00:00+08:00"},
}
KEPT = {"citizen_number": "keep"}


def judged(
    story: Story, found: Grant, row: dict[str, Any], key: bytes | None = KEY, **more: Any
) -> RecordTold:
    """Return what is said of a row under a grant."""
    resource = story.state.resources[found.resource]
    return explain_record(resource, found.policy, event(story.state, row), key, **more)


def under(items: dict[str, Any], row: dict[str, Any] = ROW, **more: Any) -> RecordTold:
    """Return what is said of a person's row under a policy."""
    story = publish(PERSON)
    return judged(story, grant(story, items, **more), row)


@pytest.mark.parametrize(
    ("item", "action", "held"),
    [
        ("name", "keep", "虚构人"),
        ("name", {"mask": {"first": 1}}, "虚**"),
        ("name", {"mask": {"constant": "某"}}, "某"),
        ("name", "pseudonym", pseudonym("虚构人")),
        ("phone", {"mask": {"first": 3, "last": 4}}, "138****0000"),
        ("birth_date", "keep", "1990-03-07"),
        ("birth_date", {"mask": {"date": "year"}}, "1990-01-01"),
        ("birth_date", {"mask": {"date": "month"}}, "1990-03-01"),
        ("registered_division", {"mask": {"digits": 4}}, "4401"),
        ("sex", {"mask": {"constant": "unknown"}}, "unknown"),
        ("household_number", {"mask": {"last": 2}}, None),
        ("registered_address", "keep", {"division": "440103001", "detail": "虚构路7号"}),
    ],
)  # fmt: skip
def test_what_the_view_holds_of_each_action(item: str, action: Any, held: Any) -> None:
    audience = {"audience": AUDIENCE} if action == "pseudonym" else {}
    told = under({**KEPT, item: action}, **audience)
    assert told.accepted
    assert told.in_view
    assert told.key == CITIZEN
    assert told.holds == {"citizen_number": CITIZEN, item: held}


def test_what_the_view_holds_of_nested_items_decimals_and_instants() -> None:
    story = publish(PARCEL)
    items = {
        "parcel_code": "keep",
        "area": {"mask": {"band": 100}},
        "polygon": "keep",
        "holder.name": "keep",
        "valuation.amount": "keep",
        "valuation.valued_at": {"mask": {"date": "month"}},
    }
    told = judged(story, grant(story, items), PARCEL_ROW)
    assert told.holds == {
        "parcel_code": PARCEL_ROW["parcel_code"],
        "area": "1000.00",
        "polygon": PARCEL_ROW["polygon"],
        "holder": None,
        "valuation": {"amount": "1999.99", "valued_at": "2026-04-30T16:00:00Z"},
    }


def test_a_record_outside_the_rows_is_accepted_and_not_in_the_view() -> None:
    rows = [
        {"item": "registered_division", "prefix": ["44"]},
        {"item": "birth_date", "range": {"from": "1950-01-01", "to": "1989-12-31"}},
        {"item": "household_number", "prefix": ["44"]},
    ]
    told = under(KEPT, rows=rows)
    assert told.accepted
    assert (told.in_view, told.key, told.holds) == (False, None, None)
    assert {each.item: (each.fulfilled, each.absent) for each in told.conditions} == {
        "registered_division": (True, False),
        "birth_date": (False, False),
        "household_number": (False, True),
    }


@pytest.mark.parametrize(
    ("row", "fulfilled"),
    [
        ({"item": "ethnicity", "in": ["01"]}, True),
        ({"item": "ethnicity", "in": ["02", "03"]}, False),
        ({"item": "sex", "in": ["female"]}, True),
        ({"item": "sex", "in": ["male", "unknown"]}, False),
        ({"item": "citizen_number", "prefix": ["1101"]}, True),
        ({"item": "citizen_number", "prefix": ["12", "1102"]}, False),
        ({"item": "birth_date", "range": {"from": "1990-03-07"}}, True),
        ({"item": "birth_date", "range": {"to": "1990-03-06"}}, False),
        ({"item": "registered_address.division", "prefix": ["4401"]}, True),
        ({"item": "registered_address.detail", "in": ["别处"]}, False),
    ],
)
def test_each_operator_decides_on_its_item(row: dict[str, Any], fulfilled: bool) -> None:
    told = under(KEPT, rows=[row])
    (condition,) = told.conditions
    assert (condition.item, condition.fulfilled, condition.absent) == (
        row["item"],
        fulfilled,
        False,
    )
    assert told.in_view is fulfilled


def test_an_item_of_a_record_that_is_not_there_is_absent() -> None:
    row = {"item": "registered_address.division", "prefix": ["44"]}
    told = under(KEPT, ROW | {"registered_address": None}, rows=[row])
    assert [each.absent for each in told.conditions] == [True]
    assert not told.in_view


def test_a_pseudonymous_key_is_the_item_s_pseudonym() -> None:
    told = under({"citizen_number": "pseudonym", "name": "keep"}, audience=AUDIENCE)
    assert told.key == pseudonym(CITIZEN)
    assert told.holds == {"citizen_number": pseudonym(CITIZEN), "name": "虚构人"}
    assert told.pseudonyms_known


@pytest.mark.parametrize("items", [
    {"citizen_number": "pseudonym", "name": "keep"},
    {"citizen_number": {"mask": {"first": 6}}, "name": "keep"},
    {"name": "keep"},
])  # fmt: skip
def test_without_the_key_no_pseudonym_is_made(items: dict[str, Any]) -> None:
    """What isn't at hand is said to be so; nothing is shown that could be taken for it."""
    story = publish(PERSON)
    told = judged(story, grant(story, items, audience=AUDIENCE), ROW, key=None)
    assert not told.pseudonyms_known
    assert told.key is None
    assert told.holds is not None
    assert told.holds["name"] == "虚构人"
    if items.get("citizen_number") == "pseudonym":
        assert told.holds["citizen_number"] == HIDDEN


def test_without_the_key_a_kept_key_is_known() -> None:
    story = publish(PERSON)
    found = grant(story, {**KEPT, "name": "pseudonym"}, audience=AUDIENCE)
    told = judged(story, found, ROW, key=None)
    assert told.key == CITIZEN
    assert told.holds == {"citizen_number": CITIZEN, "name": HIDDEN}
    assert not told.pseudonyms_known


def test_a_record_that_the_bus_refuses_is_told_with_its_reason() -> None:
    """Conditions are not asked about what never comes in."""
    story = publish(PERSON)
    found = grant(story, KEPT, rows=[{"item": "ethnicity", "in": ["01"]}])
    told = judged(story, found, ROW, limits=Limits(max_output_bytes=100))
    assert (told.accepted, told.refused_by, told.reason) == (False, "bus", "output-growth")
    assert told.meaning == "遮蔽与假名化后可能超过一条记录的大小上限"
    assert told.conditions == ()
    assert told.holds is None


def test_a_row_is_judged_as_of_the_source_that_answers_for_it() -> None:
    """R5.3: the source is the one whose rows hold the key; where none does, the bus refuses."""
    story = publish(PERSON, sources=[prefix("civil-affairs", "44"), prefix("justice", "11")])
    told = judged(story, grant(story, KEPT), ROW)
    assert (told.accepted, told.source) == (True, "justice")

    story = publish(PERSON, sources=[prefix("civil-affairs", "44"), prefix("justice", "12")])
    told = judged(story, grant(story, KEPT), ROW)
    assert (told.accepted, told.reason) == (False, Reason.FOREIGN_ROW.text)


def prefix(department: str, value: str) -> acts.Source:
    """Return a source of the rows whose keys begin so."""
    return acts.Source(department, acts.SourceRows("prefix", (value,)))


def test_a_policy_that_the_newest_version_has_no_item_for_lets_nothing_out() -> None:
    story = publish(PERSON)
    other = Policy.kept(PERSON, ("citizen_number", "nickname"))
    told = explain_record(story.state.resources[PERSON], other, event(story.state, ROW))
    assert (told.accepted, told.reason) == (False, "view-version")
    assert told.holds is None


def test_a_publisher_s_refusal_names_item_and_meaning() -> None:
    told = explain_refusal(InvalidRecord("no-citizen-number", where="citizen_number"))
    assert (told.accepted, told.refused_by, told.item) == (False, "publisher", "citizen_number")
    assert told.meaning == "不是有效的公民身份号码（GB 11643）"


@pytest.mark.parametrize(
    ("schema", "value", "shown"),
    [
        (["null", "string"], Chosen(0, None), None),
        (["null", "string"], Chosen(1, "a"), "a"),
        ("boolean", True, True),
        ({"type": "map", "values": "int"}, Blocks((({"key": "a", "value": 1},),)), {"a": 1}),
        ({"type": "array", "items": "int"}, Blocks(((1, 2), (3,))), [1, 2, 3]),
        ("bytes", b"\x01\xff", "01ff"),
        ("double", Real(b"\0\0\0\0\0\0\xf8\x3f"), 1.5),
        ({"type": "int", "logicalType": "time-millis"}, 5, 5),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, b"\xfb", "-0.05"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 0}, b"\x05", "5"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 3},
         (10**39 + 1).to_bytes(17, "big"), f"1{'0' * 36}.001"),
        ({"type": "long", "logicalType": "local-timestamp-millis"}, 1, "1970-01-01T00:00:00.001"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_publishing_takes_it(schema: Any, value: Any, shown: Any) -> None:
    assert readable(read_schema(schema), value) == shown


def test_a_recursive_value_is_shown_whole() -> None:
    schema = {"type": "record", "name": "Node", "fields": [
        {"name": "label", "type": "string"}, {"name": "next", "type": ["null", "Node"]},
    ]}  # fmt: skip
    value: Value = {"label": "a", "next": Chosen(1, {"label": "b", "next": Chosen(0, None)})}
    assert readable(read_schema(schema), value) == {
        "label": "a",
        "next": {"label": "b", "next": None},
    }
