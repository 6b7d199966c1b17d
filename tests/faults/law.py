"""What has to come of each raw record, by the strict reference, one record after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.secrets import Secrets
from schemas.codec import load_event_schema
from schemas.errors import InvalidRecord
from schemas.ledger.state import LedgerState, Resource
from schemas.ledger.subjects import View
from schemas.names import ENVELOPE_HEADER
from schemas.policy import ENVELOPE
from schemas.policy.examining import Examiner
from schemas.policy.reference import Projection, encode, view_key

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
        secrets: give the keys of pseudonyms.
    """

    def __init__(self, state: LedgerState, resource: str, secrets: Secrets) -> None:
        entry: Resource = state.resources[resource]
        self._key_item = entry.contract.key
        common: dict[str, Any] = {"resource": resource, "sources": list(entry.sources)}
        self._values = Examiner(
            entry.schema, schema_id=entry.schema_id, key_item=self._key_item, **common
        )
        self._envelope = load_event_schema("envelope")
        self._headers = Examiner(self._envelope, schema_id=None, key_item=None, **common)
        self.views: dict[str, View] = {
            view.topic: view for view in state.views.values() if view.policy.resource == resource
        }
        self._keys = {t: secrets.pseudonym_key(view.policy) for t, view in self.views.items()}
        self._projections = {
            topic: Projection(
                view.policy,
                self._values,
                view_schema_id=view.schema_id,
                pseudonym_key=self._keys[topic],
            )
            for topic, view in self.views.items()
        }
        self._inside: dict[str, set[bytes]] = {topic: set() for topic in self.views}

    def judge(self, key: bytes | None, value: bytes | None, headers: Headers) -> Ruling:
        """Rule on the next record of its partition."""
        try:
            if headers:
                ((_, envelope),) = headers
                self._headers.examine(key, envelope)
                return Ruling("", True, self._views(key or b"", None, headers))
            event = self._values.examine(key, value or b"")
        except InvalidRecord as refusal:
            return Ruling(refusal.reason, False, {})
        envelope = encode(self._envelope, event[ENVELOPE])
        moved: Headers = ((ENVELOPE_HEADER, envelope),)
        return Ruling("", False, self._views(key or b"", value, moved))

    def _views(self, raw: bytes, value: bytes | None, ending: Headers) -> dict[str, Content]:
        """Return what each view lets out; a view that loses a row it has ends it."""
        out: dict[str, Content] = {}
        for topic, projection in self._projections.items():
            policy = self.views[topic].policy
            key = view_key(policy, self._key_item, raw, self._keys[topic])
            made = None if value is None else projection.project(raw, value)
            if made is not None:
                self._inside[topic].add(key)
                out[topic] = (key, made, ())
            elif all(row.item == self._key_item for row in policy.rows):
                # The key decides: who may have the row is told of each end, once or twice.
                if value is None and all(row.matches(raw) for row in policy.rows):
                    out[topic] = (key, None, ending)
            elif key in self._inside[topic]:
                self._inside[topic].discard(key)
                out[topic] = (key, None, ending)
        return out
