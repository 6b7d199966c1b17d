"""Enforces one resource on a batch of one partition: judged once, then cut for each view.

Nothing here calls Kafka: a batch of messages goes in, and what has to be produced comes out, in
the order of the input. The loop produces it and commits it with its tally.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from schemas.codec import event_codec
from schemas.ledger.state import Resource
from schemas.ledger.subjects import View
from schemas.names import accepted_topic, quarantine_topic
from schemas.policy import Limits, Policy, Reason
from stream_apps.enforcement.batches import Input, Output
from stream_apps.enforcement.judge import Judge, Judged
from stream_apps.enforcement.membership import Membership
from stream_apps.enforcement.tally import Tally
from stream_apps.enforcement.views import EnforcedView, ViewGroup

log = logging.getLogger(__name__)

_Enforcing = Callable[[Input, Tally], Iterator[Output]]


class UnknownVersion(Exception):
    """A record names a version of the schema that is not known here, perhaps not yet."""


class EnforcementSecrets(Protocol):
    """What enforcement may ask for of the bus's secrets."""

    def pseudonym_key(self, policy: Policy) -> bytes | None:
        """Return the key of a policy's pseudonyms, 32 bytes; None if it makes none."""

    def hash_key(self) -> bytes:
        """Return the key of hashes that leave the process nowhere, 16 bytes."""


