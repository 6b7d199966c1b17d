"""Catalogue entries keep the rule, or are refused with the rule's number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.catalogue import (
    BasisLevel,
    Contract,
    ShareType,
    check_schema,
    contract_json,
    packaged_resource,
    packaged_resources,
    parse_contract,
)
from schemas.codec import load_event_schema
from schemas.errors import InvalidContract, UnknownName

CODE: dict[str, Any] = {
    "name": "code", "title": "代码", "type": "C", "length": 9, "share": "unconditional"
}  # fmt: skip
AREA: dict[str, Any] = {
    "name": "area", "title": "面积", "type": "B", "length": 18, "share": "conditional",
    "condition": "说明用途",
}  # fmt: skip
CLOSED: dict[str, Any] = {
    **AREA, "share": "not_shared", "basis": {"level": "law", "citation": "测绘法第三十八条"}
}  # fmt: skip
ENTRY: dict[str, Any] = {
    "resource": "geography.lake",
    "name": "湖泊",
    "summary": "全国湖泊的代码与面积。",
    "category": "department",
    "update_cycle": "yearly",
    "schema": "v1.avsc",
    "key": "code",
    "partitions": 2,
    "items": [CODE, AREA],
}


def entry(**changes: Any) -> dict[str, Any]:
    """Return a contract's document with changes; None takes a field away."""
    return {name: value for name, value in (ENTRY | changes).items() if value is not None}


def refused(document: object) -> str:
    """Return why a document is no contract."""
    with pytest.raises(InvalidContract) as caught:
        parse_contract(document, "lake.yaml")
    return str(caught.value)


def test_a_contract_that_keeps_the_rules_is_read() -> None:
    """R7: classification, responsible names, items and their share types are there."""
    contract = parse_contract(ENTRY)
    assert contract.item("area").share is ShareType.CONDITIONAL
    assert contract.shared(ShareType.UNCONDITIONAL) == ("code",)


@pytest.mark.parametrize("field", [name for name in ENTRY if name != "items"] + ["items"])
def test_no_part_of_a_contract_may_be_missing(field: str) -> None:
    """R7: an entry says everything that the directory asks; the error names the part."""
    assert field in refused(entry(**{field: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": "geography"},
        {"resource": "Geography.Lake"},
        {"resource": "geo_graphy.lake"},
        {"resource": "a.b.c"},
        {"name": ""},
        {"summary": ""},
        {"category": "private"},
        {"update_cycle": "sometimes"},
        {"schema": "../v1.avsc"},
        {"key": "name"},
        {"partitions": 0},
        {"partitions": 1001},
        {"items": []},
        {"items": [CODE, CODE]},
        {"price": 10},
    ],
    ids=repr,
)
def test_a_contract_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    """R7: values come from closed lists and bounds, and unknown fields are not passed over."""
    assert refused(entry(**changes))


@pytest.mark.parametrize("document", [None, [], "text", 3, {"items": "code"}])
def test_what_is_no_contract_at_all_is_refused(document: object) -> None:
    """Any JSON or YAML value is either a contract or an error, never a crash."""
    assert refused(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Code"},
        {"name": "c" * 41},
        {"title": ""},
        {"type": "X"},
        {"length": 0},
        {"share": "secret"},
        {"alias": "k"},
    ],
    ids=repr,
)
def test_an_item_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    """R7: name, title, data type, length and share type of an item are checked."""
    assert "items.0" in refused(entry(items=[CODE | changes, AREA]))


@pytest.mark.parametrize("kind", "CNYDTLMGBIF")
def test_every_data_type_of_the_directory_guide_is_known(kind: str) -> None:
    """R7: the guide's eleven item data types."""
    assert parse_contract(entry(items=[CODE, AREA | {"type": kind}])).item("area").type == kind


def test_a_conditional_item_names_its_condition() -> None:
    """R9: conditional means that the entry says under which condition."""
    assert "R9" in refused(entry(items=[CODE, {**AREA, "condition": ""}]))


def test_an_item_that_is_not_shared_cites_its_basis() -> None:
    """R10.1: not shared must cite a basis."""
    reason = refused(entry(items=[CODE, {**AREA, "share": "not_shared"}]))
    assert "R10.1" in reason
    assert "area" in reason


@pytest.mark.parametrize("level", list(BasisLevel))
def test_a_law_a_regulation_or_a_central_policy_is_a_basis(level: BasisLevel) -> None:
    """R10.1: these three levels suffice."""
    item = {**CLOSED, "basis": {"level": str(level), "citation": "某法第一条"}}
    assert parse_contract(entry(items=[CODE, item])).shared(ShareType.NOT_SHARED) == ("area",)


@pytest.mark.parametrize("level", ["departmental_rule", "local_regulation", ""])
def test_a_departmental_rule_or_local_regulation_is_no_basis(level: str) -> None:
    """R10.1: departmental rules and local regulations do not suffice."""
    item = {**CLOSED, "basis": {"level": level, "citation": "某规定第一条"}}
    assert "basis.level" in refused(entry(items=[CODE, item]))


