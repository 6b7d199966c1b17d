"""Gives each record of a batch its verdict, before anything of it is let out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.codec import load_event_schema
from schemas.ledger.state import Resource
from schemas.names import HEARTBEAT_HEADER
from schemas.policy import Limits, Reason, RowFilter
from stream_apps.enforcement.batches import Headers, Input
from stream_apps.enforcement.layouts import Codes, Mask
from stream_apps.enforcement.projection import KeyBatch, RecordScanner, RowSelector, Scanned


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A batch with its verdicts; valid until the same judge is given the next one.

    Args:
        keys: of the batch.
        scanned: its values.
        passed: what is a change event and passed every check, deletes included.
        refused: why the others were not accepted, by place.
        deletes: those that passed.
        heartbeats: those that are in order; they say nothing of any row, so they are passed on
            nowhere.
    """

    keys: KeyBatch
    scanned: Scanned
    passed: Mask
    refused: Mapping[int, Reason]
    deletes: Sequence[int] = ()
    heartbeats: Sequence[int] = ()


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
        self._ids = {source.encode() for source in sources}

    def judge(self, batch: Input) -> Judged:
        """Do every check on each record."""
        keys = KeyBatch(batch.keys)
        own = self._scope.select(keys)
        scanned = self.scanner.scan(keys, [value or b"" for value in batch.values]).within(own)
        if not batch.headers:
            return Judged(keys, scanned, scanned.accepted, _refused(scanned.status))
        # What has no value is judged by its envelope, which is in a header.
        beats = [i for i, headers in batch.headers.items() if _is_heartbeat(headers)]
        deletes = [i for i in batch.headers if i not in set(beats)]
        status = scanned.status.copy()
        found = self._judge_headers(batch, deletes, Reason.DELETE_WITHOUT_ENVELOPE)
        status[deletes] = np.where((found == Reason.OK) & ~own[deletes], Reason.FOREIGN_ROW, found)
        status[beats] = self._judge_headers(batch, beats, Reason.MALFORMED_HEARTBEAT)
        for place in beats:
            if status[place] == Reason.OK and batch.keys[place] not in self._ids:
                status[place] = Reason.MALFORMED_HEARTBEAT
        passed = status == Reason.OK
        alive = [i for i in beats if passed[i]]
        passed[alive] = False
        return Judged(
            keys, scanned, passed, _refused(status), [i for i in deletes if passed[i]], alive
        )

    def _judge_headers(self, batch: Input, places: list[int], missing: Reason) -> Codes:
        """Return the verdict on each record by its one header; `missing` where it hasn't one."""
        keys = [batch.keys[i] for i in places]
        envelopes = [_only(batch.headers[i]) for i in places]
        found = self._envelope_scanner.scan(keys, [envelope or b"" for envelope in envelopes])
        lacks = [
            envelope is None and bool(key) for envelope, key in zip(envelopes, keys, strict=True)
        ]
        return np.where(np.array(lacks, np.bool_), np.int8(missing), found.status)


def _refused(status: Codes) -> dict[int, Reason]:
    places: list[int] = np.flatnonzero(status != Reason.OK).tolist()
    return {place: Reason(int(status[place])) for place in places}


def _is_heartbeat(headers: Headers) -> bool:
    return any(name == HEARTBEAT_HEADER for name, _ in headers)


def _only(headers: Headers) -> bytes | None:
    value = headers[0][1] if len(headers) == 1 else None
    return value if isinstance(value, bytes) else None
