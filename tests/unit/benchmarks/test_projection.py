"""What every contender has to write is worked out by fastavro; the strict reference agrees."""

from typing import Any

import pytest
from contest.cases import CASES
from contest.catalogue_entry import contract_of
from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, Routes, ViewJob
from contest.peers.masks import mask_of, pseudonym
from contest.records import FLAT, KEY, NESTED, SOURCE, Kind, events, prefix

from schemas.catalogue.avro import check_schema
from schemas.policy import parse_policy, view_schema
from schemas.policy.reference import project

SCHEMA_ID, VIEW_ID = 7, 9


def job_of(kind: Kind, policies: list[dict[str, Any]]) -> Job:
    views = tuple(
        ViewJob(
            f"view.{place}",
            4,
            VIEW_ID,
            view_schema(parse_policy(policy), kind.schema, key_item=KEY),
            tuple(policy.get("rows", {}).get("prefix", ())),
        )
        for place, policy in enumerate(policies)
    )
    return Job("", "", "", "", "", 4, "accepted", kind.schema, KEY, views, 100)


@pytest.mark.parametrize("kind", [FLAT, NESTED], ids=["flat", "nested"])
def test_a_kind_of_record_is_a_catalogue_entry(kind: Kind) -> None:
    check_schema(contract_of(kind), kind.schema)


@pytest.mark.parametrize("name", ["flat-8", "nested-40", "limited-10"])
def test_fastavro_gives_what_the_strict_reference_gives(name: str) -> None:
    case = next(case for case in CASES if case.name == name)
    policies = list(case.policies)
    projection = FastavroViews(job_of(case.kind, policies))
    compared = 0
    for key, message in events(case.kind, SCHEMA_ID, 20, case.divisions, 3):
        found = {place: (k, m) for place, k, m in projection.outputs(key, message)}
        for place, policy in enumerate(policies):
            expected = project(
                parse_policy(policy),
                case.kind.schema,
                schema_id=SCHEMA_ID,
                key_item=KEY,
                key=key,
                message=message,
                resource=case.kind.resource,
                sources=[SOURCE],
                view_schema_id=VIEW_ID,
            )
            assert found.get(place) == (None if expected is None else (key, expected))
            compared += expected is not None
    assert compared >= 20


def test_routes_follow_the_views_that_match() -> None:
    limited = [ViewJob("", 1, 0, {}, (prefix(number),)) for number in range(3)]
    routes = Routes((ViewJob("", 4, 0, {}), *limited))
    assert routes.of(f"{prefix(1)}00000000".encode()) == [0, 2]
    assert routes.of(b"99999900000000") == [0]


DATE = {"type": "int", "logicalType": "date"}


@pytest.mark.parametrize(
    ("mask", "avro", "value", "expected"),
    [
        ({"constant": "某"}, "string", "合成", "某"),
        ({"first": 3, "last": 4}, "string", "00012345678", "000****5678"),
        ({"first": 1, "last": 0}, "string", "合成人", "合**"),
        ({"first": 3, "last": 4}, "string", "1234567", "*******"),
        ({"date": "year"}, DATE, 20_454 + 200, 20_454),
        ({"date": "year"}, DATE, -1, -365),
        ({"digits": 4}, "string", "440103", "4401"),
        ({"band": 1000}, "long", 1999, 1000),
        ({"band": 1000}, "long", -1, -1000),
    ],
)
def test_masks_on_the_values_of_the_wire(mask: Any, avro: Any, value: Any, expected: Any) -> None:
    assert mask_of({"mask": mask}, avro, b"")(value) == expected


def test_a_pseudonym_depends_on_its_key() -> None:
    first, second = (pseudonym(b"text", bytes([number]) * 32) for number in range(2))
    assert len(first) == 32
    assert first != second
