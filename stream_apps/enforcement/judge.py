"""Gives each record of a batch its verdict, before anything of it is let out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from schemas.codec import load_event_schema
from schemas.ledger.state import Resource
from schemas.names import ENVELOPE_HEADER
from schemas.policy import Limits, Reason, RowFilter
from stream_apps.enforcement.batches import Headers, Input
from stream_apps.enforcement.layouts import Codes
from stream_apps.enforcement.projection import KeyBatch, RecordScanner, RowSelector, Scanned


class Judged:
    """A batch with its verdicts; valid until the same judge is given the next one."""

    def __init__(
        self, keys: KeyBatch, scanned: Scanned, status: Codes, deletes: Sequence[int] = ()
    ) -> None:
        self.keys, self.scanned, self.status, self.deletes = keys, scanned, status, deletes
        places: list[int] = np.flatnonzero(status != Reason.OK).tolist()
        self.refused = {place: Reason(int(status[place])) for place in places}


class Judge:
    """Holds the records of one topic of a resource to its rules (R5.4).

    Args:
        resource: its entry in the ledger.
        sources: the departments that an envelope on this topic may name.
        scope: the rows that may be written there; None for all.
        limits: bounds on one record.
    """

    def __init__(
        self,
        resource: Resource,
        sources: Collection[str],
        scope: RowFilter | None = None,
        limits: Limits | None = None,
    ) -> None:
        contract = resource.contract
        self.scanner = RecordScanner(
            resource.schema,
            schema_id=resource.schema_id,
            key_item=contract.key,
            resource=contract.resource,
            sources=sources,
            limits=limits,
        )
        self._envelope_scanner = RecordScanner(
            load_event_schema("envelope"),
            schema_id=None,
            key_item=None,
            resource=contract.resource,
            sources=sources,
            limits=limits,
        )
        self._scope = RowSelector(scope)

    def judge(self, batch: Input) -> Judged:
        """Do every check on each record."""
        keys = KeyBatch(batch.keys)
        own = self._scope.select(keys)
        scanned = self.scanner.scan(keys, [value or b"" for value in batch.values]).within(own)
        if not batch.headers:
            return Judged(keys, scanned, scanned.status)
        # A delete has no value; its envelope, in a header, is judged instead.
        status = scanned.status.copy()
        deletes = list(batch.headers)
        envelopes = [_envelope(batch.headers[i]) for i in deletes]
        found = self._envelope_scanner.scan(
            [batch.keys[i] for i in deletes], [envelope or b"" for envelope in envelopes]
        ).within(own[deletes])
        for place, envelope, verdict in zip(deletes, envelopes, found.status, strict=True):
            lacks = envelope is None and batch.keys[place]
            status[place] = Reason.DELETE_WITHOUT_ENVELOPE if lacks else verdict
        return Judged(keys, scanned, status, [i for i in deletes if status[i] == Reason.OK])


def _envelope(headers: Headers) -> bytes | None:
    found = [value for name, value in headers if name == ENVELOPE_HEADER]
    return found[0] if len(found) == 1 and isinstance(found[0], bytes) else None
