"""One policy has one canonical form, whatever order and repetition it was written with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError
from random import Random

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidPolicy
from schemas.policy import Match, Policy, RowFilter, parse_policy

RESOURCE = "geography.division"
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name != "envelope"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
POLICIES = st.builds(
    Policy,
    st.just(RESOURCE),
    st.lists(NAMES, min_size=1, max_size=5, unique=True).map(tuple),
    st.none()
    | st.builds(RowFilter, NAMES, st.sampled_from(Match), st.lists(TEXTS, min_size=1).map(tuple)),
)


@settings(deadline=None, max_examples=200)
@given(POLICIES)
def test_canonical_json_is_that_of_rfc_8785(policy: Policy) -> None:
    """The canonical JSON is byte for byte what an independent RFC 8785 library writes."""
    document = json.loads(policy.canonical_json())
    assert policy.canonical_json() == rfc8785.dumps(document)
    assert policy.digest == hashlib.sha256(policy.canonical_json()).hexdigest()
    assert policy.name == policy.digest[:16]


@settings(deadline=None, max_examples=100)
@given(POLICIES)
def test_reading_the_canonical_json_gives_the_policy_back(policy: Policy) -> None:
    """Nothing is lost or changed between a policy and its canonical JSON."""
    assert parse_policy(policy.canonical_json()) == policy
    assert parse_policy(policy.document()) == policy


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(Match), st.lists(TEXTS, min_size=1), st.randoms(), TEXTS)
def test_order_and_repetition_do_not_change_a_policy(
    match: Match, values: list[str], rng: Random, key: str
) -> None:
    """Values in another order, or twice, give the same policy, and it matches the same keys."""
    plain = RowFilter("code", match, tuple(values))
    mixed = values + values[:2]
    rng.shuffle(mixed)
    assert RowFilter("code", match, tuple(mixed)) == plain
    matched = key in values if match is Match.IN else key.startswith(tuple(values))
    assert plain.matches(key.encode()) is matched


def test_values_are_sorted_by_their_utf8_bytes() -> None:
    """The order is that of bytes, not of UTF-16 or of a language."""
    rows = RowFilter("code", Match.IN, ("\U0001f600", "\uffff", "中", "a", "B"))
    assert rows.values == ("B", "a", "中", "\uffff", "\U0001f600")


def test_a_prefix_that_a_shorter_one_covers_is_left_out() -> None:
    """Prefixes are kept free of each other, because the search among them relies on it."""
    rows = RowFilter("code", Match.PREFIX, ("4401", "44", "31", "440", "310000"))
    assert rows.values == ("31", "44")
    assert RowFilter("code", Match.IN, ("4401", "44")).values == ("44", "4401")


def test_items_in_another_order_are_the_same_policy() -> None:
    """The order in which items are asked for says nothing; views keep the writer's order."""
    assert Policy(RESOURCE, ("name", "code")) == Policy(RESOURCE, ("code", "name"))


def test_a_policy_cannot_be_changed() -> None:
    """What a digest was taken of stays what it was."""
    with pytest.raises(FrozenInstanceError):
        Policy(RESOURCE, ("code",)).resource = "other.one"  # type: ignore[misc]


def document(**changes: object) -> dict[str, object]:
    return {
        "resource": RESOURCE,
        "items": {"code": "keep"},
        "rows": {"item": "code", "prefix": ["44"]},
    } | changes


@pytest.mark.parametrize(
    "source",
    [
        "",
        "not JSON",
        "[]",
        "[" * 100_000,
        b"\xff",
        '{"resource": "geography.division", "items": {"code": "keep", "code": "keep"}}',
        document(mask={}),
        document(resource=None),
        document(resource="Geography"),
        document(items={}),
        document(items=["code"]),
        document(items={"code": "mask"}),
        document(items={"code": True}),
        document(items={"code": "keep", "envelope": "keep"}),
        document(items={"no name": "keep"}),
        document(rows=None),
        document(rows=[]),
        document(rows={"item": "code"}),
        document(rows={"prefix": ["44"]}),
        document(rows={"item": "code", "suffix": ["44"]}),
        document(rows={"item": "code", "prefix": ["44"], "in": ["44"]}),
        document(rows={"item": "code", "prefix": ["44"], "not": ["4401"]}),
        document(rows={"item": "code", "prefix": "44"}),
        document(rows={"item": "code", "prefix": []}),
        document(rows={"item": "code", "prefix": [""]}),
        document(rows={"item": "code", "prefix": [44]}),
        document(rows={"item": 1, "prefix": ["44"]}),
        json.dumps(document(rows={"item": "code", "in": ["\ud800"]})),
    ],
)
def test_what_is_not_understood_is_refused(source: str | bytes | dict[str, object]) -> None:
    """Unknown fields, actions and operators, wrong types and empty filters are never ignored."""
    with pytest.raises(InvalidPolicy):
        parse_policy(source)


def test_a_refused_filter_does_not_repeat_its_values() -> None:
    """The values of a filter may be identity numbers, so no error message holds one (R5.4)."""
    with pytest.raises(InvalidPolicy) as caught:
        RowFilter("code", Match.IN, ("11010119900101000X", "\ud800"))
    assert "110101" not in str(caught.value)
    assert "rows.in[1]" in str(caught.value)