class ResourceEnforcement:
    """Judges and cuts the records of one resource.

    Each source's topic has a judge of its own: only that source can have written there, so only it
    may stand in the envelopes, and only its rows may come.

    Args:
        resource: its entry in the ledger; contract, schemas and sources come from there.
        secrets: gives the key of a policy's pseudonyms, and that of the memberships' hashes.
        limits: bounds on one record.
    """

    def __init__(
        self, resource: Resource, secrets: EnforcementSecrets, limits: Limits | None = None
    ) -> None:
        contract = resource.contract
        self.resource = contract.resource
        self.partitions = contract.partitions
        self.raw_topics = resource.raw_topics
        self.schema_ids = tuple(resource.written_with())
        self.judges = {
            topic: Judge(resource, [source], resource.sources[source], limits)
            for topic, source in self.raw_topics.items()
        }
        self._entry, self._secrets, self._limits = resource, secrets, limits
        self._accepted_judge = Judge(resource, resource.sources, limits=_widest(limits))
        self._live: dict[int, dict[str, EnforcedView]] = {}
        self._groups: dict[frozenset[str], ViewGroup] = {}
        self._unused = itertools.count()
        self._numbers: dict[str, int] = {}  # of the views that were not ended
        self.membership = Membership(secrets.hash_key())

    def has_versions_of(self, resource: Resource) -> bool:
        """Tell whether records of every version of the entry are known here."""
        return self.schema_ids == tuple(resource.written_with())

    def anew(self) -> ResourceEnforcement:
        """Return the same without any view."""
        return ResourceEnforcement(self._entry, self._secrets, self._limits)

    def view(self, view: View) -> EnforcedView:
        """Return a view of the resource, compiled now for each version of the schema.

        Raises:
            InvalidPolicy: its policy can't be applied to any.
        """
        key = self._secrets.pseudonym_key(view.policy)
        made = EnforcedView(next(self._unused), view, self._accepted_judge.scanners, key)
        self._numbers[view.topic] = made.number
        return made

    def keep_view(self, view: EnforcedView, partition: int) -> None:
        """Let a view take part in a partition from the next batch on."""
        self._live.setdefault(partition, {})[view.view.topic] = view
        self._groups.clear()

    def end_view(self, topic: str) -> None:
        """Let a view take part no longer, and what it held be forgotten."""
        if topic in self._numbers:
            self.membership.forget([self._numbers.pop(topic)])
        for views in self._live.values():
            views.pop(topic, None)
        self._groups.clear()

    def group(self, views: Collection[EnforcedView]) -> ViewGroup:
        """Return views that can be cut together."""
        return ViewGroup(list(views), len(self.schema_ids))

    def enforce(
        self, batch: Input, tally: Tally, *, all_versions_known: bool = True
    ) -> list[Output]:
        """Return everything that a live batch gives: accepted, views, quarantine; count it.

        A record that can't be judged at all is quarantined as `internal`, alone.

        Args:
            batch: of one raw topic's partition.
            tally: where it is counted.
            all_versions_known: whether the ledger was read to its end since the batch came.

        Raises:
            UnknownVersion: a record names another version, or can't be judged, and not all may be
                known; nothing is counted and nothing noted.
        """
        group = self._group(batch.partition)
        outputs_of = partial(self._outputs_of_live, group, all_versions_known)
        return self._in_parts(outputs_of, batch, tally, all_versions_known=all_versions_known)

    def fill(self, batch: Input, tally: Tally, group: ViewGroup) -> list[Output]:
        """Return what a batch of `accepted` gives to views that are being filled; count it.

        What was accepted once and would be refused now, because there are more checks, is
        quarantined as a live record would be: the views don't get it. Narrower limits refuse
        nothing that was accepted.
        """
        return self._in_parts(partial(self._outputs_of_fill, group), batch, tally)

    def _in_parts(
        self,
        outputs_of: _Enforcing,
        batch: Input,
        tally: Tally,
        *,
        all_versions_known: bool = True,
    ) -> list[Output]:
        counted = tally.blank()
        try:
            outputs = list(outputs_of(batch, counted))
        except (MemoryError, UnknownVersion):
            raise  # says something of this process, nothing of the records
        except Exception as error:
            if not all_versions_known:
                # Asked before, so that no part is counted when another one asks.
                raise UnknownVersion from error
            # Whatever it is: nothing of the record goes out, and the others go on.
            count = len(batch.offsets)
            log.error("%s on %d records of %s", type(error).__name__, count, self.resource)
            if count > 1:
                halves = batch.part(0, count // 2), batch.part(count // 2, count)
                return [o for half in halves for o in self._in_parts(outputs_of, half, tally)]
            counted = tally.blank()
            counted.records = 1
            counted.last_record_ms = max(batch.appended.values(), default=0)
            outputs = [self._quarantined(batch, {0: Reason.INTERNAL}, counted)]
        tally.add(counted)
        return outputs

    def _outputs_of_live(
        self, group: ViewGroup, all_versions_known: bool, batch: Input, tally: Tally
    ) -> Iterator[Output]:
        judged = self.judges[batch.topic].judge(batch)
        if not all_versions_known and Reason.UNKNOWN_SCHEMA in judged.refused.values():
            raise UnknownVersion
        beats = set(judged.heartbeats)
        tally.records += len(batch.offsets) - len(beats)
        tally.deletes += len(judged.deletes)
        tally.heartbeats += len(beats)
        for place, appended in batch.appended.items():
            tally.note(appended, is_heartbeat=place in beats)
        yield self._accepted(batch, judged)
        yield from self._cut(group, batch, judged, tally)

    def _outputs_of_fill(self, group: ViewGroup, batch: Input, tally: Tally) -> Iterator[Output]:
        judged = self._accepted_judge.judge(batch)
        tally.records += len(batch.offsets)
        tally.deletes += len(judged.deletes)
        # Enforcement lets no heartbeat through to `accepted`.
        beats = dict.fromkeys(judged.heartbeats, Reason.MALFORMED_HEARTBEAT)
        judged = replace(judged, refused={**judged.refused, **beats}, heartbeats=())
        if judged.refused:
            count = len(judged.refused)
            log.error("%d accepted records of %s are refused now", count, self.resource)
        yield from self._cut(group, batch, judged, tally)

    def _cut(
        self, group: ViewGroup, batch: Input, judged: Judged, tally: Tally
    ) -> Iterator[Output]:
        yield from group.cut(batch, judged, self.membership, tally)
        refused = dict(judged.refused)
        refused.update(dict.fromkeys(group.lacks(judged).tolist(), Reason.VIEW_VERSION))
        if refused:
            yield self._quarantined(batch, refused, tally)

    def _group(self, partition: int) -> ViewGroup:
        """Return the views that take part in a partition; most take part in all."""
        views = self._live.get(partition, {})
        topics = frozenset(views)
        if topics not in self._groups:
            self._groups[topics] = self.group(views.values())
        return self._groups[topics]

    def _accepted(self, batch: Input, judged: Judged) -> Output:
        topic = accepted_topic(self.resource)
        if judged.passed.all():
            keys = judged.keys.texts
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


def _widest(limits: Limits | None) -> Limits:
    """Return limits that refuse nothing which narrower ones let through at any time."""
    default = Limits()
    given = limits or default
    return Limits(*(max(getattr(given, n), getattr(default, n)) for n in Limits.__slots__))


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
