"""One policy has one canonical form, whatever order and repetition it was written with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError
from random import Random
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidPolicy
from schemas.policy import (
    Audience,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Match,
    Policy,
    Pseudonym,
    RowFilter,
    Scalar,
    Shown,
    parse_policy,
)

RESOURCE = "geography.division"
EXACT = 2**53 - 1
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name != "envelope"
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
NUMBERS = st.integers(-EXACT, EXACT)
COUNTS = st.integers(1, EXACT)
ACTIONS = st.one_of(
    st.just(Keep()),
    st.just(Pseudonym()),
    st.builds(Constant, TEXTS | NUMBERS | st.booleans()),
    st.builds(Shown, COUNTS, st.integers(0, 9)) | st.builds(Shown, st.integers(0, 9), COUNTS),
    st.builds(DateTo, st.sampled_from(DateUnit)),
    st.builds(Digits, COUNTS),
    st.builds(Band, COUNTS),
)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=1, max_size=5)


def lists_of(values: st.SearchStrategy[Scalar]) -> st.SearchStrategy[tuple[Scalar, ...]]:
    return st.lists(values, min_size=1, max_size=5).map(tuple)


def ranges(values: st.SearchStrategy[Scalar]) -> st.SearchStrategy[RowFilter]:
    pairs = st.tuples(values, values | st.none()).flatmap(lambda pair: st.permutations(list(pair)))
    return st.builds(lambda item, pair: RowFilter(item, Match.RANGE, (), *pair), NAMES, pairs)


ROWS = st.one_of(
    st.builds(RowFilter, NAMES, st.just(Match.PREFIX), lists_of(TEXTS)),
    *(
        st.builds(RowFilter, NAMES, st.just(Match.IN), lists_of(kind))
        for kind in (TEXTS, NUMBERS, st.booleans())
    ),
    ranges(TEXTS),
    ranges(NUMBERS),
)


def apart(paths: list[str]) -> list[str]:
    """Leave out what lies inside another one, and doubles."""
    free: list[str] = []
    for path in sorted(set(paths), key=len):
        if not any(f"{path}.".startswith(f"{other}.") for other in free):
            free.append(path)
    return free


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    actions = tuple((path, draw(ACTIONS)) for path in apart(draw(PATHS)))
    rows = tuple(draw(st.lists(ROWS, max_size=4)))
    audience = Audience("health", draw(COUNTS)) if draw(st.booleans()) else None
    if audience is None and any(isinstance(action, Pseudonym) for _, action in actions):
        audience = Audience("transport")
    return Policy(RESOURCE, actions, rows, audience)


POLICIES = policies()


@settings(deadline=None, max_examples=100)
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


def otherwise(document: Any, rng: Random) -> Any:
    """Write a policy's document in another way that means the same."""
    if isinstance(document, dict):
        parts = [(name, otherwise(part, rng)) for name, part in document.items()]
        rng.shuffle(parts)
        if {"first"} == set(document) or {"last"} == set(document):
            parts.append(({"first": "last", "last": "first"}[parts[0][0]], 0))
        return dict(parts)
    if isinstance(document, list):
        more = [otherwise(part, rng) for part in document + document[:2]]
        rng.shuffle(more)
        return more
    return document


@settings(deadline=None, max_examples=100)
@given(POLICIES, st.randoms())
def test_equal_policies_have_one_digest_however_they_were_written(
    policy: Policy, rng: Random
) -> None:
    """Order, repetition, white space, escapes, zeros that say nothing, a lone row filter."""
    written = otherwise(policy.document(), rng)
    if len(policy.rows) == 1:
        written["rows"] = rng.choice([policy.rows[0].document(), written["rows"]])
    text = json.dumps(written, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 3]))
    read = parse_policy(text)
    assert read == policy
    assert read.digest == policy.digest


@settings(deadline=None, max_examples=100)
@given(POLICIES, POLICIES)
def test_policies_are_equal_exactly_when_their_digests_are(one: Policy, other: Policy) -> None:
    """Equality and the digest never disagree, not even where Python takes 1 for True."""
    assert (one == other) is (one.digest == other.digest)
    first, second = (Policy(RESOURCE, (("a", Constant(value)),)) for value in (1, True))
    assert first != second
    assert first.digest != second.digest
    ones = [RowFilter("a", Match.IN, (value,)) for value in (1, True)]
    assert ones[0] != ones[1]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([Match.IN, Match.PREFIX]), st.lists(TEXTS, min_size=1), st.randoms(), TEXTS)
