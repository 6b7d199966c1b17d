"""When a grant's view is cleared before it is opened, and when it is left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest

from infra.kafka import topics
from infra.kafka.clients import Access
from schemas.errors import Unavailable
from schemas.ledger.state import LedgerState
from stream_apps.provisioning import tasks
from stream_apps.provisioning.tasks import Provisioner
from tests.unit.ledger_story import Story, published

Clear = Callable[[Story, timedelta, int], list[str]]
LONG = timedelta(hours=1)


class Registry:
    """Takes every schema."""

    def register(self, subject: str, schema: Mapping[str, object]) -> int:
        """Return an id."""
        return 21


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
