"""The resource folders hold together: contract, schema versions and examples, no orphans."""

from __future__ import annotations

import io
import json
import uuid
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import fastavro
import pytest
from open_data_contract_standard.model import OpenDataContractStandard

from schemas.catalogue import packaged_resource, packaged_resources
from schemas.catalogue.avro import type_name, without_null
from schemas.codec import load_event_schema
from schemas.policy.reference import examine

ROOT: Final = files("schemas").joinpath("resources")
EXAMPLES: Final = [
    (resource, file.name)
    for resource in packaged_resources()
    for file in ROOT.joinpath(resource, "examples").iterdir()
]


def example(resource: str, name: str) -> dict[str, Any]:
    """Return an example as the record that is encoded."""
    text = ROOT.joinpath(resource, "examples", name).read_text("utf-8")
    _, schema = packaged_resource(resource)
    record: dict[str, Any] = from_json(schema, json.loads(text))
    return record


def from_json(avro: Any, value: Any) -> Any:
    """Return a value as fastavro takes it: dates, decimals and bytes stand as text in JSON."""
    inner = without_null(avro)
    if value is None:
        return None
    match type_name(inner):
        case "record":
            return {f["name"]: from_json(f["type"], value[f["name"]]) for f in inner["fields"]}
        case "array":
            return [from_json(inner["items"], each) for each in value]
        case "uuid":
            return uuid.UUID(value).bytes
        case "date":
            return date.fromisoformat(value)
        case "timestamp-micros" | "timestamp-millis":
            return datetime.fromisoformat(value)
        case "decimal":
            return Decimal(value)
        case "fixed":
            return bytes.fromhex(value)
    return value


def names(folder: Traversable) -> set[str]:
    """Return what lies in a folder."""
    return {entry.name for entry in folder.iterdir()}


def undocumented(schema: Any) -> Any:
    """Return a schema without its doc strings."""
    if isinstance(schema, list):
        return [undocumented(part) for part in schema]
    if isinstance(schema, dict):
        return {name: undocumented(part) for name, part in schema.items() if name != "doc"}
    return schema


@pytest.mark.parametrize(("resource", "name"), EXAMPLES)
def test_an_example_is_a_change_event_that_enforcement_takes(resource: str, name: str) -> None:
    """An example encodes, passes every check of the strict reference, and decodes to itself."""
    contract, schema = packaged_resource(resource)
    record = example(resource, name)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), record, strict=True)
    examine(
        schema,
        schema_id=None,
        key_item=contract.key,
        key=record[contract.key].encode(),
        message=buffer.getvalue(),
        resource=resource,
        sources=[record["envelope"]["source"]],
    )
    buffer.seek(0)
    assert fastavro.schemaless_reader(buffer, fastavro.parse_schema(schema), None) == record


@pytest.mark.parametrize(("resource", "name"), EXAMPLES)
def test_an_example_keeps_its_contract(resource: str, name: str) -> None:
    """R13: every check that the contract declares passes."""
    contract, _ = packaged_resource(resource)
    record = example(resource, name)
    for item in contract.items:
        for check in item.checks:
            assert record[item.name] is None or check.holds(record[item.name]), check
    assert all(check.check(record) for check in contract.row_checks)


@pytest.mark.parametrize("resource", packaged_resources())
def test_an_entry_is_a_document_of_the_standard(resource: str) -> None:
    """ODCS v3.1: the standard's own model reads what is written here."""
    text = ROOT.joinpath(resource, "contract.yaml").read_text("utf-8")
    assert OpenDataContractStandard.from_string(text).apiVersion == "v3.1.0"


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_resource_has_at_least_two_examples(resource: str) -> None:
    """One alone shows no difference."""
    assert len([name for owner, name in EXAMPLES if owner == resource]) >= 2


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_resource_s_folder_holds_nothing_that_nobody_names(resource: str) -> None:
    """Contract, the schema that it names, JSON examples: no orphans."""
    contract, _ = packaged_resource(resource)
    folder = ROOT.joinpath(resource)
    assert names(folder) == {"contract.yaml", contract.schema_file, "examples"}
    assert all(name.endswith(".json") for name in names(folder.joinpath("examples")))


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_resource_s_envelope_is_the_bus_s(resource: str) -> None:
    """A delete's header and a record's first field are the same record."""
    _, schema = packaged_resource(resource)
    assert undocumented(schema["fields"][0]["type"]) == undocumented(load_event_schema("envelope"))


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_schema_s_namespace_is_the_project_s(resource: str) -> None:
    """Full names don't collide with another owner's."""
    _, schema = packaged_resource(resource)
    assert schema["namespace"].startswith("sharebus.")
