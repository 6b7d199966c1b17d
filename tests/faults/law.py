"""What has to come of each raw record, by the strict reference, one record after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from schemas.codec import load_event_schema
from schemas.errors import InvalidRecord
from schemas.ledger.state import LedgerState, Resource, View
from schemas.names import ENVELOPE_HEADER
from schemas.policy import reference
from schemas.policy.policy import ENVELOPE

Headers = tuple[tuple[str, bytes], ...]
Content = tuple[bytes, bytes | None, Headers]
"""Key, value and headers of a record."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What has to come of one raw record.

    Attributes:
        refused: why it belongs into quarantine; empty: it is accepted.
        is_delete: says that its row is no more.
        views: what each view lets out, by its topic; nothing where it lets nothing out.
    """

    refused: str
    is_delete: bool
    views: Mapping[str, Content]


class Law:
    """Judges the records of one resource's one source, in their order.

    Args:
        state: of the ledger; the resource's entry and views are taken from there.
        resource: its id.
    """

    def __init__(self, state: LedgerState, resource: str) -> None:
        self._entry: Resource = state.resources[resource]
        self.views: dict[str, View] = {
            view.topic: view for view in state.views.values() if view.policy.resource == resource
        }
        self._inside: dict[str, set[bytes]] = {topic: set() for topic in self.views}
        self._envelope = load_event_schema("envelope")

    def judge(self, key: bytes | None, value: bytes | None, headers: Headers) -> Ruling:
        """Rule on the next record of its partition."""
        try:
            return self._judge(key, value, headers)
        except InvalidRecord as refusal:
            return Ruling(refusal.reason, False, {})

    def _judge(self, key: bytes | None, value: bytes | None, headers: Headers) -> Ruling:
        if headers:
            return self._delete(key, headers)
        contract = self._entry.contract
        how: dict[str, Any] = {
            "schema_id": self._entry.schema_id,
            "key_item": contract.key,
            "key": key,
            "message": value or b"",
            "resource": contract.resource,
            "sources": list(self._entry.sources),
        }
        event = reference.examine(self._entry.schema, **how)
        assert key is not None
        out: dict[str, Content] = {}
        for topic, view in self.views.items():
            projected = reference.project(
                view.policy, self._entry.schema, view_schema_id=view.schema_id, **how
            )
            inside = self._inside[topic]
            if projected is not None:
                inside.add(key)
                out[topic] = (key, projected, ())
            elif key in inside:
                inside.discard(key)
                moved = reference.encode(self._envelope, event[ENVELOPE])
                out[topic] = (key, None, ((ENVELOPE_HEADER, moved),))
        return Ruling("", False, out)

    def _delete(self, key: bytes | None, headers: Headers) -> Ruling:
        contract = self._entry.contract
        ((_, envelope),) = headers
        reference.examine(
            self._envelope,
            schema_id=None,
            key_item=None,
            key=key,
            message=envelope,
            resource=contract.resource,
            sources=list(self._entry.sources),
        )
        assert key is not None
        out: dict[str, Content] = {}
        for topic, inside in self._inside.items():
            if key in inside:
                inside.discard(key)
                out[topic] = (key, None, headers)
        return Ruling("", True, out)


@contextmanager
def schemas_read_once() -> Iterator[None]:
    """Let the reference read each schema once, and not once a record; it stays what it is.

    A record that it has just examined it needn't examine again for the next view either.
    """
    names = ("read_record", "read_schema", "view_schema")
    before = {name: getattr(reference, name) for name in (*names, "examine")}
    try:
        for name in names:
            setattr(reference, name, _remembering(before[name]))
        reference.examine = _remembering_last(before["examine"])
        yield
    finally:
        for name, function in before.items():
            setattr(reference, name, function)


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    # The arguments are kept, so that an identity stays theirs.
    known: dict[tuple[int, ...], tuple[object, object]] = {}

    def call(*arguments: object, **named: object) -> Any:
        place = tuple(map(id, (*arguments, *named.values())))
        if place not in known:
            known[place] = ((arguments, named), function(*arguments, **named))
        return known[place][1]

    return call


def _remembering_last(function: Callable[..., Any]) -> Callable[..., Any]:
    last: list[Any] = [None, None]

    def call(schema: object, **named: object) -> Any:
        about = (id(schema), {name: id(value) for name, value in named.items() if name != "limits"})
        kept = (schema, named)
        if last[0] is None or last[0][0] != about:
            last[:] = [(about, kept), function(schema, **named)]
        return last[1]

    return call
