"""When a grant's view is cleared before it is opened; versions; the order of a cut."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from infra.kafka import topics
from infra.kafka.clients import Access
from schemas.clock import EPOCH
from schemas.errors import Unavailable
from schemas.ledger.acts import Act, ReportProvisioned, Source, SourceRows
from schemas.ledger.state import LedgerState
from stream_apps.provisioning import tasks
from stream_apps.provisioning.tasks import Provisioner
from tests.unit.ledger_story import RESOURCE, Story, next_version, peopled, publication, published

Clear = Callable[[Story, timedelta, int], list[str]]
LONG = timedelta(hours=1)


class Registry:
    """Takes every schema, and numbers them from 21 as they come."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        self._schemas: list[Mapping[str, object]] = []

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Return an id."""
        if schema not in self._schemas:
            self._schemas.append(schema)
        number = 21 + self._schemas.index(schema)
        self.taken.append((subject, number))
        return number


@pytest.fixture
def clear(monkeypatch: pytest.MonkeyPatch) -> Clear:
    """Carry out the one grant that waits, so long after the cut; return the topics deleted."""
    deleted: list[str] = []

    def carry_out(story: Story, later: timedelta, held: int) -> list[str]:
        def nothing(*_: object, **__: object) -> None:
            """Stand for what is made on the broker."""

        monkeypatch.setattr(Access, "admin", nothing)
        monkeypatch.setattr(tasks, "furnish", nothing)
        monkeypatch.setattr(topics, "delete", lambda _, topic: deleted.append(topic))
        monkeypatch.setattr(tasks, "ends_of", lambda _, views: dict.fromkeys(views, (held,)))

        def now() -> LedgerState:
            return story.state

        def clock() -> datetime:
            return max(g.cut_at for g in story.state.grants.values() if g.cut_at) + later

        provisioner = Provisioner(Access("", "", ""), Registry(), str, now, clock)
        (task,) = provisioner.pending(WAITING.state)
        task.do()
        return deleted

    return carry_out


def ended() -> Story:
    """Return a ledger in which a view was opened, and ended with its only grant."""
    story = published()
    story.cut(story.grant("li"))
    return story


def asked(story: Story) -> Story:
    """Ask for the same again."""
    story.ask("wang")
    return story


WAITING = asked(ended())
"""What provisioning has folded, which may be behind the ledger's present end."""


def test_what_an_earlier_opening_left_is_deleted(clear: Clear) -> None:
    """Nobody kept it up to date: its readers must not meet rows that ended meanwhile."""
    (grant,) = (g for g in WAITING.state.grants.values() if g.subscriber == "justice")
    assert clear(WAITING, LONG, 5) == [grant.view]


def test_a_view_that_was_opened_meanwhile_is_left_alone(clear: Clear) -> None:
    """Another grant's report came in between: what the topic holds is this opening's."""
    story = asked(ended())
    other = story.state.requests[story.ask("li")].grant
    story.provision("grant", other, 21)
    assert clear(story, LONG, 5) == []


def test_an_empty_topic_is_left_alone(clear: Clear) -> None:
    """An earlier try made it, or nothing was ever let out."""
    assert clear(WAITING, LONG, 0) == []


def test_a_view_that_ended_a_moment_ago_is_waited_for(clear: Clear) -> None:
    """A transaction that was begun before the end may still write to it; then it is retried."""
    with pytest.raises(Unavailable) as waiting:
        clear(WAITING, timedelta(seconds=5), 5)
    assert waiting.value.retryable


def carried_out(
    story: Story, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, Act]]:
    """Carry out what waits, the broker left out; return subjects and reports."""
    monkeypatch.setattr(Access, "admin", lambda _: None)
    monkeypatch.setattr(tasks, "furnish", lambda *_: None)
    monkeypatch.setattr(tasks, "ends_of", lambda _, views: dict.fromkeys(views, ()))
    provisioner = Provisioner(Access("", "", ""), registry, str, lambda: story.state, lambda: EPOCH)
    done = [(task.subject, task.do()) for task in provisioner.pending(story.state)]
    for _, report in done:
        story.do("provisioning", report)
    return done


def test_each_version_is_registered_under_the_subjects_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever reads a raw topic finds every schema that its records are written with."""
    sources = (
        Source("civil-affairs", SourceRows("prefix", ("1",))),
        Source("health", SourceRows("prefix", ("4",))),
    )
    subjects = [f"raw.{RESOURCE}.{each.department}-value" for each in sources]
    registry, story = Registry(), peopled()
    for entry, name, number in (
        (publication(), RESOURCE, 21),
        (next_version(), f"{RESOURCE}/2", 22),
        (next_version(name="行政区划（修订）"), f"{RESOURCE}/3", 22),
    ):
        story.do("zhang", replace(entry, sources=sources))
        registry.taken.clear()
        done = carried_out(story, registry, monkeypatch)
        assert done == [(f"resource/{name}", ReportProvisioned("resource", name, number))]
        assert registry.taken == [(subject, number) for subject in subjects]
        assert carried_out(story, registry, monkeypatch) == []
    assert list(story.state.resources[RESOURCE].written_with()) == [21, 22]


def test_a_live_view_keeps_the_schema_that_it_was_opened_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later version may word an item's documentation anew; records of the view don't change."""
    registry, story = Registry(), published()
    story.ask("li")
    carried_out(story, registry, monkeypatch)
    (view,) = story.state.views.values()
    entry = next_version()
    schema = json.loads(entry.schema)
    schema["fields"][1]["doc"] = "worded anew"
    story.do("zhang", replace(entry, schema=json.dumps(schema)))
    carried_out(story, registry, monkeypatch)
    registry.taken.clear()
    asked = story.state.requests[story.ask("wang")].grant
    report = ReportProvisioned("grant", asked, view.schema_id)
    assert carried_out(story, registry, monkeypatch) == [(f"grant/{asked}", report)]
    assert registry.taken == []
    assert list(story.state.views.values()) == [view]
    for grant in list(story.state.grants):
        story.cut(grant)
    story.ask("wang")
    carried_out(story, registry, monkeypatch)
    (again,) = story.state.views.values()
    assert again.topic == view.topic
    assert registry.taken == [(f"{view.topic}-value", again.schema_id)]
    assert again.schema_id != view.schema_id
