"""How often a topic's records may make the worker ask the ledger."""

from __future__ import annotations

from stream_apps.enforcement.questions import REST_S, Questions


def test_a_topic_asks_once_and_again_after_a_rest_and_others_when_they_like() -> None:
    now = 100.0
    questions = Questions(lambda: now)
    assert questions.may_ask("one")
    questions.asks("one")
    assert not questions.may_ask("one")
    assert questions.may_ask("other")
    now += REST_S
    assert questions.may_ask("one")