def test_a_basis_has_a_citation() -> None:
    """R10.1: a level without a citation is none."""
    item = {**CLOSED, "basis": {"level": "law", "citation": ""}}
    assert "citation" in refused(entry(items=[CODE, item]))


def test_a_refusal_says_where_and_does_not_quote_the_document() -> None:
    """R5.4: an error names the field, not what stood in it."""
    reason = refused(entry(partitions="440103199001011234"))
    assert "partitions" in reason
    assert "lake.yaml" in reason
    assert "440103" not in reason


def test_an_unknown_item_is_named_with_those_there_are() -> None:
    """The reader sees what to choose from."""
    with pytest.raises(UnknownName, match="code, area"):
        parse_contract(ENTRY).item("depth")


def test_a_contract_survives_its_canonical_json() -> None:
    """The ledger keeps the contract as text; reading it gives the same contract and text."""
    contract = parse_contract(entry(items=[CODE, CLOSED]))
    text = contract_json(contract)
    assert parse_contract(json.loads(text)) == contract
    assert contract_json(parse_contract(json.loads(text))) == text


def test_canonical_json_does_not_depend_on_the_order_of_the_document() -> None:
    """Equal contracts have equal texts."""
    shuffled = dict(reversed(ENTRY.items()))
    assert contract_json(parse_contract(shuffled)) == contract_json(parse_contract(ENTRY))


def schema(contract: Contract) -> dict[str, Any]:
    """Return a change event's schema for a contract, its area nullable."""
    fields: list[dict[str, Any]] = [{"name": "envelope", "type": load_event_schema("envelope")}]
    fields += [{"name": item.name, "type": "string"} for item in contract.items]
    return {"type": "record", "name": "Lake", "fields": fields}


def test_a_schema_with_envelope_and_items_in_order_fits() -> None:
    """A change event is the envelope, then the contract's items."""
    contract = parse_contract(ENTRY)
    check_schema(contract, schema(contract))


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"type": "bytes"}),
        (1, {"type": "int"}),
        (2, {"name": "origin"}),
        (4, {"type": "long"}),
    ],
)
def test_a_schema_with_another_envelope_is_refused(place: int, changes: dict[str, Any]) -> None:
    """Every change event says in the same way what it is, from whom, and when."""
    contract = parse_contract(ENTRY)
    found = schema(contract)
    found["fields"][0]["type"]["fields"][place] |= changes
    with pytest.raises(InvalidContract, match="envelope"):
        check_schema(contract, found)


def test_an_envelope_may_be_documented_otherwise() -> None:
    """Documentation is not part of what an envelope means."""
    contract = parse_contract(ENTRY)
    found = schema(contract)
    found["fields"][0]["type"]["fields"][0]["doc"] = "the event's id"
    check_schema(contract, found)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1], [0, 1], [1, 2]])
def test_a_schema_with_other_fields_is_refused(order: list[int]) -> None:
    """The error tells the order that the contract asks for."""
    contract = parse_contract(ENTRY)
    found = schema(contract)
    found["fields"] = [found["fields"][i] for i in order]
    with pytest.raises(InvalidContract, match="envelope, code, area, in that order"):
        check_schema(contract, found)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "long"},
        {"type": ["null", "string"]},
        {"default": ""},
        {"aliases": ["id"]},
        {"type": "Unheard"},
    ],
    ids=repr,
)
def test_a_schema_whose_key_can_t_be_compared_is_refused(changes: dict[str, Any]) -> None:
    """The key item is a plain string without default or alias."""
    contract = parse_contract(ENTRY)
    found = schema(contract)
    found["fields"][1] |= changes
    with pytest.raises(InvalidContract):
        check_schema(contract, found)


def test_a_default_deep_inside_is_refused() -> None:
    """No default may stand in for what was not let through, at whatever depth."""
    contract = parse_contract(ENTRY)
    found = schema(contract)
    inner = {"name": "km2", "type": "double", "default": 0.0}
    found["fields"][2]["type"] = {"type": "record", "name": "Area", "fields": [inner]}
    with pytest.raises(InvalidContract, match="default"):
        check_schema(contract, found)


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_packaged_resource_keeps_every_rule(resource: str) -> None:
    """What comes with the project can be published as it is."""
    contract, _ = packaged_resource(resource)
    assert contract.resource == resource


def test_geography_is_packaged() -> None:
    """R10.2: natural resources and spatial geography is a base resource."""
    contract, _ = packaged_resource("geography.division")
    assert contract.category == "base"
    assert contract.shared(ShareType.CONDITIONAL) == ("area",)


@pytest.mark.parametrize("name", ["geography.moon", "", ".", "..", "../events"])
def test_an_unknown_resource_is_told_with_those_there_are(name: str) -> None:
    """A name that isn't in the list is never looked for among files."""
    with pytest.raises(UnknownName) as caught:
        packaged_resource(name)
    assert "geography.division" in caught.value.remedy
