"""A record that is given as JSON becomes the event that publishing makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from producers.given_record import given_record
from producers.row_writer import RowWriter
from producers.sources.values import Converters
from schemas.errors import InvalidInput, InvalidRecord
from schemas.ledger import acts
from schemas.ledger.published import Resource
from schemas.policy.reference import frame
from tests.unit.explained_grants import NOW, SCHEMA_ID, event, publish

PERSON = "population.person"
ROW: dict[str, Any] = {
    "citizen_number": "110101199003070003",
    "name": "虚构人",
    "sex": "female",
    "ethnicity": "01",
    "birth_date": "1990-03-07",
    "registered_division": "440103",
    "registered_address": None,
    "household_number": None,
    "householder_relation": None,
    "phone": "13800000000",
}


def resource() -> Resource:
    """Return a published resource."""
    return publish(PERSON).state.resources[PERSON]


def give(text: str) -> None:
    """Give a text as the record of a file."""
    given_record(resource(), text, "row.json", clock=lambda: NOW, event_ids=lambda _: bytes(16))


def test_it_is_framed_and_ends_with_the_row_that_publishing_writes() -> None:
    known = resource()
    given = event(publish(PERSON).state, ROW)
    converters = Converters(known.schema, from_text=False).by_item
    row = {name: converters[name](part) for name, part in ROW.items()}
    assert given.key == ROW["citizen_number"].encode()
    assert given.message.startswith(frame(SCHEMA_ID))
    assert given.message.endswith(RowWriter(known.contract, known.schema).write(row))


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"name": 1, "name": 2}', "{} {}"])
def test_what_is_no_json_object_is_told_with_its_form(text: str) -> None:
    with pytest.raises(InvalidInput, match="no JSON object") as caught:
        give(text)
    assert caught.value.where == "row.json"
    assert '"citizen_number": …' in caught.value.remedy


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ROW | {"nickname": "秘密"}, "has unknown nickname"),
        ({n: v for n, v in ROW.items() if n != "phone"}, "lacks phone"),
        ({"秘密": 1}, "names none of the items"),
    ],
)
def test_an_item_that_is_none_is_named_and_no_value(row: dict[str, Any], told: str) -> None:
    """R5.4: where no name is known it may be a value, so nothing of it is told."""
    with pytest.raises(InvalidInput, match=told) as caught:
        give(json.dumps(row))
    assert "citizen_number" in caught.value.remedy
    assert "秘密" not in str(caught.value)


@pytest.mark.parametrize(
    ("item", "value", "reason"),
    [
        ("birth_date", "1990-02-30", "not-a-date"),
        ("sex", "other", "not-one-of male|female|unknown|unspecified"),
        ("citizen_number", "110101199003070004", "no-citizen-number"),
        ("citizen_number", 7, "empty-key"),
        ("citizen_number", "\ud800", "not-unicode"),
        ("name", None, "must-not-be-null"),
    ],
)
def test_a_value_is_refused_as_publishing_refuses_it(item: str, value: Any, reason: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        give(json.dumps(ROW | {item: value}))
    assert caught.value.where == item
    assert caught.value.reason == reason


def test_it_is_made_as_the_source_whose_row_it_is() -> None:
    """R5.3."""
    sources = [
        acts.Source("civil-affairs", acts.SourceRows("prefix", ("44",))),
        acts.Source("justice", acts.SourceRows("prefix", ("11",))),
    ]
    given = event(publish(PERSON, sources=sources).state, ROW)
    assert given.source == "justice"
    assert b"justice" in given.message


def test_a_row_of_no_source_is_made_as_the_first_one() -> None:
    """Whoever judges it then finds a foreign row."""
    sources = [acts.Source("civil-affairs", acts.SourceRows("prefix", ("44",)))]
    assert event(publish(PERSON, sources=sources).state, ROW).source == "civil-affairs"
