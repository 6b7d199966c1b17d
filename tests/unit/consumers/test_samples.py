"""Samples of a kit fit every packaged resource's view, and are nobody's."""

from __future__ import annotations

import io
import json

import fastavro
import pytest

from consumers.kit.samples import samples, view_samples
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.policy import Policy, parse_policy, view_schema


@pytest.mark.parametrize("resource", packaged_resources())
def test_samples_fit_the_view_s_schema_and_come_again(resource: str) -> None:
    """A hundred records of every item, the same for the same seed."""
    contract, schema = packaged_resource(resource)
    items = tuple(item.name for item in contract.items)
    view = view_schema(Policy.kept(resource, items), schema, key_item=contract.key)
    found = list(samples(view, contract, 1))
    assert repr(found) == repr(list(samples(view, contract, 1)))
    assert len(found) == 100
    fields = [field for field in view["fields"] if field["name"] != "envelope"]  # type: ignore[attr-defined]
    parsed = fastavro.parse_schema({**view, "fields": fields})
    for record in found:
        fastavro.schemaless_writer(io.BytesIO(), parsed, record, strict=True)


def test_citizen_numbers_are_given_to_nobody() -> None:
    """Their sequence is 000."""
    contract, schema = packaged_resource("population.person")
    for record in samples(schema, contract, 1):
        assert record["citizen_number"][14:17] == "000"


def test_samples_show_what_masks_and_pseudonyms_make() -> None:
    """A reader is written against what it will get; the samples' pseudonyms are no policy's."""
    contract, schema = packaged_resource("population.person")
    policy = parse_policy(
        {
            "resource": "population.person",
            "items": {
                "citizen_number": "pseudonym",
                "name": {"mask": {"constant": "某"}},
                "birth_date": {"mask": {"date": "year"}},
                "registered_address.division": {"mask": {"digits": 2}},
            },
            "audience": {"department": "health", "key_version": 1},
        }
    )
    found = list(view_samples(policy, schema, contract, 1))
    assert len(found) == 100
    assert {frozenset(sample) for sample in found} == {
        frozenset(["citizen_number", "name", "birth_date", "registered_address"])
    }
    assert all(len(bytes.fromhex(sample["citizen_number"])) == 16 for sample in found)
    assert len({sample["citizen_number"] for sample in found}) == 100
    assert {sample["name"] for sample in found} == {"某"}
    assert {(it["birth_date"].month, it["birth_date"].day) for it in found} == {(1, 1)}
    addresses = {json.dumps(sample["registered_address"]) for sample in found}
    assert addresses == {"null", '{"division": "\\u6837\\u4f8b"}'}


def test_samples_of_a_recursive_type_end() -> None:
    """A tree has a depth, whatever the dice say."""
    contract, schema = packaged_resource("population.person")
    node = {"type": "record", "name": "Node", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "of", "type": {"type": "array", "items": "Node"}},
    ]}  # fmt: skip
    fields = [
        {**field, "type": node} if field["name"] == "phone" else field for field in schema["fields"]
    ]
    policy = Policy.kept("population.person", ["citizen_number", "phone"])
    for sample in view_samples(policy, {**schema, "fields": fields}, contract, 1, 3):
        assert sample["phone"]["of"][1]["of"]
