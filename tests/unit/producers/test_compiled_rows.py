"""The function compiled for a contract does what the slow way does, and forgets no check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.row_source import RowSource
from producers.row_writer import RowWriter
from producers.value_source import KNOWN
from schemas.catalogue import Contract, packaged_resource, packaged_resources
from schemas.catalogue.identifiers import citizen_check_character
from schemas.errors import InvalidRecord
from tests.unit.producers.drawn_rows import values
from tests.unit.producers.slow_writer import write_slowly

ODD: Final[tuple[Any, ...]] = (
    *(None, "", "44", "440103", "x" * 70, "\udc00", "01", 7, True, 1.5, b"44"),
    *(date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)),
    *([], {}, {"division": "44"}, {"division": "44", "detail": 7}),
)
PERSON: Final[dict[str, Any]] = {
    "citizen_number": "44010319900101000" + citizen_check_character("44010319900101000"),
    "name": "合成",
    "sex": "female",
    "ethnicity": "01",
    "birth_date": date(1990, 1, 1),
    "registered_division": "440103",
    "registered_address": {"division": "440103001", "detail": "合成路1号"},
    "household_number": "440103000001",
    "householder_relation": "02",
    "phone": None,
}


@cache
def compiled(resource: str) -> tuple[Contract, dict[str, Any], RowWriter]:
    """Return one writer for all rows that are drawn, so that it has much to remember."""
    contract, schema = packaged_resource(resource)
    return contract, schema, RowWriter(contract, schema)


def told(write: Callable[[], bytes]) -> bytes | tuple[str, str]:
    """Return what is written, or item and reason of a refusal."""
    try:
        return write()
    except InvalidRecord as error:
        return error.where, error.reason


@pytest.mark.parametrize("resource", packaged_resources())
@given(data=st.data())
def test_the_compiled_function_does_what_its_law_does(resource: str, data: st.DataObject) -> None:
    """R13: the same bytes, the same item and reason of what is refused; and the second time."""
    contract, schema, writer = compiled(resource)
    row = {f["name"]: data.draw(values(f["type"], {})) for f in schema["fields"][1:]}
    if resource == "population.person":
        row = PERSON | {"phone": data.draw(st.sampled_from([None, "000-00000000", "1"]))}
    for _ in range(3):
        law = told(lambda: write_slowly(contract, schema, row))
        assert told(lambda: writer.write(row)) == law
        assert told(lambda: writer.write(row)) == law
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(st.sampled_from(ODD))


class Text(str):
    """A text of another class; whatever it equals."""


@pytest.mark.parametrize(
    ("item", "value", "reason"),
    [
        ("ethnicity", Text("01"), "not-a-text"),
        ("registered_division", Text("440103"), "not-a-text"),
        ("ethnicity", ["01"], "not-a-text"),
        ("ethnicity", "99", "not-in-gb-t-3304"),
        ("registered_division", "990103", "no-division-code"),
        ("birth_date", datetime(1990, 1, 1, tzinfo=UTC), "not-a-date"),
    ],
)
def test_what_was_taken_before_lets_nothing_else_through(
    item: str, value: object, reason: str
) -> None:
    """R13: remembering good values skips no check of another value."""
    writer = RowWriter(*packaged_resource("population.person"))
    for _ in range(2):
        writer.write(PERSON)
        assert told(lambda: writer.write(PERSON | {item: value})) == (item, reason)


def test_a_nested_record_may_be_any_mapping_of_its_names_and_nothing_else() -> None:
    """Nothing is filled in, and what is wrong inside is named by its path."""
    writer = RowWriter(*packaged_resource("population.person"))
    address = PERSON["registered_address"]
    plain = writer.write(PERSON)
    assert writer.write(PERSON | {"registered_address": MappingProxyType(address)}) == plain
    misfit = ("registered_address", "not-a-record-of detail|division")
    for wrong in (
        defaultdict(str, division="44"),
        {"division": "44", "x": ""},
        address | {"x": ""},
    ):
        refusal = told(lambda: writer.write(PERSON | {"registered_address": wrong}))  # noqa: B023
        assert refusal == misfit
    assert told(lambda: writer.write(PERSON | {"registered_address": address | {"detail": 7}})) == (
        "registered_address.detail",
        "not-a-text",
    )


def test_names_in_a_nested_record_are_of_its_own_namespace() -> None:
    """Avro 1.12, names: a short name means the enclosing namespace's type, whoever is called so."""
    contract, schema = packaged_resource("population.person")
    kind = {"type": "enum", "name": "Sex", "symbols": ["own", "rented"]}
    fields = [{"name": "division", "type": kind}, {"name": "detail", "type": "Sex"}]
    address = {"type": "record", "name": "Address", "namespace": "elsewhere", "fields": fields}
    for field in schema["fields"]:
        if field["name"] == "registered_address":
            field["type"] = ["null", address]
    row = PERSON | {"registered_address": {"division": "rented", "detail": "own"}}
    assert RowWriter(contract, schema).write(row) == write_slowly(contract, schema, row)


def test_a_long_text_in_a_record_has_its_length() -> None:
    """Nothing bounds a nested text but the record's size."""
    contract, schema = packaged_resource("population.person")
    row = PERSON | {"registered_address": {"division": "", "detail": "路" * 3000}}
    assert RowWriter(contract, schema).write(row) == write_slowly(contract, schema, row)


def test_only_so_many_values_are_remembered() -> None:
    """Memory does not grow with what a source sends."""
    written = RowSource(*packaged_resource("population.person"))
    remembered = written.scope["known_v4"]
    remembered.update(dict.fromkeys(range(KNOWN), b""))
    exec(written.text, written.scope)
    written.scope["write"](PERSON)
    assert len(remembered) == KNOWN


def test_a_member_of_an_enumeration_is_its_symbol() -> None:
    """A program that has symbols as a StrEnum need not turn them into texts."""
    sex = StrEnum("sex", ["FEMALE"])
    writer = RowWriter(*packaged_resource("population.person"))
    assert writer.write(PERSON | {"sex": sex.FEMALE}) == writer.write(PERSON)
