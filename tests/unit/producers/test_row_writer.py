"""A row is checked before it is sent, and told what is wrong by item and reason."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from infra.clock import EventIds
from producers.change_events import ChangeEvents
from producers.encoding import Encoders
from producers.row_writer import RowWriter
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.clock import micros
from schemas.errors import InvalidRecord
from tests.unit.producers.drawn_rows import values

CHECKS = RowWriter(*packaged_resource("geography.division"))
ROW: dict[str, Any] = {
    "code": "440103",
    "name": "荔湾区",
    "level": "county",
    "parent": "4401",
    "path": ["广东省", "广州市", "荔湾区"],
    "area": 59.1,
    "population": None,
}


def refused(row: dict[str, Any]) -> InvalidRecord:
    """Return the error that a row is refused with."""
    with pytest.raises(InvalidRecord) as caught:
        CHECKS.write(row)
    return caught.value


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"area": None},
        {"area": 0},
        {"path": []},
        {"name": "区" * 100},
        *({"code": "1" * length} for length in (2, 4, 6, 9)),
        *({"parent": "1" * length} for length in (0, 2, 4, 6)),
    ],
    ids=repr,
)
def test_a_row_that_fits_is_taken(changes: dict[str, Any]) -> None:
    """R13: complete rows go out, with null where the schema has it and up to the full length."""
    CHECKS.write(ROW | changes)


@pytest.mark.parametrize(
    ("changes", "item", "reason"),
    [
        ({"code": ""}, "code", "empty-key"),
        ({"code": None}, "code", "empty-key"),
        ({"code": 440103}, "code", "empty-key"),
        ({"name": None}, "name", "must-not-be-null"),
        ({"path": None}, "path", "must-not-be-null"),
        ({"level": None}, "level", "must-not-be-null"),
        ({"code": "1" * 10}, "code", "not-1-to-9-long"),
        *[({"code": "1" * length}, "code", "out-of-form") for length in (1, 3, 5, 7, 8)],
        ({"code": "44010a"}, "code", "out-of-form"),
        *[({"parent": "1" * length}, "parent", "out-of-form") for length in (1, 3, 5, 7, 9)],
        ({"name": "区" * 101}, "name", "not-1-to-100-long"),
        ({"level": "street"}, "level", "not-one-of province|prefecture|county|township"),
        ({"level": ""}, "level", "not-one-of province|prefecture|county|township"),
        ({"area": float("nan")}, "area", "not-a-finite-number"),
        ({"area": float("-inf")}, "area", "not-a-finite-number"),
    ],
)
def test_a_bad_item_is_named_with_its_reason(
    changes: dict[str, Any], item: str, reason: str
) -> None:
    """R13: who mends the row knows where and what."""
    error = refused(ROW | changes)
    assert (error.where, error.reason) == (item, reason)


@pytest.mark.parametrize("value", [1.5, 2.0, True, "3"])
def test_what_the_encoder_would_cut_to_an_integer_is_refused(value: object) -> None:
    """R13: what is published is what the source holds; fastavro writes 1.5 as the long 1."""
    contract, schema = packaged_resource("geography.division")
    area = next(field for field in schema["fields"] if field["name"] == "area")
    area["type"] = ["null", "long"]
    checks = RowWriter(contract, schema)
    checks.write(ROW | {"area": 59})
    checks.write(ROW | {"area": None})
    with pytest.raises(InvalidRecord, match="not-an-integer"):
        checks.write(ROW | {"area": value})


def test_a_missing_item_is_named() -> None:
    """R13: an item that is left out is not the same as a null."""
    error = refused({name: value for name, value in ROW.items() if name != "area"})
    assert (error.where, error.reason) == ("area", "missing-or-unknown-item")


def test_an_unknown_item_is_named() -> None:
    """What the contract doesn't know is not silently dropped."""
    error = refused({**ROW, "mayor": "某人"})
    assert (error.where, error.reason) == ("mayor", "missing-or-unknown-item")


@pytest.mark.parametrize(
    "row",
    [
        {**ROW, "name": "张三的身份证440103199001011234" * 10},
        {**ROW, "level": "440103199001011234"},
        {**ROW, "code": "440103199001011234"},
        {**ROW, "mayor": "440103199001011234"},
    ],
)
def test_an_error_does_not_quote_the_row(row: dict[str, Any]) -> None:
    """R5.4: an error carries item and reason, never a value."""
    error = refused(row)
    assert "440103199001011234" not in f"{error} {error!r} {error.args}"


@pytest.mark.parametrize("key", ["", None, 7, b"44"])
def test_a_delete_needs_a_key(key: object) -> None:
    """A key is a text with something in it."""
    with pytest.raises(InvalidRecord) as caught:
        CHECKS.check_key(key)
    assert (caught.value.where, caught.value.reason) == ("code", "empty-key")


