"""A ledger in which grants of any packaged resource were given, to have them explained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from infra.clock import EventIds
from producers.given_record import given_record
from schemas.catalogue import contract_json, packaged_resource
from schemas.explaining import GivenRecord
from schemas.ledger import acts
from schemas.ledger.state import LedgerState
from schemas.ledger.subjects import Grant
from tests.unit.ledger_story import PURPOSE, SOURCE, Story, peopled

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
KEY = bytes(range(32))
AUDIENCE = {"department": "health", "key_version": 2}
SCHEMA_ID = 31


def publish(
    resource: str,
    document: Mapping[str, Any] | None = None,
    sources: Sequence[acts.Source] = (SOURCE,),
) -> Story:
    """Return a ledger with a packaged resource published by zhang, its document changed."""
    contract, schema = _packaged(resource)
    text = contract if document is None else json.dumps(document)
    story = peopled()
    story.do("zhang", acts.PublishEntry(resource, text, schema, tuple(sources)))
    story.provision("resource", resource, SCHEMA_ID)
    return story


def grant(story: Story, items: Mapping[str, Any], **more: Any) -> Grant:
    """Let li ask for items and zhao approve, where that is needed; return the grant."""
    (resource,) = story.state.resources
    policy = json.dumps({"resource": resource, "items": items, **more})
    case = story.state.requests["r" + story.do("li", acts.Request(policy, PURPOSE))]
    if not case.grant:
        story.do("zhao", acts.Approve(case.id, "仅用于流行病学调查"))
    return story.state.grants[case.grant]


def event(state: LedgerState, row: Mapping[str, Any], resource: str = "") -> GivenRecord:
    """Return the event that publishing makes of a row, a JSON object."""
    known = state.resources[resource or next(iter(state.resources))]
    text = json.dumps(row, ensure_ascii=False)
    return given_record(known, text, "-", clock=lambda: NOW, event_ids=EventIds())


@cache
def _packaged(resource: str) -> tuple[str, str]:
    contract, schema = packaged_resource(resource)
    return contract_json(contract), json.dumps(schema)
