"""Views with masks, pseudonyms and rows by any item: batch by batch, as the reference has them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from confluent_kafka import Message

from infra.secrets import Secrets
from schemas.names import ENVELOPE_HEADER
from schemas.policy import Policy, parse_policy
from schemas.policy.examining import Examiner
from schemas.policy.reference import Projection, view_key
from stream_apps.enforcement.tally import Tally
from tests.unit.stream_apps.test_resource_enforcement import (
    CONTRACT,
    FIRST_OFFSET,
    PARTITION,
    RESOURCE,
    SCHEMA,
    SCHEMA_ID,
    SOURCE,
    VIEW_ID,
    batch_of,
    delete,
    enforcement,
    upsert,
    view_of,
)

AUDIENCE = {"department": "health", "key_version": 1}
DOCUMENTS: list[dict[str, Any]] = [
    {"items": {"code": "keep"}, "rows": {"item": "parent", "prefix": ["44"]}},
    {"items": {"code": "keep", "name": "keep"}, "rows": {"item": "parent", "prefix": ["4", "3"]}},
    {
        "items": {"code": "keep", "name": {"mask": {"first": 1}}},
        "rows": [
            {"item": "level", "in": ["prefecture"]},
            {"item": "parent", "in": ["44", "31"]},
        ],
    },
    {
        "items": {"code": "pseudonym", "path": "pseudonym"},
        "rows": {"item": "parent", "prefix": ["44"]},
        "audience": AUDIENCE,
    },
    {
        "items": {"name": {"mask": {"constant": "某地"}}},
        "rows": {"item": "name", "range": {"from": "b", "to": "d"}},
        "audience": AUDIENCE,
    },
    {"items": {"name": {"mask": {"digits": 1}}}, "audience": AUDIENCE},
    {"items": {"code": "keep"}, "rows": {"item": "code", "prefix": ["a", "bb"]}},
]
POLICIES = [parse_policy({"resource": RESOURCE, **document}) for document in DOCUMENTS]
SECRETS = Secrets(bytes(32))
EXAMINER = Examiner(
    SCHEMA, schema_id=SCHEMA_ID, key_item=CONTRACT.key, resource=RESOURCE, sources=[SOURCE]
)


class Model:
    """What one view holds, and what it must get next, in plain Python."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.key = policy, SECRETS.pseudonym_key(policy)
        self._projection = Projection(
            policy, EXAMINER, view_schema_id=VIEW_ID, pseudonym_key=self.key
        )
        self._by_key = all(row.item == CONTRACT.key for row in policy.rows)
        self.held: set[bytes] = set()

    def next(self, message: Message) -> tuple[bytes, bytes | None] | None:
        """Return key and value that a message gives, if it gives any."""
        raw, value = message.key() or b"", message.value()
        key = view_key(self.policy, CONTRACT.key, raw, self.key)
        made = None if value is None else self._projection.project(raw, value)
        if made is not None:
            self.held.add(key)
            return key, made
        if self._by_key:
            let = all(row.matches(raw) for row in self.policy.rows)
            return (key, None) if value is None and let else None
        if key in self.held:
            self.held.discard(key)
            return key, None
        return None


def drawn(rng: random.Random) -> Message:
    """Draw a change of one of a few divisions."""
    code = rng.choice(["a", "b", "bb", "c", "44", "4401", "\U0001f600"])
    if rng.random() < 0.2:
        return delete(code)
    return upsert(
        code,
        parent=rng.choice(["44", "4401", "31", "5", ""]),
        name=rng.choice(["a", "b", "cc", "e", "中文"]),
        level=rng.choice(["prefecture", "county"]),
        path=rng.choice([[], ["x", "中"]]),
    )


@pytest.mark.parametrize("seed", range(25))
def test_each_view_gets_and_loses_what_the_reference_says(seed: int) -> None:
    """Moving in and out of rows, deletes, the same key several times in a batch, bad records."""
    rng = random.Random(seed)
    policies = rng.sample(POLICIES, rng.randrange(1, len(POLICIES) + 1))
    made = enforcement(*policies)
    models = {view_of(policy).topic: Model(policy) for policy in policies}
    for _ in range(20):
        messages = [drawn(rng) for _ in range(rng.randrange(1, 30))]
        if rng.random() < 0.3:
            messages.insert(0, upsert("b", envelope={**_wrong(), "source": "nobody"}))
        tally = Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
        outputs = {output.topic: output for output in made.enforce(batch_of(messages), tally)}
        good = messages[len(messages) - tally.records + tally.quarantined.total() :]
        for topic, model in models.items():
            expected = [each for message in good if (each := model.next(message)) is not None]
            found = outputs.get(topic)
            pairs = [] if found is None else list(zip(found.keys, found.values, strict=True))
            assert pairs == expected
            if found is not None:
                gone = [i for i, value in enumerate(found.values) if value is None]
                assert sorted(found.headers) == gone
                assert all(found.headers[i][0][0] == ENVELOPE_HEADER for i in gone)
                counted = tally.view(model.policy.name)
                assert (counted.out, counted.deletes) == (len(pairs), len(gone))


def _wrong() -> dict[str, Any]:
    from tests.unit.stream_apps.test_resource_enforcement import envelope

    return envelope()


def test_a_batch_that_fails_in_the_middle_is_not_noted_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What moved out is lost once, also when its batch had to be enforced in halves."""
    policy = POLICIES[0]
    made = enforcement(policy)
    inside, outside = upsert("a", parent="44"), upsert("a", parent="5")
    made.enforce(batch_of([inside]), Tally(RESOURCE, SOURCE, PARTITION, 0))
    group = made.group
    (view,) = made._live[PARTITION].values()
    project = view.any_projector.project

    def broken(scanned: Any, chosen: Any) -> Any:
        if chosen.size > 1:
            raise RuntimeError("contradiction")
        return project(scanned, chosen)

    monkeypatch.setattr(view.any_projector, "project", broken)
    assert group is not None
    messages = [outside, upsert("b", parent="44"), upsert("c", parent="44")]
    outputs = made.enforce(batch_of(messages), Tally(RESOURCE, SOURCE, PARTITION, 1))
    keys = [
        (key, value is None)
        for output in outputs
        if output.topic == view_of(policy).topic
        for key, value in zip(output.keys, output.values, strict=True)
    ]
    assert keys == [(b"a", True), (b"b", False), (b"c", False)]