RESOURCES = packaged_resources()


@pytest.mark.parametrize("resource", RESOURCES)
@given(data=st.data())
def test_a_row_is_encoded_as_a_stock_library_encodes_it(resource: str, data: st.DataObject) -> None:
    """Avro 1.12: byte for byte what fastavro writes, for whatever fits the schema."""
    contract, schema = packaged_resource(resource)
    unchecked = replace(
        contract,
        items=tuple(replace(item, checks=()) for item in contract.items),
        row_checks=(),
    )
    fields = schema["fields"][1:]
    row = {field["name"]: data.draw(values(field["type"], {})) for field in fields}
    for item in contract.items:
        if isinstance(row[item.name], str) and not item.symbols:
            row[item.name] = row[item.name][: item.length]
    assume(row[contract.key])
    written = io.BytesIO()
    stock = fastavro.parse_schema({**schema, "fields": fields, "name": "Rows"})
    fastavro.schemaless_writer(written, stock, row, strict=True)
    assert RowWriter(unchecked, schema).write(row) == written.getvalue()


@pytest.mark.parametrize("resource", RESOURCES)
@given(data=st.data())
def test_whatever_is_written_keeps_every_declared_check(resource: str, data: st.DataObject) -> None:
    """R13: the compiled checks refuse exactly what the contract's own checks refuse."""
    contract, schema = packaged_resource(resource)
    row = {f["name"]: data.draw(values(f["type"], {})) for f in schema["fields"][1:]}
    assume(row[contract.key])
    held = all(
        check.holds(row[item.name])
        for item in contract.items
        for check in item.checks
        if row[item.name] is not None
    ) and all(check.check(row) for check in contract.row_checks)
    try:
        RowWriter(contract, schema).write(row)
    except InvalidRecord:
        assert not held
    else:
        assert held


def test_a_union_of_several_types_writes_its_index() -> None:
    """Avro 1.12: the branch that takes the value, in the union's order."""
    encode = Encoders().of(["null", "string", "long"], "x")
    assert (encode(None), encode("a"), encode(3)) == (b"\0", b"\2\2a", b"\4\6")
    with pytest.raises(InvalidRecord):
        encode(1.5)


def test_a_record_may_hold_itself() -> None:
    """A tree is written as a stock library writes it."""
    tree = {"type": "record", "name": "Tree", "fields": [
        {"name": "name", "type": "string"},
        {"name": "of", "type": {"type": "array", "items": "Tree"}},
    ]}  # fmt: skip
    value = {
        "name": "a",
        "of": [{"name": "b", "of": []}, {"name": "c", "of": [{"name": "d", "of": []}]}],
    }
    stock = io.BytesIO()
    fastavro.schemaless_writer(stock, tree, value)
    assert Encoders().of(tree, "tree")(value) == stock.getvalue()
    with pytest.raises(InvalidRecord):
        Encoders().of(tree, "tree")({"name": "a", "of": [{"name": "b", "of": [{"name": "c"}]}]})


@pytest.mark.parametrize(
    "value", [Decimal("1.005"), Decimal("NaN"), Decimal(10) ** 16, 1.5, "1", True]
)
def test_a_decimal_that_does_not_fit_is_refused(value: object) -> None:
    """What is published is what the source holds: nothing is rounded."""
    avro = {"type": "bytes", "logicalType": "decimal", "precision": 16, "scale": 2}
    with pytest.raises(InvalidRecord):
        Encoders().of(avro, "area")(value)


def test_an_envelope_is_what_a_stock_library_reads() -> None:
    """The envelope's numbers are the clock's microseconds, strictly increasing."""
    contract, schema = packaged_resource("geography.division")
    at = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)
    events = ChangeEvents(contract, schema, 7, "a", clock=lambda: micros(at), event_ids=EventIds())
    stock = fastavro.parse_schema(schema)
    read: list[dict[str, Any]] = []
    for _ in range(3):
        key, value = events.upsert(ROW)
        assert (key, value[:5]) == (b"440103", b"\0\0\0\0\7")
        decoded: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), stock, None)
        read.append(decoded)
    assert {name: read[0][name] for name in ROW} == ROW
    envelopes: list[dict[str, Any]] = [record["envelope"] for record in read]
    first = envelopes[0]["sequence"]
    assert [e["sequence"] - first for e in envelopes] == [0, 1, 2]
    assert {e["occurred_at"] for e in envelopes} == {at}
    ids = [UUID(bytes=e["event_id"]) for e in envelopes]
    assert {each.version for each in ids} == {7}
    assert len(set(ids)) == 3
