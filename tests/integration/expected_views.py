"""What a view must hold, by the strict reference, and what it holds."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from schemas.ledger.subjects import Grant
from schemas.names import ENVELOPE_HEADER
from schemas.policy.application import keeps_key
from schemas.policy.examining import Examiner
from schemas.policy.masking import pseudonym
from schemas.policy.reference import Projection
from tests.integration.running_bus import RESOURCE, RunningBus


class Expected:
    """What a view must hold, by the strict reference from what was accepted."""

    def __init__(self, bus: RunningBus, grant: Grant) -> None:
        entry = bus.state().resources[RESOURCE]
        self._policy, self._key_item = grant.policy, entry.contract.key
        self._key = bus.bus.secrets.pseudonym_key(grant.policy)
        examiner = Examiner(
            entry.schema,
            schema_id=entry.schema_id,
            key_item=entry.contract.key,
            resource=RESOURCE,
            sources=list(entry.sources),
        )
        view = bus.state().views[grant.view]
        self._projection = Projection(
            grant.policy, examiner, view_schema_id=view.schema_id, pseudonym_key=self._key
        )

    def key(self, raw: bytes) -> bytes:
        """Return a record's key in the view."""
        if keeps_key(self._policy, self._key_item):
            return raw
        assert self._key is not None
        return pseudonym(self._key, raw).encode()

    def state(self, accepted: list[Message]) -> dict[bytes, bytes]:
        """Return the view's rows by key."""
        last = {message.key() or b"": message.value() for message in accepted}
        found = {}
        for key, value in last.items():
            made = None if value is None else self._projection.project(key, value)
            if made is not None:
                found[self.key(key)] = made
        return found


def folded(messages: list[Message], by_key: bool) -> dict[bytes, bytes]:
    """Fold a view's messages; each delete has its envelope.

    Where the key doesn't decide which rows are in, a delete ends one that was there.
    """
    state: dict[bytes, bytes] = {}
    for message in messages:
        key, value = message.key() or b"", message.value()
        if value is None:
            headers: Any = message.headers()
            assert [name for name, _ in headers] == [ENVELOPE_HEADER]
            assert by_key or key in state, "a delete of what the view doesn't have"
            state.pop(key, None)
        else:
            state[key] = value
    return state
