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
from tests.unit.contract_documents import (
    AREA,
    CODE,
    LAKE,
    item_with,
    lake,
    lake_of,
    lake_with,
    packaged_with,
)

ELEMENTS = [each["property"] for each in LAKE["customProperties"]]


def quality(declaration: str) -> dict[str, str]:
    """Return a check as ODCS writes one of an engine's own."""
    return {"type": "custom", "engine": "sharebus", "implementation": declaration}


def refused(document: object) -> str:
    """Return why a document is no contract."""
    with pytest.raises(InvalidContract) as caught:
        parse_contract(document, "lake.yaml")
    return str(caught.value)


def test_a_contract_that_keeps_the_rules_is_read() -> None:
    """R7: classification, responsible names, items and their share types are there."""
    contract = parse_contract(LAKE)
    assert contract.item("area").share is ShareType.CONDITIONAL
    assert contract.shared(ShareType.UNCONDITIONAL) == ("code",)


@pytest.mark.parametrize("field", list(LAKE))
def test_no_part_of_a_contract_may_be_missing(field: str) -> None:
    """R7: an entry says everything that the directory asks; the error names the part."""
    assert field in refused(lake(**{field: None}))


@pytest.mark.parametrize("element", ELEMENTS)
def test_no_core_element_may_be_missing(element: str) -> None:
    """R7: those of the 13 core elements that ODCS has no place for are asked for as well."""
    assert element in refused(lake_with(**{element: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "geography"},
        {"id": "Geography.Lake"},
        {"id": "a.b.c"},
        {"name": ""},
        {"description": {"purpose": "", "usage": "u"}},
        {"apiVersion": "v2.0.0"},
        {"kind": "Contract"},
        {"version": "1"},
        {"status": "good"},
        {"schema": []},
        {"slaProperties": LAKE["slaProperties"][1:]},
        {"slaProperties": [{"property": "frequency", "value": "sometimes"}]},
        {"slaProperties": [*LAKE["slaProperties"][:3], {"property": "timeToRepair", "value": "3"}]},
        {"customProperties": [*LAKE["customProperties"], LAKE["customProperties"][0]]},
        {"price": {"priceAmount": 10}},
    ],
    ids=repr,
)
def test_a_contract_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    """R7: values come from closed lists and bounds, and unknown fields are not passed over."""
    assert refused(lake(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "private"},
        {"directory": ["one"]},
        {"directoryCode": "1/1"},
        {"directoryCode": "401001/000001"},
        {"partitions": 0},
        {"partitions": 1001},
        {"publishedOn": "yesterday"},
        {"colour": "blue"},
    ],
    ids=repr,
)
def test_a_core_element_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    """R7: the elements come from closed lists and have their forms."""
    assert next(iter(changes)) in refused(lake_with(**changes))


def test_items_have_names_of_their_own() -> None:
    """Two items of one name would be one."""
    assert refused(lake_of(CODE, CODE | {"primaryKey": False}))
    assert refused(lake_of())


@pytest.mark.parametrize("keys", [(), ("code", "area")])
def test_exactly_one_item_is_the_key(keys: tuple[str, ...]) -> None:
    """A record's key is the value of one item."""
    items = [each | {"primaryKey": each["name"] in keys} for each in (CODE, AREA)]
    assert "primaryKey" in refused(lake_of(*items))


def test_the_key_is_required() -> None:
    """A record without its key has no place in a topic."""
    assert "key" in refused(lake_of(CODE | {"required": False}, AREA))


def test_base_items_of_a_base_resource_are_unconditional() -> None:
    """R10.2: base items are unconditional between departments; business items may not be."""
    assert "R10.2" in refused(packaged_with("geography.division", "area", group="base"))


@pytest.mark.parametrize(
    "declaration",
    ["code-list gb-t-0", "code-list", "citizen-number twice", "trust-me", "code-list a b"],
)
def test_an_item_s_check_that_is_none_is_named(declaration: str) -> None:
    """R13: a check that nobody can carry out would pass everything."""
    document = lake_of(CODE | {"quality": [quality(declaration)]}, AREA)
    assert "schema.Lake.properties.code" in refused(document)


