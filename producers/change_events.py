"""Makes change events of one resource: rows checked, encoded, framed, with their envelopes.

Pure but for clock and ids, which are injected; sending is the publisher's.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from producers.encoding import refuse, utf8
from producers.envelopes import Envelopes, EventIds
from producers.row_writer import RowWriter
from schemas.catalogue import Contract
from schemas.clock import MicrosClock
from schemas.codec import frame_prefix
from schemas.errors import InvalidRecord
from schemas.policy import Limits, Match, Reason, RowFilter

MAX_BYTES: Final = Limits().max_record_bytes
"""Of a record, key and value together; the bus would quarantine a larger one."""

_FOREIGN: Final = Reason.FOREIGN_ROW.text


class ChangeEvents:
    """Makes upserts and deletes as one source department.

    Args:
        contract: of the resource.
        schema: the Avro schema that `schema_id` names in the registry.
        schema_id: its id.
        source: id of the source department.
        scope: the rows that the source answers for; None for all.
        clock, event_ids: injected.
    """

    def __init__(
        self,
        contract: Contract,
        schema: Mapping[str, Any],
        schema_id: int,
        source: str,
        *,
        scope: RowFilter | None = None,
        clock: MicrosClock,
        event_ids: EventIds,
    ) -> None:
        self._key = contract.key
        self._is_own = None if scope is None else _membership(scope)
        self._rows = RowWriter(contract, schema)
        self._write = self._rows.keyed
        self._frame = frame_prefix(schema_id)
        self._source = source.encode()
        self._envelope = Envelopes(source, contract.resource, clock, event_ids).envelope

    def upsert(
        self, items: Mapping[str, Any], occurred_at: datetime | None = None
    ) -> tuple[bytes, bytes]:
        """Return key and value of an event that says the present state of one row.

        Raises:
            InvalidRecord: naming item and reason; `foreign-row` where another source answers.
        """
        key, row = self._write(items)
        if self._is_own is not None and not self._is_own(items[self._key]):
            refuse(_FOREIGN, self._key)
        value = b"".join((self._frame, self._envelope(occurred_at), row))
        if len(key) + len(value) > MAX_BYTES:
            raise InvalidRecord(f"larger-than-{MAX_BYTES}-bytes")
        return key, value

    def delete(self, key: str, occurred_at: datetime | None = None) -> tuple[bytes, bytes]:
        """Return key and envelope of an event that says that a row is no more.

        Raises:
            InvalidRecord: the key is none, too long, or another source's (`foreign-row`).
        """
        self._rows.check_key(key)
        encoded = utf8(key, self._key)
        if self._is_own is not None and not self._is_own(key):
            refuse(_FOREIGN, self._key)
        envelope = self._envelope(occurred_at)
        if len(encoded) + len(envelope) > MAX_BYTES:
            raise InvalidRecord(f"larger-than-{MAX_BYTES}-bytes")
        return encoded, envelope

    def heartbeat(self) -> tuple[bytes, bytes]:
        """Return key and envelope of an event that says that there is nothing to say."""
        return self._source, self._envelope(None)


def _membership(scope: RowFilter) -> Callable[[str], bool]:
    """Return how to tell whether a key lies in a scope, in the time of one look-up."""
    if scope.match is Match.IN:
        return frozenset(scope.texts).__contains__
    prefixes = scope.texts

    def begins(key: str) -> bool:
        # Sorted and prefix-free: only the greatest that is not above the key can begin it.
        place = bisect(prefixes, key)
        return place > 0 and key.startswith(prefixes[place - 1])

    return begins
