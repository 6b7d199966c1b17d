"""Enforces one resource on a batch of one partition: judged once, then cut for each view.

Nothing here calls Kafka: a batch of messages goes in, and what has to be produced comes out, in
the order of the input. The loop produces it and commits it with its tally.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from schemas.codec import event_codec
from schemas.ledger.state import Resource, View
from schemas.names import accepted_topic, quarantine_topic
from schemas.policy import Limits, Reason
from stream_apps.enforcement.batches import Input, Output
from stream_apps.enforcement.judge import Judge, Judged
from stream_apps.enforcement.projection import RecordScanner, RowSelector, ViewProjector
from stream_apps.enforcement.tally import Tally

log = logging.getLogger(__name__)


class EnforcedView:
    """One view of a resource: which rows, which items, where to."""

    def __init__(self, scanner: RecordScanner, view: View) -> None:
        self.view = view
        self.selector = RowSelector(*view.policy.rows)
        self.projector = ViewProjector(scanner, view.policy, view_schema_id=view.schema_id)


class ResourceEnforcement:
    """Judges and cuts the records of one resource.

    Each source's topic has a judge of its own: only that source can have written there, so only it
    may stand in the envelopes, and only its rows may come.

    Args:
        resource: its entry in the ledger; contract, schema and sources come from there.
        limits: bounds on one record.
    """

    def __init__(self, resource: Resource, limits: Limits | None = None) -> None:
        contract = resource.contract
        self.resource = contract.resource
        self.partitions = contract.partitions
        self.raw_topics = resource.raw_topics
        self.views: dict[str, EnforcedView] = {}
        self.judges = {
            topic: Judge(resource, [source], resource.sources[source], limits)
            for topic, source in self.raw_topics.items()
        }
        self._accepted_judge = Judge(resource, resource.sources, limits=limits)

    def view(self, view: View) -> EnforcedView:
        """Return a view of the resource, compiled now."""
        return EnforcedView(self._accepted_judge.scanner, view)

    def keep_view(self, view: View) -> None:
        """Take part in a view, compiled now."""
        self.views[view.topic] = self.view(view)

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
            counted.last_record_ms = max(batch.appended.values(), default=0)
            outputs = [self._quarantined(batch, {0: Reason.INTERNAL}, counted)]
        tally.add(counted)
        return outputs

    def _outputs(self, batch: Input, tally: Tally) -> Iterator[Output]:
        judged = self.judges[batch.topic].judge(batch)
        beats = set(judged.heartbeats)
        tally.records += len(batch.offsets) - len(beats)
        tally.deletes += len(judged.deletes)
        tally.heartbeats += len(beats)
        for place, appended in batch.appended.items():
            tally.note(appended, is_heartbeat=place in beats)
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
        judged = self._accepted_judge.judge(batch)
        if not judged.passed.all():
            reason = next(iter(judged.refused.values()), Reason.MALFORMED_HEARTBEAT)
            raise RuntimeError(f"an accepted record is refused now: {reason.text}")
        tally.records += len(batch.offsets)
        tally.deletes += len(judged.deletes)
        yield from _cut(view, batch, judged, tally)

    def _accepted(self, batch: Input, judged: Judged) -> Output:
        topic = accepted_topic(self.resource)
        if judged.passed.all():
            keys = [key or b"" for key in batch.keys]
            return Output(topic, batch.partition, keys, batch.values, batch.headers)
        places = np.flatnonzero(judged.passed).tolist()
        values = [batch.values[i] for i in places]
        return _output(topic, batch.partition, batch, places, values)

    def _quarantined(self, batch: Input, refused: Mapping[int, Reason], tally: Tally) -> Output:
        tally.quarantined.update(reason.text for reason in refused.values())
        values = [
            event_codec("quarantine").encode(
                {
                    "topic": batch.topic,
                    "partition": batch.partition,
                    "offset": batch.offsets[i],
                    "source": tally.source,
                    "reason": reason.text,
                }
            )
            for i, reason in refused.items()
        ]
        place = f"{tally.source}/{batch.partition}"
        keys = [f"{place}/{batch.offsets[i]}".encode() for i in refused]
        return Output(quarantine_topic(self.resource), batch.partition, keys, values, {})


def _cut(view: EnforcedView, batch: Input, judged: Judged, tally: Tally) -> Iterator[Output]:
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
