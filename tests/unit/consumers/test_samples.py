"""Samples of a kit fit every packaged resource's view, and are nobody's."""

from __future__ import annotations

import io

import fastavro
import pytest

from consumers.kit.dictionary import HEADINGS, code_tables, dictionary_rows
from consumers.kit.samples import samples
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.policy import Policy, view_schema


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


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_dictionary_says_each_delivered_item_and_no_other(resource: str) -> None:
    """With the code lists that it uses."""
    contract, _ = packaged_resource(resource)
    delivered = [item.name for item in contract.items][::2]
    rows = dictionary_rows(contract, delivered)
    assert [row[0] for row in rows] == delivered
    assert {len(row) for row in rows} == {len(HEADINGS)}
    titles = {title for title, _, _ in code_tables(contract, delivered)}
    assert {name for row in rows for name in row[-1].split("、") if name} == titles
