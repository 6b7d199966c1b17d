"""What waits is carried out and reported once; what fails is tried again and holds up nothing."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from infra.observability.recorder import Recorder
from schemas.errors import CommandRefused, InvalidInput, SharebusError, Unavailable
from schemas.ledger.acts import Act, ReportProvisioned
from schemas.ledger.entry import Entry, decode_entry
from schemas.ledger.state import PROVISIONING, LedgerState
from stream_apps.provisioning.tasks import Task
from stream_apps.provisioning.worker import Worker
from tests.unit.ledger_story import peopled


class Broker:
    """What is done with three subjects; some fail as often as told."""

    def __init__(self, failures: dict[str, list[SharebusError]]) -> None:
        self.failures = failures
        self.done: list[str] = []
        self.reported: list[str] = []

    def pending(self, state: LedgerState) -> Iterator[Task]:
        """Yield all of them, whatever the state: no report is ever folded here."""
        for subject in ("department/d", "resource/a", "grant/g2"):
            yield Task(subject, partial(self._do, subject))

    def _do(self, subject: str) -> Act:
        self.done.append(subject)
        if self.failures.get(subject):
            raise self.failures[subject].pop()
        return ReportProvisioned("grant", subject, 0)

    def send(self, act: Act, command_id: uuid.UUID) -> Entry:
        """Take a report."""
        assert isinstance(act, ReportProvisioned)
        self.reported.append(act.id)
        return ENTRY


LIMIT_S = 60
STORY = peopled()
ENTRY = decode_entry(STORY.messages[-1])


def work(broker: Broker, retries: int) -> None:
    """Follow the story, then let the timer come so many times."""

    async def turns() -> None:
        worker = Worker(broker.pending, broker.send, act_from=len(STORY.messages) - 1)
        for message in (*STORY.messages, *STORY.messages):
            worker.follow(message)
            await worker.carry_out()
        for _ in range(retries):
            await worker.carry_out()

    asyncio.run(turns())


def test_each_subject_is_carried_out_and_reported_once() -> None:
    """Entries before the start are only folded; those that come again are passed over."""
    broker = Broker({})
    work(broker, retries=3)
    assert broker.done == broker.reported == ["department/d", "resource/a", "grant/g2"]


def test_the_last_report_is_shown_with_the_ledger_s_time() -> None:
    """Also after a restart: it is folded from the first entry. Others' entries are none."""
    metrics, broker = Recorder("provisioning"), Broker({})
    worker = Worker(broker.pending, broker.send, act_from=0, metrics=metrics)
    reported = 0.0
    for message in STORY.messages:
        entry = decode_entry(message)
        if entry.signed.command.person == PROVISIONING:
            reported = entry.at.timestamp()
        worker.follow(message)
        shown = metrics.registry.get_sample_value("sharebus_provisioning_reported_at")
        assert shown == reported
    assert reported


def test_what_fails_now_is_tried_again_and_holds_up_nothing() -> None:
    """A registry that is away delays what needs it, and nothing else."""
    broker = Broker({"resource/a": [Unavailable("away"), Unavailable("away")]})
    work(broker, retries=3)
    assert broker.reported == ["department/d", "grant/g2", "resource/a"]
    assert broker.done.count("resource/a") == 3


@pytest.mark.parametrize("error", [InvalidInput("no"), CommandRefused("not waiting")])
def test_what_can_never_be_done_is_not_tried_again(error: SharebusError) -> None:
    """It is said once; the others are carried out."""
    broker = Broker({"resource/a": [error]})
    work(broker, retries=3)
    assert broker.done.count("resource/a") == 1
    assert broker.reported == ["department/d", "grant/g2"]


def test_what_ends_does_not_wait_for_what_is_made() -> None:
    """While a task is under way, others take their turn, and see whose access it makes."""
    going_on, seen = threading.Event(), []

    def make() -> Act:
        assert going_on.wait(LIMIT_S)
        return ReportProvisioned("grant", "g2", 0)

    async def turns() -> None:
        broker = Broker({})
        worker = Worker(lambda _: [Task("grant/g2", make, "g2")], broker.send, act_from=0)

        async def end() -> None:
            seen.append(worker.letting_in)
            if seen[-1] == "g2":
                going_on.set()

        lanes = [asyncio.create_task(worker.take_turns(w)) for w in (worker.carry_out, end)]
        await asyncio.sleep(0)
        worker.follow(STORY.messages[0])
        async with asyncio.timeout(LIMIT_S):
            while not (broker.reported and seen[-1] == ""):
                await asyncio.sleep(0.01)
        for lane in lanes:
            lane.cancel()

    asyncio.run(turns())
    assert "g2" in seen
