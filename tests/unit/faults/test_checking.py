"""The checker of faults sees each kind of wrong, and nothing where there is none."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.clock import EventIds
from infra.secrets import Secrets
from producers.change_events import ChangeEvents
from schemas.clock import micros
from schemas.codec import event_codec
from schemas.names import ENVELOPE_HEADER
from stream_apps.enforcement.tally import Tally
from tests.faults.checking import ACCEPTED, QUARANTINE, Checker, Counts
from tests.faults.law import Content, Law
from tests.faults.reading import Found
from tests.integration.synthetic_divisions import townships
from tests.unit.ledger_story import RESOURCE, published

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
PARTITIONS, RECORDS, TRANSACTION = 4, 300, 20
SECRETS = Secrets(bytes(32))


@dataclass
class Run:
    """What raw holds, and what a bus made of it: lists that a test may spoil."""

    law: Law
    raw: list[list[Found]]
    topics: dict[str, list[Found]]
    metering: list[dict[str, Any]]

    @property
    def full(self) -> list[Found]:
        """The view of all rows."""
        return next(each for topic, each in self.topics.items() if topic.startswith("view."))

    def check(self) -> Counts:
        """Let the checker look at it."""
        story = whole_story()
        checker = Checker(Law(story, RESOURCE, SECRETS), PARTITIONS)
        for partition, records in enumerate(self.raw):
            checker.take_raw(partition, records)
        for topic, records in self.topics.items():
            checker.take(topic, records)
        checker.take_metering(event_codec("metering").encode(each) for each in self.metering)
        return checker.finish()


def whole_story() -> Any:
    story = published()
    story.grant("li")
    story.grant("wang", rows={"item": "code", "prefix": ["6100000"]})
    return story.state


@pytest.fixture
def run() -> Run:
    """A run in which everything is right."""
    law = Law(whole_story(), RESOURCE, SECRETS)
    raw = _raw()
    topics: dict[str, list[Found]] = {topic: [] for topic in (ACCEPTED, QUARANTINE, *law.views)}
    metering = []
    for partition, records in enumerate(raw):
        for begin in range(0, len(records), TRANSACTION):
            metering.append(
                _transaction(law, partition, records[begin : begin + TRANSACTION], topics)
            )
    return Run(law, raw, topics, metering)


def _raw() -> list[list[Found]]:
    entry = whole_story().resources[RESOURCE]
    chance = random.Random(7)
    events = ChangeEvents(
        entry.contract, entry.schema, entry.schema_id, "civil-affairs",
        clock=lambda: micros(NOW), event_ids=EventIds(),
    )  # fmt: skip
    raw: list[list[Found]] = [[] for _ in range(PARTITIONS)]
    alive = set()
    for number in range(RECORDS):
        row = chance.choice(townships("61", 40))
        code = row["code"]
        content: Content = (code.encode(), b"rubbish", ())
        if number % 30 == 7 and code in alive:
            key, envelope = events.delete(code, NOW)
            content = (key, None, ((ENVELOPE_HEADER, envelope),))
            alive.discard(code)
        elif number % 25:
            content = (*events.upsert(row | {"population": number}, NOW), ())
            alive.add(code)
        records = raw[int(code) % PARTITIONS]
        records.append(Found(int(code) % PARTITIONS, 10 + len(records), content, False))
    return raw


def _transaction(
    law: Law, partition: int, records: list[Found], topics: dict[str, list[Found]]
) -> dict[str, Any]:
    offsets = records[0].offset, records[-1].offset + 1
    tally = Tally(RESOURCE, "civil-affairs", partition, offsets[0], to_offset=offsets[1])
    for record in records:
        key, value, headers = record.content
        ruling = law.judge(key, value, headers)
        tally.records += 1
        tally.deletes += ruling.is_delete
        if ruling.refused:
            tally.quarantined[ruling.refused] += 1
            told = event_codec("quarantine").encode(
                {
                    "topic": "raw",
                    "partition": partition,
                    "offset": record.offset,
                    "source": "civil-affairs",
                    "reason": ruling.refused,
                }
            )
            _append(topics[QUARANTINE], partition, (b"", told, ()))
            continue
        _append(topics[ACCEPTED], partition, record.content)
        for topic, content in ruling.views.items():
            view = law.views[topic]
            counted = tally.view(view.policy.name)
            counted.out += 1
            counted.deletes += content[1] is None
            counted.bytes += len(content[0]) + len(content[1] or b"")
            _append(topics[topic], partition % view.partitions, content)
    decoded: dict[str, Any] = event_codec("metering").decode(tally.encode(NOW, 0, 9))
    return decoded


def _append(topic: list[Found], partition: int, content: Content) -> None:
    topic.append(Found(partition, len(topic), content, False))


def test_a_run_in_which_all_is_right_has_nothing_wrong(run: Run) -> None:
    assert all(len(records) > 5 for records in run.topics.values())
    assert run.check() == Counts()


def _lose(run: Run) -> None:
    del run.full[20]


def _double(run: Run) -> None:
    run.full.append(run.full[20])


def _swap(run: Run) -> None:
    keys = [record.content[0] for record in run.full]
    first = 20
    second = keys.index(keys[first], first + 1)
    run.full[first], run.full[second] = run.full[second], run.full[first]


def _change(run: Run) -> None:
    key, value, headers = run.full[20].content
    assert value is not None
    changed = (key, value[:-1] + bytes([value[-1] ^ 1]), headers)
    run.full[20] = dataclasses.replace(run.full[20], content=changed)


def _move(run: Run) -> None:
    other = (run.full[20].partition + 1) % PARTITIONS
    run.full[20] = dataclasses.replace(run.full[20], partition=other)


def _miscount(run: Run) -> None:
    run.metering[3]["views"][0]["bytes"] += 1


def _leave_unmetered(run: Run) -> None:
    del run.metering[3]


def _meter_twice(run: Run) -> None:
    run.metering.append(run.metering[3])


def _misname_reasons(run: Run) -> None:
    of_one = next(each for each in run.metering if each["quarantined"])
    ((reason, count),) = of_one["quarantined"].items()
    of_one["quarantined"] = {f"not-{reason}": count}


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (_lose, {"lost", "torn", "miscounted"}),
        (_double, {"duplicated", "miscounted"}),
        (_swap, {"disordered"}),
        (_change, {"lost", "unexpected", "torn"}),
        (_move, {"lost", "unexpected", "torn"}),
        (_miscount, {"miscounted"}),
        (_leave_unmetered, {"torn", "miscounted"}),
        (_meter_twice, {"miscounted"}),
        (_misname_reasons, {"miscounted"}),
    ],
)
def test_each_kind_of_wrong_is_seen(
    run: Run, spoil: Callable[[Run], None], kinds: set[str]
) -> None:
    spoil(run)
    counts = dataclasses.asdict(run.check())
    assert {kind for kind, count in counts.items() if count} == kinds
