"""However a command is mutated, the ledger answers, and what it accepts can be carried out."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import parse_contract
from schemas.evolution import Rules, judge
from schemas.ledger import acts
from schemas.ledger.acts import Act
from schemas.ledger.entry import decode_entry
from schemas.ledger.signing import decode_command
from schemas.ledger.validation import decide, is_legal
from schemas.policy import Policy, parse_policy, view_schema
from schemas.policy.change_event import change_event
from schemas.policy.schema_reading import read_record
from schemas.schema_text import canonical
from stream_apps.enforcement.compiler import compile_event
from tests.unit.ledger_story import (
    PURPOSE,
    RESOURCE,
    SOURCE,
    Story,
    next_version,
    peopled,
    policy_text,
    publication,
    published,
)

Path = tuple[str | int, ...]

CONTRACT = json.loads(publication().contract)
SCHEMA = json.loads(publication().schema)
POLICY = json.loads(policy_text(rows={"item": "code", "prefix": ["44"]}))

VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, float("inf"), float("nan"), "", "x", "string", "null",
    "record", "\ud800", [], {}, ["x"], [[]], {"type": "string"}, {"type": []},
    ["null", "null"], ["null", "string", "string"], {"type": "enum"},
    {"type": "enum", "name": "E", "symbols": ["A"]}, {"type": "fixed", "name": "F", "size": 3},
    {"type": "array", "items": "null"}, {"type": "map", "values": "int"},
    {"type": {"type": "string"}}, "F" * 300,
]  # fmt: skip
KEYS = [
    "logicalType", "type", "name", "namespace", "aliases", "default", "items", "values", "fields",
    "symbols", "size", "doc", "share", "basis", "condition", "order", "precision",
    "__fastavro_parsed__",
]  # fmt: skip
MUTATIONS = st.lists(
    st.tuples(st.integers(0, 500), st.none() | st.sampled_from(KEYS), st.sampled_from(VALUES)),
    min_size=1,
    max_size=3,
)
Mutations = list[tuple[int, str | None, Any]]


def paths(node: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where everything inside a document stands."""
    if not isinstance(node, dict | list):
        return
    for place, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, place)
        yield from paths(child, (*path, place))


def mutated(document: Any, mutations: Mutations) -> str:
    """Return a document's text after replacing values, and setting attributes of objects."""
    document = copy.deepcopy(document)
    for number, key, value in mutations:
        found = list(paths(document))
        if not found:
            break
        *way, last = found[number % len(found)]
        parent = document
        for place in way:
            parent = parent[place]
        if key is not None and isinstance(parent[last], dict):
            parent[last][key] = copy.deepcopy(value)
        else:
            parent[last] = copy.deepcopy(value)
    return json.dumps(document)


@cache
def empty() -> Story:
    """Return a ledger in which nothing is published yet."""
    return peopled()


@cache
def open_for_requests() -> Story:
    """Return a ledger whose resource can be asked for."""
    return published()


def accepts(story: Story, person: str, act: Act) -> bool:
    """Tell whether a command takes effect; the ledger process and every follower must agree."""
    signed = decode_command(story.signed(person, act).encode())
    verdict = decide(story.state, signed)
    assert verdict.refusal is None or verdict.refusal.code != "malformed", verdict.refusal
    assert is_legal(story.state, decode_entry(story.write(signed, verdict)))
    return verdict.refusal is None


def check_can_be_provisioned(contract_text: str, schema_text: str) -> None:
    """Do to an accepted entry what provisioning and enforcement do."""
    contract, schema = parse_contract(json.loads(contract_text)), json.loads(schema_text)
    compile_event(change_event(read_record(schema), contract.key))
    everything = Policy.kept(contract.resource, tuple(item.name for item in contract.items))
    key_only = Policy.kept(contract.resource, (contract.key,))
    views = [view_schema(p, schema, key_item=contract.key) for p in (everything, key_only)]
    for each in (schema, *views):
        text = json.dumps(each, ensure_ascii=False, separators=(",", ":"))
        assert canonical(text) == text


@given(MUTATIONS)
@settings(max_examples=500)
def test_a_mutated_schema_is_refused_or_can_be_registered_and_enforced(
    mutations: Mutations,
) -> None:
    """R7: a name is never lost to an entry that nobody can carry out."""
    schema = mutated(SCHEMA, mutations)
    act = acts.PublishEntry(RESOURCE, json.dumps(CONTRACT), schema, (SOURCE,))
    if accepts(empty(), "zhang", act):
        check_can_be_provisioned(act.contract, act.schema)


@given(st.booleans(), MUTATIONS)
@settings(max_examples=200)
def test_a_mutated_next_version_is_refused_or_can_follow(
    in_schema: bool, mutations: Mutations
) -> None:
    """What the ledger accepted, the registry takes under the subject of the version before it."""
    act = next_version()
    if in_schema:
        act = replace(act, schema=mutated(json.loads(act.schema), mutations))
    else:
        act = replace(act, contract=mutated(json.loads(act.contract), mutations))
    if accepts(open_for_requests(), "zhang", act):
        check_can_be_provisioned(act.contract, act.schema)
        verdict = judge(Rules.CHANGE_EVENT, json.loads(act.schema), {1: SCHEMA})
        assert verdict.is_compatible, verdict.told()
        assert parse_contract(json.loads(act.contract)).key == "code"


@given(MUTATIONS)
def test_a_mutated_contract_is_refused_or_can_be_carried_out(mutations: Mutations) -> None:
    """R7: nor by its contract."""
    contract = mutated(CONTRACT, mutations)
    act = acts.PublishEntry(RESOURCE, contract, json.dumps(SCHEMA), (SOURCE,))
    if accepts(empty(), "zhang", act):
        check_can_be_provisioned(act.contract, act.schema)


@given(MUTATIONS)
def test_a_mutated_policy_is_refused_or_has_a_view(mutations: Mutations) -> None:
    """R12.4: what is granted can be let through."""
    text = mutated(POLICY, mutations)
    if accepts(open_for_requests(), "li", acts.Request(text, PURPOSE)):
        view = view_schema(parse_policy(text), SCHEMA, key_item="code")
        canonical(json.dumps(view, ensure_ascii=False))
