"""Views with masks, pseudonyms and rows by any item are correct copies, whatever happens."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.names import accepted_topic
from schemas.policy import Policy, parse_policy
from tests.integration.expected_views import Expected, folded
from tests.integration.running_bus import LI, LIMIT_S, RESOURCE, RunningBus, wait_for
from tests.integration.synthetic_divisions import Row, townships

IN_ROWS = [{"item": "parent", "prefix": ["440000"]}, {"item": "level", "in": ["township"]}]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
POLICIES: dict[str, dict[str, Any]] = {
    "rows": {"items": {"code": "keep", "name": "keep"}, "rows": IN_ROWS},
    "pseudonyms": {
        "items": {"code": "pseudonym", "name": {"mask": {"first": 1}}, "parent": "keep"},
        "rows": IN_ROWS,
        "audience": {"department": "health", "key_version": 1},
    },
    "no key": {
        "items": {"path": {"mask": {"digits": 2}}, "level": {"mask": {"constant": "township"}}},
        "rows": {"item": "name", "range": {"from": "第5", "to": "第8"}},
        "audience": {"department": "health", "key_version": 2},
    },
    "masks": {"items": {"code": "keep", "name": {"mask": {"last": 2}}}},
}


def policy_of(name: str) -> Policy:
    """Return a policy of the list."""
    return parse_policy({"resource": RESOURCE, **POLICIES[name]})


def changes(rows: list[Row], chance: random.Random) -> Iterator[Row | str]:
    """Yield rows that move, are renamed, or come back, and codes that end."""
    while True:
        row = dict(chance.choice(rows))
        row["parent"] = chance.choice(["440000", "440001", "310000"])
        row["name"] = f"第{chance.randrange(10)}镇"
        yield row["code"] if chance.random() < 0.15 else row


def test_views_are_correct_copies_while_they_are_opened_and_workers_die(
    own_bus: RunningBus,
) -> None:
    """Moving in and out, deletes, pseudonymous keys; filled beside live records; two kill -9."""
    bus, chance = own_bus, random.Random(7)
    rows = [*townships("44", 200), *townships("31", 100)]
    enough, sent = threading.Event(), 0

    def publish() -> int:
        count = 0
        moves = changes(rows, chance)
        with bus.publisher() as publisher:
            for row in rows:
                publisher.upsert({**row, "parent": "440000"})
            while not enough.is_set():
                for _ in range(200):
                    change = next(moves)
                    if isinstance(change, str):
                        publisher.delete(change)
                    else:
                        publisher.upsert(change)
                count += 200
                publisher.flush()
        return count

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publish)
        try:
            grants = {name: bus.grant_policy(LI, name, policy_of(name)) for name in POLICIES}
            bus.kill("enforcement")
            wait_for(lambda: grown(bus, grants.values(), 300), "views to grow")
            bus.kill("enforcement")
            wait_for(lambda: grown(bus, grants.values(), 900), "views to grow further")
        finally:
            enough.set()
        sent = publishing.result(LIMIT_S)
    assert sent
    bus.forget_connections()
    bus.wait_enforced()
    for grant in grants.values():
        bus.wait_live(grant)
    accepted = bus.messages(accepted_topic(RESOURCE))
    for name, grant in grants.items():
        held = bus.messages(grant.view)
        by_key = not grant.policy.rows
        assert folded(held, by_key) == Expected(bus, grant).state(accepted), name
        if "pseudonym" in name or "no key" in name:
            raw = {message.key() for message in accepted}
            assert not raw & {message.key() for message in held}
    deletes = sum(message.value() is None for message in bus.messages(grants["rows"].view))
    assert deletes > 20


def grown(bus: RunningBus, grants: Any, count: int) -> bool:
    """Tell whether every view holds at least so many messages."""
    bus.forget_connections()
    return all(len(bus.messages(grant.view)) > count for grant in grants)


@pytest.mark.parametrize("department", ["justice"])
def test_pseudonyms_are_for_the_department_that_asks(own_bus: RunningBus, department: str) -> None:
    """R12.4: a view that another department could link with its own is never opened."""
    document = {**POLICIES["pseudonyms"], "audience": {"department": department, "key_version": 1}}
    policy = parse_policy({"resource": RESOURCE, **document})
    with pytest.raises(Exception, match="audience"):
        own_bus.grant_policy(LI, "other", policy)
