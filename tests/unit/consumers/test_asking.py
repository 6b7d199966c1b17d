"""A request's policy: what a file may leave out, what is granted at once, what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.asking import direct_part, policy_of_file, policy_of_options
from consumers.commands.request import request
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput, InvalidPolicy
from schemas.ledger.published import Resource, Version
from schemas.policy import Audience, Keep, Match, Policy, RowFilter, parse_policy
from schemas.policy.wording import changes, item_words, rows_words

PERSON = "population.person"
CONTRACT, SCHEMA = packaged_resource(PERSON)
VERSION = Version(1, CONTRACT, SCHEMA, 7, ready=True)
RESOURCE = Resource("civil-affairs", {"civil-affairs": None}, (VERSION,))


def read(folder: Path, document: object) -> Policy:
    file = folder / "policy.json"
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    file.write_text(text, "utf-8")
    return policy_of_file(file, RESOURCE, "health")


def test_the_help_s_own_example_is_one(tmp_path: Path) -> None:
    """What people copy from `--help` works on the packaged entry of persons."""
    told = request.__doc__ or ""
    example = " ".join(told[told.index("{") : told.index("Other masks")].split())
    policy = read(tmp_path, example)
    assert policy.resource == PERSON
    assert policy.audience == Audience("health", 1)
    assert policy.document()["items"] == json.loads(example)["items"]
    assert rows_words(policy) == ("birth_date 从 1950-01-01，且 registered_division 以 44 开头")
    assert changes(policy) == [
        "birth_date 遮蔽（到年）",
        "citizen_number 假名化",
        "name 遮蔽（保留前1位）",
        "phone 遮蔽（保留前3后4位）",
        "registered_division 遮蔽（前4位）",
    ]


def test_every_action_and_condition_has_its_words() -> None:
    """The dictionary and the lists say in Chinese what is done."""
    policy = parse_policy(
        {
            "resource": PERSON,
            "items": {
                "a": {"mask": {"constant": "某"}},
                "b": {"mask": {"constant": True}},
                "c": {"mask": {"band": 100}},
                "d": {"mask": {"date": "month"}},
                "e": {"mask": {"last": 2}},
                "f.g": "keep",
                "f.h": {"mask": {"first": 1}},
            },
            "rows": [
                {"item": "i", "range": {"from": 1, "to": 2}},
                {"item": "j", "range": {"to": 2}},
                {"item": "k", "in": [True, False]},
            ],
        }
    )
    assert [item_words(policy, item) for item in "abcdefz"] == [
        "遮蔽（固定值 某）",
        "遮蔽（固定值 是）",
        "遮蔽（按100分档）",
        "遮蔽（到月）",
        "遮蔽（保留后2位）",
        "g 保留；h 遮蔽（保留前1位）",
        "不提供",
    ]
    assert rows_words(policy) == "i 从 1 到 2，且 j 到 2，且 k 为 否、是"
    assert rows_words(Policy.kept(PERSON, ["a"])) == "全部"


def test_the_audience_is_who_asks_where_something_is_pseudonymised(tmp_path: Path) -> None:
    """A key that isn't kept is a pseudonym too; an audience that is given stays."""
    number = CONTRACT.key
    assert read(tmp_path, {"items": {number: "keep"}}).audience is None
    assert read(tmp_path, {"items": {"sex": "keep"}}).audience == Audience("health", 1)
    given = {"items": {"sex": "keep"}, "audience": {"department": "health", "key_version": 3}}
    assert read(tmp_path, given).audience == Audience("health", 3)


def test_instants_and_numbers_are_put_in_their_one_form(tmp_path: Path) -> None:
    """The ledger takes no other, so that equal requests share a view."""
    moment = {"type": "long", "logicalType": "timestamp-millis"}
    fields = [
        {**field, "type": moment} if field["name"] == "phone" else field
        for field in SCHEMA["fields"]
    ]
    resource = replace(RESOURCE, versions=(replace(VERSION, schema={**SCHEMA, "fields": fields}),))
    file = tmp_path / "policy.json"
    rows = [{"item": "phone", "range": {"from": "2026-01-31T08:00:00.500+08:00"}}]
    file.write_text(json.dumps({"items": {"citizen_number": "keep"}, "rows": rows}), "utf-8")
    assert policy_of_file(file, resource, "health").rows == (
        RowFilter("phone", Match.RANGE, low="2026-01-31T00:00:00.5Z"),
    )


