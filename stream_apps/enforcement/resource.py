"""Enforces one resource on a batch of one partition: judged once, then cut for each view.

Nothing here calls Kafka: a batch of messages goes in, and what has to be produced comes out, in
the order of the input. The loop produces it and commits it with its tally.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Message

from schemas.codec import event_codec, load_event_schema
from schemas.ledger.state import Resource, View
from schemas.names import ENVELOPE_HEADER, accepted_topic, quarantine_topic, raw_topic
from schemas.policy import Limits, Reason
from stream_apps.enforcement.layouts import Codes
from stream_apps.enforcement.projection import (
    KeyBatch,
    RecordScanner,
    RowSelector,
    Scanned,
    ViewProjector,
)
from stream_apps.enforcement.tally import Tally

log = logging.getLogger(__name__)
Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Input:
    """A batch of one partition as columns; a None value is a delete, a None key is refused."""

    partition: int
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """Of the deletes only, by place in the batch: those that may be an envelope."""

    def extend(self, messages: Sequence[Message]) -> None:
        """Add consumed messages of this partition at the end."""
        first = len(self.offsets)
        # Unbound methods under map: one C call a message and column.
        self.offsets.extend(map(Message.offset, messages))  # type: ignore[arg-type]
        self.keys.extend(map(Message.key, messages))
        self.values.extend(map(Message.value, messages))
        if None in self.values[first:]:
            for place, message in enumerate(messages, first):
                if self.values[place] is None:
                    self.headers[place] = envelope_headers(message)

    def part(self, first: int, last: int) -> Input:
        """Return the records from the place `first` up to, not including, `last`."""
        return Input(
            self.partition,
            self.offsets[first:last],
            self.keys[first:last],
            self.values[first:last],
            {place - first: h for place, h in self.headers.items() if first <= place < last},
        )


@dataclass(frozen=True, slots=True)
class Output:
    """Records for one topic partition, in order."""

    topic: str
    partition: int
    keys: Sequence[bytes]
    values: Sequence[bytes | None]
    headers: Mapping[int, Headers]
    """By place, of those that have any."""


class EnforcedView:
    """One view of a resource: which rows, which items, where to."""

    def __init__(self, scanner: RecordScanner, view: View) -> None:
        self.view = view
        self.selector = RowSelector(view.policy.rows)
        self.projector = ViewProjector(scanner, view.policy, view_schema_id=view.schema_id)


class ResourceEnforcement:
    """Judges and cuts the records of one resource.

    Args:
        resource: its entry in the ledger; contract, schema and sources come from there.
        limits: bounds on one record.
    """

    def __init__(self, resource: Resource, limits: Limits | None = None) -> None:
        contract = resource.contract
        self.resource = contract.resource
        self.partitions = contract.partitions
        self.views: dict[str, EnforcedView] = {}
        self.scanner = RecordScanner(
            resource.schema,
            schema_id=resource.schema_id,
            key_item=contract.key,
            resource=contract.resource,
            sources=resource.sources,
            limits=limits,
        )
        self._delete_scanner = RecordScanner(
            load_event_schema("envelope"),
            schema_id=None,
            key_item=None,
            resource=contract.resource,
            sources=resource.sources,
            limits=limits,
        )
        # Where only one department may write, it wrote; otherwise a refused record says nothing.
        self._only_source = resource.sources[0] if len(resource.sources) == 1 else None

    def keep_view(self, view: View) -> None:
        """Take part in a view, compiled now."""
        self.views[view.topic] = EnforcedView(self.scanner, view)

    def enforce(self, batch: Input, tally: Tally) -> list[Output]:
        """Return everything that a live batch gives: accepted, views, quarantine; count it.

        A record that can't be judged at all is quarantined as `internal`, alone.
        """
        counted = tally.blank()
        try:
            outputs = list(self._outputs(batch, counted))
        except MemoryError:  # says something of this machine, nothing of the records
            raise
        except Exception as error:
            # Whatever it is: nothing of the record goes out, and the others go on.
            count = len(batch.offsets)
            log.error("%s on %d records of %s", type(error).__name__, count, self.resource)
            if count > 1:
                halves = batch.part(0, count // 2), batch.part(count // 2, count)
                return [output for half in halves for output in self.enforce(half, tally)]
            counted = tally.blank()
            counted.records = 1
            outputs = [self._quarantined(batch, {0: Reason.INTERNAL}, counted)]
        tally.add(counted)
        return outputs

    def _outputs(self, batch: Input, tally: Tally) -> Iterator[Output]:
        judged = self._judge(batch)
        tally.records += len(batch.offsets)
        tally.deletes += len(judged.deletes)
        yield self._accepted(batch, judged)
        for view in self.views.values():
            yield from _cut(view, batch, judged, tally)
        if judged.refused:
            yield self._quarantined(batch, judged.refused, tally)

    def fill(self, batch: Input, tally: Tally, view: EnforcedView) -> Iterator[Output]:
        """Yield what a batch of `accepted` gives to one view that is being filled; count it.

        Raises:
            RuntimeError: a record that was accepted is refused now; nothing may be let out.
        """
        judged = self._judge(batch)
        if judged.refused:
            reason = next(iter(judged.refused.values()))
            raise RuntimeError(f"an accepted record is refused now: {reason.text}")
        tally.records += len(batch.offsets)
        tally.deletes += len(judged.deletes)
        yield from _cut(view, batch, judged, tally)

    def _judge(self, batch: Input) -> _Judged:
        keys = KeyBatch(batch.keys)
        scanned = self.scanner.scan(keys, [value or b"" for value in batch.values])
        if not batch.headers:
            return _Judged(keys, scanned, scanned.status)
        # A delete has no value; its envelope, in a header, is judged instead.
        status = scanned.status.copy()
        deletes = list(batch.headers)
        envelopes = [_envelope(batch.headers[i]) for i in deletes]
        found = self._delete_scanner.scan(
            [batch.keys[i] for i in deletes], [envelope or b"" for envelope in envelopes]
        )
        for place, envelope, verdict in zip(deletes, envelopes, found.status, strict=True):
            lacks = envelope is None and batch.keys[place]
            status[place] = Reason.DELETE_WITHOUT_ENVELOPE if lacks else verdict
        return _Judged(keys, scanned, status, [i for i in deletes if status[i] == Reason.OK])

    def _accepted(self, batch: Input, judged: _Judged) -> Output:
        topic = accepted_topic(self.resource)
        if not judged.refused:
            keys = [key or b"" for key in batch.keys]
            return Output(topic, batch.partition, keys, batch.values, batch.headers)
        places = np.flatnonzero(judged.status == Reason.OK).tolist()
        values = [batch.values[i] for i in places]
        return _output(topic, batch.partition, batch, places, values)

    def _quarantined(self, batch: Input, refused: Mapping[int, Reason], tally: Tally) -> Output:
        tally.quarantined.update(reason.text for reason in refused.values())
        coordinates = {"topic": raw_topic(self.resource), "partition": batch.partition}
        values = [
            event_codec("quarantine").encode(
                {
                    **coordinates,
                    "offset": batch.offsets[i],
                    "source": self._only_source,
                    "reason": reason.text,
                }
            )
            for i, reason in refused.items()
        ]
        keys = [f"{batch.partition}/{batch.offsets[i]}".encode() for i in refused]
        return Output(quarantine_topic(self.resource), batch.partition, keys, values, {})


class _Judged:
    """A batch with its verdicts; valid until the resource judges the next one."""

    def __init__(
        self, keys: KeyBatch, scanned: Scanned, status: Codes, deletes: Sequence[int] = ()
    ) -> None:
        self.keys, self.scanned, self.status, self.deletes = keys, scanned, status, deletes
        places: list[int] = np.flatnonzero(status != Reason.OK).tolist()
        self.refused = {place: Reason(int(status[place])) for place in places}


def _cut(view: EnforcedView, batch: Input, judged: _Judged, tally: Tally) -> Iterator[Output]:
    selected = view.selector.select(judged.keys)
    projected = view.projector.project(judged.scanned, selected)
    places: Sequence[int] = projected.indices
    values: Sequence[bytes | None] = projected.payloads
    deletes = [i for i in judged.deletes if selected[i]]
    if deletes:
        # Records and deletes in the order in which they came.
        by_place: dict[int, bytes | None] = dict(zip(places, values, strict=True))
        by_place.update(dict.fromkeys(deletes))
        places = sorted(by_place)
        values = [by_place[i] for i in places]
    if not places:
        return
    partition = batch.partition % view.view.partitions
    output = _output(view.view.topic, partition, batch, places, values)
    counted = tally.view(view.view.policy.name)
    counted.out += len(places)
    counted.deletes += len(deletes)
    counted.bytes += sum(map(len, output.keys)) + sum(map(len, projected.payloads))
    yield output


def envelope_headers(message: Message) -> Headers:
    """Return what is judged as the envelope; another header would pass unseen into every view."""
    try:
        headers: Headers = list(message.headers() or [])  # type: ignore[arg-type]
    except (SystemError, UnicodeDecodeError):
        # confluent-kafka 2.16 on a name that is not UTF-8: nothing is known of the others either.
        return []
    return [header for header in headers if header[0] == ENVELOPE_HEADER]


def _output(
    topic: str,
    partition: int,
    batch: Input,
    places: Sequence[int],
    values: Sequence[bytes | None],
) -> Output:
    keys = [batch.keys[i] or b"" for i in places]
    headers = (
        {place: batch.headers[i] for place, i in enumerate(places) if i in batch.headers}
        if batch.headers
        else {}
    )
    return Output(topic, partition, keys, values, headers)


def _envelope(headers: Headers) -> bytes | None:
    found = [value for name, value in headers if name == ENVELOPE_HEADER]
    return found[0] if len(found) == 1 and isinstance(found[0], bytes) else None