@pytest.mark.parametrize(
    "declaration", ["in-order code", "in-order code depth", "sorted code area"]
)
def test_a_row_s_check_that_is_none_is_refused(declaration: str) -> None:
    """R13: a check names items that there are."""
    table = LAKE["schema"][0] | {"quality": [quality(declaration)]}
    assert refused(lake(schema=[table]))


@pytest.mark.parametrize("document", [None, [], "text", 3, {"items": "code"}])
def test_what_is_no_contract_at_all_is_refused(document: object) -> None:
    """Any JSON or YAML value is either a contract or an error, never a crash."""
    assert refused(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Code"},
        {"name": "c" * 41},
        {"businessName": ""},
        {"logicalType": "text"},
        {"logicalTypeOptions": {"pattern": "["}},
        {"logicalTypeOptions": {"format": "uuid"}},
        {"alias": "k"},
    ],
    ids=repr,
)
def test_an_item_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    """R7: name, title and type of an item are checked."""
    assert "schema.Lake.properties." in refused(lake_of(CODE | changes, AREA))


@pytest.mark.parametrize(
    "changes",
    [{"dataType": "X"}, {"dataLength": 0}, {"share": "secret"}, {"group": "other"}, {"hue": 1}],
    ids=repr,
)
def test_an_item_s_own_properties_out_of_form_are_refused(changes: dict[str, Any]) -> None:
    """R7: data type, length and share type of an item are checked."""
    reason = refused(lake_of(item_with(CODE, **changes), AREA))
    assert "schema.Lake.properties.code.customProperties" in reason


@pytest.mark.parametrize("kind", "CNYDTLMGBIF")
def test_every_data_type_of_the_directory_guide_is_known(kind: str) -> None:
    """R7: the guide's eleven item data types."""
    document = lake_of(CODE, item_with(AREA, dataType=kind))
    assert parse_contract(document).item("area").type == kind


def test_a_conditional_item_names_its_condition() -> None:
    """R9: conditional means that the entry says under which condition."""
    assert "R9" in refused(lake_of(CODE, item_with(AREA, condition=None)))


def test_an_entry_whose_items_differ_is_conditional_as_a_whole() -> None:
    """R9: and its unconditional items are still taken directly."""
    contract = parse_contract(LAKE)
    assert contract.share is ShareType.CONDITIONAL
    assert parse_contract(lake_of(CODE)).share is ShareType.UNCONDITIONAL


def test_an_item_that_is_not_shared_cites_its_basis() -> None:
    """R10.1: not shared must cite a basis."""
    reason = refused(lake_of(CODE, item_with(AREA, share="not_shared")))
    assert "R10.1" in reason
    assert "area" in reason


def closed(level: str, citation: str) -> dict[str, Any]:
    """Return an entry with an item that is not shared, with its basis."""
    basis = {"basisLevel": level, "basisCitation": citation}
    return lake_of(CODE, item_with(AREA, share="not_shared", condition=None, **basis))


@pytest.mark.parametrize("level", list(BasisLevel))
def test_a_law_a_regulation_or_a_central_policy_is_a_basis(level: BasisLevel) -> None:
    """R10.1: these three levels suffice."""
    contract = parse_contract(closed(str(level), "某法第一条"))
    assert contract.shared(ShareType.NOT_SHARED) == ("area",)


@pytest.mark.parametrize("level", ["departmental_rule", "local_regulation", ""])
def test_a_departmental_rule_or_local_regulation_is_no_basis(level: str) -> None:
    """R10.1: departmental rules and local regulations do not suffice."""
    assert "basisLevel" in refused(closed(level, "某规定第一条"))


def test_a_basis_has_a_citation() -> None:
    """R10.1: a level without a citation is none."""
    assert "basisCitation" in refused(closed("law", ""))