def test_the_area_of_a_division_is_asked_by_bands_and_in_a_range(tmp_path: Path) -> None:
    """A double; what it can't be chosen by is refused with what it can."""
    contract, schema = packaged_resource("geography.division")
    resource = replace(RESOURCE, versions=(replace(VERSION, contract=contract, schema=schema),))
    file = tmp_path / "policy.json"
    asked: dict[str, Any] = {
        "items": {"code": "keep", "area": {"mask": {"band": 100}}},
        "rows": [{"item": "area", "range": {"from": 100, "to": 100_000}}],
    }
    file.write_text(json.dumps(asked), "utf-8")
    policy = policy_of_file(file, resource, "health")
    assert changes(policy) == ["area 遮蔽（按100分档）"]
    assert rows_words(policy) == "area 从 100 到 100000"
    for operator, says in (("in", "operators are range"), ("prefix", "operators are range")):
        asked["rows"] = [{"item": "area", operator: [100] if operator == "in" else ["1"]}]
        file.write_text(json.dumps(asked), "utf-8")
        with pytest.raises(InvalidPolicy) as caught:
            policy_of_file(file, resource, "health")
        assert says in caught.value.remedy


@pytest.mark.parametrize(
    "document",
    [
        "no JSON",
        "[]",
        '{"items": {"sex": "keep", "sex": "keep"}}',
        {"items": {"citizen_number": "keep"}, "resource": "legal_entity.organisation"},
        {"items": {"citizen_number": "keep", "colour": "keep"}},
        {"items": {"citizen_number": "keep", "sex": {"mask": {"first": 1}}}},
        {"items": {"citizen_number": "keep"}, "rows": {"item": "sex", "in": ["mail"]}},
        {"items": ["citizen_number"]},
    ],
)
def test_what_can_t_be_granted_is_refused_before_it_is_asked(
    tmp_path: Path, document: object
) -> None:
    """With the place in the file, before anything is written to the ledger."""
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, document)
    assert caught.value.where or caught.value.remedy


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Nor is what isn't UTF-8 a policy."""
    missing = tmp_path / "missing.json"
    with pytest.raises(InvalidInput, match="UTF-8") as caught:
        policy_of_file(missing, RESOURCE, "health")
    assert caught.value.where == str(missing)
    missing.write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="UTF-8"):
        policy_of_file(missing, RESOURCE, "health")


def test_options_keep_items_and_filter_by_the_key() -> None:
    """The short way: every unconditional item, or the ones named; keys or prefixes of keys."""
    everything = policy_of_options(CONTRACT, "", "", "")
    assert set(everything.items) == {
        item.name for item in CONTRACT.items if item.share == "unconditional"
    }
    policy = policy_of_options(CONTRACT, "citizen_number, name", "44,31", "")
    assert dict(policy.actions) == {"citizen_number": Keep(), "name": Keep()}
    assert policy.rows == (RowFilter("citizen_number", Match.PREFIX, ("31", "44")),)
    with pytest.raises(InvalidInput, match="together"):
        policy_of_options(CONTRACT, "", "44", "1")
    with pytest.raises(InvalidPolicy):
        policy_of_options(CONTRACT, "", " , ", "")


def test_the_unconditional_part_is_asked_for_alone(tmp_path: Path) -> None:
    """R9: with its masks and rows; nobody waits for a provider for it."""
    items: dict[str, Any] = {
        "citizen_number": "keep",
        "name": {"mask": {"first": 1}},
        "registered_address.division": "keep",
        "phone": {"mask": {"last": 4}},
    }
    rows = {"item": "registered_division", "prefix": ["44"]}
    policy = read(tmp_path, {"items": items, "rows": rows})
    [part] = direct_part(CONTRACT, policy)
    assert part.items == ("citizen_number", "name")
    assert part.rows == policy.rows
    assert part.actions == tuple(pair for pair in policy.actions if pair[0] in part.items)


@pytest.mark.parametrize(
    ("items", "rows"),
    [
        ({"citizen_number": "keep", "name": "keep"}, None),
        ({"citizen_number": "keep", "phone": "keep"}, None),
        ({"citizen_number": "keep", "name": "keep", "phone": "keep"}, "household_number"),
    ],
    ids=["nothing conditional", "nothing but the key", "rows that tell of a conditional item"],
)
def test_nothing_is_asked_for_alone_where_there_is_no_part(
    tmp_path: Path, items: dict[str, str], rows: str | None
) -> None:
    """Whether a row is let through tells of the item that it is filtered by."""
    document: dict[str, Any] = {"items": items}
    if rows:
        document["rows"] = {"item": rows, "prefix": ["1"]}
    assert direct_part(CONTRACT, read(tmp_path, document)) == []


def test_the_part_names_an_audience_only_where_it_pseudonymises(tmp_path: Path) -> None:
    """So that others can share its view."""
    items = {"citizen_number": "keep", "name": "keep", "phone": "pseudonym"}
    [part] = direct_part(CONTRACT, read(tmp_path, {"items": items}))
    assert part.audience is None
    items["citizen_number"] = "pseudonym"
    [part] = direct_part(CONTRACT, read(tmp_path, {"items": items}))
    assert part.audience == Audience("health", 1)