def test_order_and_repetition_do_not_change_a_row_filter(
    match: Match, values: list[str], rng: Random, key: str
) -> None:
    """Values in another order, or twice, give the same filter, and it matches the same keys."""
    plain = RowFilter("code", match, tuple(values))
    mixed = values + values[:2]
    if match is Match.PREFIX:
        mixed.append(values[0] + key)
    rng.shuffle(mixed)
    assert RowFilter("code", match, tuple(mixed)) == plain
    matched = key in values if match is Match.IN else key.startswith(tuple(values))
    assert plain.matches(key.encode()) is matched


@settings(deadline=None, max_examples=100)
@given(TEXTS, TEXTS, TEXTS)
def test_a_range_of_texts_is_by_their_bytes_and_holds_its_ends(a: str, b: str, key: str) -> None:
    """Both ends belong to a range; an open one has no end on that side."""
    low, high = sorted([a, b], key=str.encode)
    assert RowFilter("code", Match.RANGE, low=low).matches(key.encode()) is (
        key.encode() >= low.encode()
    )
    closed = RowFilter("code", Match.RANGE, low=low, high=high)
    assert closed.matches(low.encode())
    assert closed.matches(high.encode())
    assert closed.matches(key.encode()) is (low.encode() <= key.encode() <= high.encode())


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
    assert Policy.kept(RESOURCE, ("name", "code")) == Policy.kept(RESOURCE, ("code", "name"))


def test_a_policy_cannot_be_changed() -> None:
    """What a digest was taken of stays what it was."""
    with pytest.raises(FrozenInstanceError):
        Policy.kept(RESOURCE, ("code",)).resource = "other.one"  # type: ignore[misc]


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
        document(audience=None),
        document(audience={"department": "health"}),
        document(audience={"department": "health", "key_version": 0}),
        document(audience={"department": "health", "key_version": True}),
        document(audience={"department": "Health", "key_version": 1}),
        document(audience={"department": "health", "key_version": 1, "for": "all"}),
        document(resource=None),
        document(resource="Geography"),
        document(items={}),
        document(items=["code"]),
        document(items={"code": "mask"}),
        document(items={"code": True}),
        document(items={"code": "pseudonym"}),
        document(items={"code": "drop"}),
        document(items={"code": {"mask": {}}}),
        document(items={"code": {"mask": {"last": 0}}}),
        document(items={"code": {"mask": {"first": 0, "last": 0}}}),
        document(items={"code": {"mask": {"first": -1, "last": 3}}}),
        document(items={"code": {"mask": {"first": 1.0}}}),
        document(items={"code": {"mask": {"first": True}}}),
        document(items={"code": {"mask": {"first": 1, "middle": 1}}}),
        document(items={"code": {"mask": {"digits": 0}}}),
        document(items={"code": {"mask": {"digits": 2**53}}}),
        document(items={"code": {"mask": {"band": 0}}}),
        document(items={"code": {"mask": {"band": 10, "digits": 1}}}),
        document(items={"code": {"mask": {"date": "day"}}}),
        document(items={"code": {"mask": {"date": None}}}),
        document(items={"code": {"mask": {"constant": None}}}),
        document(items={"code": {"mask": {"constant": 0.5}}}),
        document(items={"code": {"mask": {"constant": "某" * 11}}}),
        document(items={"code": {"mask": {"constant": 2**53}}}),
        document(items={"code": {"mask": {"first": 1}, "why": ""}}),
        document(items={"code": ["keep"]}),
        document(items={"code": "keep", "code.part": "keep"}),
        document(items={"a.b": "keep", "a.b.c.d": "keep", "a.bc": "keep"}),
        document(items={"code.": "keep"}),
        document(items={".code": "keep"}),
        document(items={"envelope.source": "keep"}),
        json.dumps(document(items={"code": {"mask": {"constant": "\ud800"}}})),
        document(items={"code": "keep", "envelope": "keep"}),
        document(items={"no name": "keep"}),
        document(rows=None),
        document(rows=[]),
        document(rows={"item": "code"}),
        document(rows=[[]]),
        document(rows={"item": "envelope.source", "in": ["x"]}),
        document(rows={"item": "code", "in": ["a", 1]}),
        document(rows={"item": "code", "in": [1, True]}),
        document(rows={"item": "code", "in": [None]}),
        document(rows={"item": "code", "in": [0.5]}),
        document(rows={"item": "code", "in": [2**53]}),
        document(rows={"item": "code", "range": {}}),
        document(rows={"item": "code", "range": ["a", "b"]}),
        document(rows={"item": "code", "range": {"from": "a", "to": 1}}),
        document(rows={"item": "code", "range": {"from": None}}),
        document(rows={"item": "code", "range": {"from": ""}}),
        document(rows={"item": "code", "range": {"from": True}}),
        document(rows={"item": "code", "range": {"from": "a", "below": "b"}}),
        document(rows={"item": "code", "range": {"from": "a"}, "in": ["a"]}),
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
