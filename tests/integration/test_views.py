"""A view is a correct copy: of what its policy lets through, whenever it was opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from consumers.subscription import Record, Subscription
from schemas.ledger.acts import Revoke
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.policy import Match, RowFilter
from tests.integration.running_bus import LI, WANG, ZHANG, RunningBus, wait_for
from tests.integration.synthetic_divisions import Row, townships

pytestmark = pytest.mark.integration

EARLY, LATE, OUTSIDE = townships("31", 50), townships("32", 30), townships("33", 30)
AT_ONCE, AGAIN = townships("35", 200), townships("36", 2)


def read(bus: RunningBus, grant: Grant, group: str = "views") -> list[Record]:
    """Return what a subscriber's group has not read yet."""
    with Subscription(bus.properties(grant), group=group, until_end=True) as subscription:
        return list(subscription)


def present(records: Iterable[Record], prefix: str) -> dict[str, Any]:
    """Fold records as a subscriber would: the last one of a key counts, a delete takes it away."""
    state: dict[str, Any] = {}
    for record in records:
        if record.key.startswith(prefix):
            state[record.key] = record.items
    return {key: items for key, items in state.items() if items is not None}


def without_area(row: Row) -> Row:
    """Return what an unconditional view holds of a row."""
    return {name: value for name, value in row.items() if name not in ("area", "population")}


def cut(rows: Iterable[Row], *items: str) -> dict[str, Any]:
    """Return the rows by code, with some items only."""
    return {row["code"]: {name: row[name] for name in items} for row in rows}


def test_a_view_opened_later_starts_with_the_present_state(bus: RunningBus) -> None:
    """Who is granted late gets each row as it stands, none that was deleted, and then goes on."""
    renamed, deleted, left = EARLY[0] | {"name": "改名镇"}, EARLY[1], EARLY[2:]
    with bus.publisher() as publisher:
        for row in EARLY:
            publisher.upsert(row)
        publisher.upsert(renamed)
        publisher.delete(deleted["code"])
    bus.wait_enforced()

    grant = bus.grant(LI, "late", ("code", "name"))
    bus.wait_live(grant)
    assert present(read(bus, grant), "31") == cut([renamed, *left], "code", "name")

    again = deleted | {"name": "复设镇"}
    with bus.publisher() as publisher:
        publisher.upsert(again)
    bus.wait_enforced()
    # The group goes on where it stopped: nothing but the news.
    news = read(bus, grant)
    assert [(record.key, record.items) for record in news] == [
        (again["code"], {"code": again["code"], "name": "复设镇"})
    ]


def test_a_view_of_some_rows_gets_their_deletes_and_no_others(bus: RunningBus) -> None:
    """A row-limited view hears of its own keys only, deletes and their envelopes included."""
    grant = bus.grant(WANG, "some rows", rows=RowFilter("code", Match.PREFIX, ("32",)))
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in (*LATE, *OUTSIDE):
            publisher.upsert(row)
        for row in (LATE[0], OUTSIDE[0]):
            publisher.delete(row["code"])
    bus.wait_enforced()

    records = read(bus, grant)
    assert {record.key[:2] for record in records} == {"32"}
    deletes = [record for record in records if record.items is None]
    assert [record.key for record in deletes] == [LATE[0]["code"]]
    assert deletes[0].source == "civil-affairs"
    upsert = next(record for record in records if record.key == LATE[0]["code"])
    assert deletes[0].sequence > upsert.sequence
    items = ("code", "name", "level", "parent", "path")
    assert present(records, "32") == cut(LATE[1:], *items)


def test_rows_can_be_named_one_by_one(bus: RunningBus) -> None:
    """A view of named keys holds these keys, its deletes too, and no neighbour."""
    named = tuple(row["code"] for row in LATE[3:6])
    grant = bus.grant(WANG, "named rows", ("code", "area"), RowFilter("code", Match.IN, named))
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in LATE[:10]:
            publisher.upsert(row)
        publisher.delete(named[0])
        publisher.delete(LATE[7]["code"])
    bus.wait_enforced()
    records = read(bus, grant)
    assert {record.key for record in records} == set(named)
    assert present(records, "32") == cut(LATE[4:6], "code", "area")


def test_what_is_not_granted_is_in_no_byte_of_the_view(bus: RunningBus) -> None:
    """A dropped item is absent from the view's records and from its schema, not empty."""
    grant = bus.grant(LI, "without names", ("code", "level"))
    bus.wait_live(grant)
    row = townships("34", 1)[0] | {"name": "不应出现"}
    with bus.publisher() as publisher:
        publisher.upsert(row)
    bus.wait_enforced()
    messages = [m for m in bus.messages(grant.view) if m.key() == row["code"].encode()]
    assert len(messages) == 1
    assert "不应出现".encode() not in (messages[0].value() or b"")
    assert {frozenset(record.items or ()) for record in read(bus, grant) if record.items} == {
        frozenset({"code", "level"})
    }


def test_two_grants_that_open_one_view_at_once_both_get_all_of_it(bus: RunningBus) -> None:
    """The second is provisioned while the view is being filled for the first, and takes nothing."""
    with bus.publisher() as publisher:
        for row in AT_ONCE:
            publisher.upsert(row)
    bus.wait_enforced()
    rows = RowFilter("code", Match.PREFIX, ("35",))
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(bus.grant, who, "at once", None, rows) for who in (LI, WANG)]
        grants = [each.result() for each in asked]
    bus.wait_live(grants[0])
    for grant in grants:
        assert {record.key for record in read(bus, grant)} == {row["code"] for row in AT_ONCE}


def test_a_view_that_is_opened_again_holds_nothing_of_the_first_time(bus: RunningBus) -> None:
    """Who is granted what nobody was granted for a while meets no row that ended meanwhile."""
    first, second = AGAIN
    rows = RowFilter("code", Match.PREFIX, ("36",))
    with bus.publisher() as publisher:
        publisher.upsert(first)
    bus.wait_enforced()
    ended = bus.grant(LI, "first time", rows=rows)
    bus.wait_live(ended)
    bus.act(ZHANG, Revoke(ended.id, "期满"))
    wait_for(lambda: bus.state().grants[ended.id].status is GrantStatus.ENDED, "the cut")
    with bus.publisher() as publisher:
        publisher.delete(first["code"])
        publisher.upsert(second)
    bus.wait_enforced()
    again = bus.grant(WANG, "second time", rows=rows)
    bus.wait_live(again)
    assert again.view == ended.view
    records = read(bus, again)
    assert present(records, "36") == {second["code"]: without_area(second)}
    # Each event of `accepted` once, not behind what the first opening had let out.
    assert Counter(record.key for record in records) == {first["code"]: 2, second["code"]: 1}


def test_grants_with_the_same_policy_share_a_view(bus: RunningBus) -> None:
    """Two departments that were granted the same read one topic, each in groups of its own."""
    first = bus.grant(LI, "shared", ("code", "path"))
    second = bus.grant(WANG, "shared", ("path", "code"))
    assert first.view == second.view
    bus.wait_live(first)
    assert len(read(bus, first)) == len(read(bus, second)) == len(bus.messages(first.view))
