"""Gives each record of a batch its verdict, before anything of it is let out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from schemas.codec import load_event_schema
from schemas.ledger.state import Resource
from schemas.names import HEARTBEAT_HEADER
from schemas.policy import Limits, Reason, RowFilter
from schemas.policy.examining import FRAME_LENGTH, frame
from stream_apps.enforcement.batches import Headers, Input
from stream_apps.enforcement.layouts import Codes, Mask
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner, Scanned
from stream_apps.enforcement.scopes import RowSelector


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A batch with its verdicts; valid until the same judge is given the next one.

    Args:
        keys: of the batch.
        scans: for each version of the schema that came up, its number and what its scanner says;
            at least one. To it, records of other versions are none.
        passed: what is a change event and passed every check, deletes included.
        refused: why the others were not accepted, by place.
        deletes: those that passed.
        heartbeats: those that are in order; they say nothing of any row, so they are passed on
            nowhere.
    """

    keys: KeyBatch
    scans: Sequence[tuple[int, Scanned]]
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
        self.scanners = [
            RecordScanner(
                schema,
                schema_id=schema_id,
                key_item=contract.key,
                resource=contract.resource,
                sources=sources,
                limits=limits,
            )
            for schema_id, schema in resource.written_with().items()
        ]
        self._versions = {
            frame(schema_id): version for version, schema_id in enumerate(resource.written_with())
        }
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
        scans = [(version, each.within(own)) for version, each in self._scan(keys, batch)]
        status, passed = scans[0][1].status, scans[0][1].accepted
        for _, scanned in scans[1:]:
            # Where another version's records stand, a scanner sees no frame.
            status = np.where(status == Reason.BAD_FRAME, scanned.status, status)
            passed = passed | scanned.accepted
        if not batch.headers:
            return Judged(keys, scans, passed, _refused(status))
        # What has no value is judged by its envelope, which is in a header.
        beats = [i for i, headers in batch.headers.items() if _is_heartbeat(headers)]
        deletes = [i for i in batch.headers if i not in set(beats)]
        status = status.copy()
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
            keys, scans, passed, _refused(status), [i for i in deletes if passed[i]], alive
        )

    def _scan(self, keys: KeyBatch, batch: Input) -> Iterator[tuple[int, Scanned]]:
        """Yield what each version's scanner says; of one version unless frames name several."""
        payloads = cast("Sequence[bytes]", batch.values)
        if batch.headers:  # where there is no value
            payloads = [value or b"" for value in batch.values]
        newest = len(self.scanners) - 1
        if not newest:
            yield 0, self.scanners[0].scan(keys, payloads)
            return
        named = [self._versions.get(payload[:FRAME_LENGTH], newest) for payload in payloads]
        for version in sorted(set(named)) or [newest]:
            own = [
                payload if its == version else b""
                for payload, its in zip(payloads, named, strict=True)
            ]
            yield version, self.scanners[version].scan(keys, own)

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
