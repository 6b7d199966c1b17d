"""Samples of a kit are what the view would hold of nobody's records."""

from __future__ import annotations

import io
from datetime import date
from itertools import islice
from typing import Any

import fastavro
import pytest

from consumers.kit.made_up_rows import made_up_rows
from consumers.kit.samples import COUNT, Samples, view_samples
from producers.simulator.samples import sample_rows
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.policy import Match, Policy, RowFilter, parse_policy, view_schema

PERSON = "population.person"


def simulated(policy: Policy) -> Samples:
    """Return the samples of a packaged resource's view, as the kit command makes them."""
    contract, schema = packaged_resource(policy.resource)
    return view_samples(policy, schema, contract, sample_rows(policy))


def kept(resource: str, *rows: RowFilter) -> Policy:
    """Return the policy that keeps every item."""
    items = tuple(item.name for item in packaged_resource(resource)[0].items)
    return Policy(resource, Policy.kept(resource, items).actions, rows)


def check_decodes(policy: Policy, records: list[dict[str, Any]]) -> None:
    """Check that the records are exactly of the view's schema."""
    contract, schema = packaged_resource(policy.resource)
    view = view_schema(policy, schema, key_item=contract.key)
    fields = [field for field in view["fields"] if field["name"] != "envelope"]  # type: ignore[attr-defined]
    parsed = fastavro.parse_schema({**view, "fields": fields})
    for record in records:
        fastavro.schemaless_writer(io.BytesIO(), parsed, record, strict=True)


@pytest.mark.parametrize("resource", packaged_resources())
def test_samples_keep_the_contract_s_checks_and_come_again(resource: str) -> None:
    """A hundred records of every item, each as its provider could publish it."""
    policy = kept(resource)
    found = simulated(policy)
    assert (len(found.records), found.within_rows) == (COUNT, True)
    assert found == simulated(policy)
    check_decodes(policy, found.records)
    contract = packaged_resource(resource)[0]
    assert len({record[contract.key] for record in found.records}) == COUNT
    for record in found.records:
        for item in contract.items:
            value = record[item.name]
            assert value is None or all(check.holds(value) for check in item.checks), item.name
        assert all(check.check(record) for check in contract.row_checks)


def test_a_sample_s_items_belong_together() -> None:
    """The birth date is the citizen number's, which is given to nobody: its sequence is 000."""
    for record in simulated(kept(PERSON)).records:
        assert record["citizen_number"][6:17] == f"{record['birth_date']:%Y%m%d}000"


@pytest.mark.parametrize(
    ("resource", "rows"),
    [
        (PERSON, RowFilter("registered_division", Match.PREFIX, ("4403", "63"))),
        (PERSON, RowFilter("citizen_number", Match.PREFIX, ("440305",))),
        (PERSON, RowFilter("sex", Match.IN, ("female",))),
        (PERSON, RowFilter("birth_date", Match.RANGE, low="1950-01-01", high="1959-12-31")),
        ("geography.division", RowFilter("code", Match.PREFIX, ("63",))),
        ("geography.parcel", RowFilter("division", Match.PREFIX, ("44",))),
        ("licence.certificate", RowFilter("type_code", Match.IN, ("22", "31"))),
    ],
)
def test_samples_lie_in_the_policy_s_rows(resource: str, rows: RowFilter) -> None:
    """A subscriber of one city gets samples of that city, a full hundred."""
    found = simulated(kept(resource, rows))
    assert (len(found.records), found.within_rows) == (COUNT, True)
    for record in found.records:
        value = record[rows.item]
        if rows.match is Match.RANGE:
            assert date(1950, 1, 1) <= value <= date(1959, 12, 31)
        else:
            assert value.startswith(tuple(str(each) for each in rows.values))


def test_where_no_row_is_the_policy_s_others_are_shown_and_it_is_told() -> None:
    """A reader still sees the form."""
    found = simulated(kept(PERSON, RowFilter("name", Match.IN, ("查无此人",))))
    assert (len(found.records), found.within_rows) == (COUNT, False)


def test_samples_show_what_masks_and_pseudonyms_make() -> None:
    """A reader is written against what it will get; the samples' pseudonyms are no policy's."""
    policy = parse_policy(
        {
            "resource": PERSON,
            "items": {
                "citizen_number": "pseudonym",
                "name": {"mask": {"constant": "某"}},
                "birth_date": {"mask": {"date": "year"}},
                "registered_address.division": {"mask": {"digits": 2}},
            },
            "audience": {"department": "health", "key_version": 1},
        }
    )
    found = simulated(policy).records
    assert len(found) == COUNT
    check_decodes(policy, found)
    assert {frozenset(sample) for sample in found} == {
        frozenset(["citizen_number", "name", "birth_date", "registered_address"])
    }
    assert all(len(bytes.fromhex(sample["citizen_number"])) == 16 for sample in found)
    assert len({sample["citizen_number"] for sample in found}) == COUNT
    assert {sample["name"] for sample in found} == {"某"}
    assert {(it["birth_date"].month, it["birth_date"].day) for it in found} == {(1, 1)}
    divisions = [it["registered_address"]["division"] for it in found if it["registered_address"]]
    assert divisions
    assert all(len(division) == 2 and division.isdigit() for division in divisions)


@pytest.mark.parametrize("resource", packaged_resources())
def test_what_nobody_simulates_is_made_up_from_its_schema(resource: str) -> None:
    """A department's own resource has samples, too."""
    contract, schema = packaged_resource(resource)
    policy = kept(resource)
    found = view_samples(policy, schema, contract)
    assert (len(found.records), found.within_rows) == (COUNT, True)
    check_decodes(policy, found.records)


def test_an_entry_of_one_s_own_is_not_shown_another_s_rows() -> None:
    """A resource of the same name whose items are others, or whose checks the rows break."""
    contract, schema = packaged_resource(PERSON)
    rows = list(islice(sample_rows(kept(PERSON)), 20))
    broken = [row | {"phone": "none"} for row in rows]
    odd = [row | {"birth_date": "yesterday"} for row in rows]
    made_up = view_samples(kept(PERSON), schema, contract)
    assert view_samples(kept(PERSON), schema, contract, [*broken, *odd]) == made_up
    mixed = view_samples(kept(PERSON), schema, contract, [*broken, *odd, *rows])
    assert [each["phone"] for each in mixed.records] == [row["phone"] for row in rows]


def test_made_up_citizen_numbers_are_given_to_nobody() -> None:
    """Their sequence is 000."""
    contract, schema = packaged_resource(PERSON)
    for record in made_up_rows(schema, contract, 1, COUNT):
        assert record["citizen_number"][14:17] == "000"


def test_samples_of_a_recursive_type_end() -> None:
    """A tree has a depth, whatever the dice say."""
    contract, schema = packaged_resource(PERSON)
    node = {"type": "record", "name": "Node", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "of", "type": {"type": "array", "items": "Node"}},
    ]}  # fmt: skip
    fields = [
        {**field, "type": node} if field["name"] == "phone" else field for field in schema["fields"]
    ]
    policy = Policy.kept(PERSON, ["citizen_number", "phone"])
    found = view_samples(policy, {**schema, "fields": fields}, contract, (), 3).records
    assert len(found) == 3
    for sample in found:
        assert sample["phone"]["of"][1]["of"]
