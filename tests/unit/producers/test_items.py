"""A row is checked before it is sent, and told what is wrong by item and reason."""

from __future__ import annotations

from typing import Any

import pytest

from producers.items import ItemChecks
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidRecord

CHECKS = ItemChecks(*packaged_resource("geography.division"))
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
        CHECKS.check(row)
    return caught.value


@pytest.mark.parametrize(
    "changes",
    [{}, {"area": None}, {"area": 0}, {"parent": ""}, {"path": []}, {"name": "区" * 100}],
    ids=repr,
)
def test_a_row_that_fits_is_taken(changes: dict[str, Any]) -> None:
    """R13: complete rows go out, with null where the schema has it and up to the full length."""
    CHECKS.check(ROW | changes)


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
    checks = ItemChecks(contract, schema)
    checks.check(ROW | {"area": 59})
    checks.check(ROW | {"area": None})
    with pytest.raises(InvalidRecord, match="not-an-integer"):
        checks.check(ROW | {"area": value})


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