def test_a_refusal_says_where_and_does_not_quote_the_document() -> None:
    """R5.4: an error names the field, not what stood in it."""
    reason = refused(lake_with(partitions="440103199001011234"))
    assert "partitions" in reason
    assert "lake.yaml" in reason
    assert "440103" not in reason


def test_an_unknown_item_is_named_with_those_there_are() -> None:
    """The reader sees what to choose from."""
    with pytest.raises(UnknownName, match="code, area"):
        parse_contract(LAKE).item("depth")


def test_a_contract_survives_its_canonical_json() -> None:
    """The ledger keeps the contract as text; reading it gives the same contract and text."""
    contract = parse_contract(closed("law", "测绘法第三十八条"))
    text = contract_json(contract)
    assert parse_contract(json.loads(text)) == contract
    assert contract_json(parse_contract(json.loads(text))) == text


def test_canonical_json_does_not_depend_on_the_order_of_the_document() -> None:
    """Equal contracts have equal texts."""
    shuffled = dict(reversed(LAKE.items()))
    assert contract_json(parse_contract(shuffled)) == contract_json(parse_contract(LAKE))


def schema(contract: Contract) -> dict[str, Any]:
    """Return a change event's schema for a contract, its area nullable."""
    fields: list[dict[str, Any]] = [{"name": "envelope", "type": load_event_schema("envelope")}]
    fields += [{"name": "code", "type": "string"}, {"name": "area", "type": "double"}]
    return {"type": "record", "name": "Lake", "fields": fields}


def test_a_schema_with_envelope_and_items_in_order_fits() -> None:
    """A change event is the envelope, then the contract's items."""
    contract = parse_contract(LAKE)
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
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"][0]["type"]["fields"][place] |= changes
    with pytest.raises(InvalidContract, match="envelope"):
        check_schema(contract, found)


def test_an_envelope_may_be_documented_otherwise() -> None:
    """Documentation is not part of what an envelope means."""
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"][0]["type"]["fields"][0]["doc"] = "the event's id"
    check_schema(contract, found)


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2, 1], [0, 1], [1, 2]])
def test_a_schema_with_other_fields_is_refused(order: list[int]) -> None:
    """The error tells the order that the contract asks for."""
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"] = [found["fields"][i] for i in order]
    with pytest.raises(InvalidContract, match="envelope, code, area, in that order"):
        check_schema(contract, found)


@pytest.mark.parametrize(
    ("place", "avro"), [(1, ["null", "string"]), (2, ["null", "double"]), (2, "string"), (2, "int")]
)
def test_a_schema_whose_types_are_not_the_contract_s_is_refused(place: int, avro: Any) -> None:
    """R7: what the entry says of an item, null included, holds for its records."""
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"][place]["type"] = avro
    with pytest.raises(InvalidContract):
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
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"][1] |= changes
    with pytest.raises(InvalidContract):
        check_schema(contract, found)


def test_a_default_deep_inside_is_refused() -> None:
    """No default may stand in for what was not let through, at whatever depth."""
    contract = parse_contract(LAKE)
    found = schema(contract)
    inner = {"name": "km2", "type": "double", "default": 0.0}
    shape = {"type": "record", "name": "Area", "fields": [inner]}
    found["fields"][2]["type"] = ["double", shape]
    with pytest.raises(InvalidContract, match="default"):
        check_schema(contract, found)


def test_the_default_null_of_an_item_is_refused_in_a_first_version() -> None:
    """Only what comes with a later version has one; the registry would refuse it here."""
    contract = parse_contract(LAKE)
    found = schema(contract)
    found["fields"][2] |= {"type": ["null", "double"], "default": None}
    with pytest.raises(InvalidContract, match="first version: DEFAULT at area"):
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
    assert contract.shared(ShareType.CONDITIONAL) == ("area", "population")


@pytest.mark.parametrize("name", ["geography.moon", "", ".", "..", "../events"])
def test_an_unknown_resource_is_told_with_those_there_are(name: str) -> None:
    """A name that isn't in the list is never looked for among files."""
    with pytest.raises(UnknownName) as caught:
        packaged_resource(name)
    assert "geography.division" in caught.value.remedy
