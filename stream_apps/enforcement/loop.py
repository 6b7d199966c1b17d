"""The enforcement loop: raw in; accepted, views, quarantine and metering out, in one transaction.

One worker of the group `enforcement`. A transaction takes what its partitions have for at least
100 ms and at most 2 s, then commits records, meters and input offsets together: what is counted is
what was let out, also after a crash. What comes next is enforced while the brokers commit, and let
out when they have. After anything uncertain the worker goes back to the committed offsets.
Governance comes from the ledger, applied between transactions; what isn't known, isn't let out.

Each source of a resource has a topic of its own, all with as many partitions. A worker enforces a
partition number of a resource only when it has that number of every one of these topics: then
nobody else writes `accepted` and the views from it, and a fill of a view can stand still for it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Final

from confluent_kafka import TopicPartition

from infra.kafka.clients import Access
from infra.kafka.fenced_transaction import FencedTransaction
from infra.kafka.progress import progress_key
from infra.ledger.follower import LedgerFollower
from infra.observability.recorder import Recorder
from schemas.clock import Clock
from schemas.errors import Fenced, Unavailable
from schemas.names import ENFORCEMENT, METERING, PROGRESS
from schemas.policy import Limits
from stream_apps.enforcement.backfill import Fill, FillStep
from stream_apps.enforcement.batches import Input, Output, RawPlace, columns
from stream_apps.enforcement.keeping import ViewKeeping
from stream_apps.enforcement.loop_metrics import LoopMetrics
from stream_apps.enforcement.ownership import Ownership
from stream_apps.enforcement.pace import SHORTEST_INTERVAL_S, Pace
from stream_apps.enforcement.partitions import positions
from stream_apps.enforcement.questions import Questions
from stream_apps.enforcement.resource import (
    EnforcementSecrets,
    ResourceEnforcement,
    UnknownVersion,
)
from stream_apps.enforcement.tally import Tally

log = logging.getLogger(__name__)

LONGEST_PAUSE_S: Final = 2.0
FEW_PARTITIONS: Final = 64
LINGER_MS: Final = 5
LONG_LINGER_MS: Final = 200
"""A commit sends everything, so this only says how full batches are before: with records spread
over hundreds of partitions, thin ones cost most of the time (measured: a factor of ten)."""
_IDLE_S: Final = 0.2
_LEDGER_PATIENCE_S: Final = 2.0
_AT_ONCE_S: Final = 0.001
_FILL_WAIT_S: Final = 0.05
"""How long a fill may wait for `accepted`; live records wait as long, and for a slice's commit."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What a batch gave that was enforced while the transaction before it was committed."""

    place: RawPlace
    batch: Input
    tally: Tally
    outputs: list[Output]
    took_s: float


class EnforcementLoop:
    """One worker.

    Args:
        access: the principal `process.enforcement`.
        slot: names the transactional id and the static member; one process per slot.
        clock: gives metering records their time.
        secrets: gives keys of pseudonyms and hashes.
        metrics: counts what was committed.
        limits: bounds on one record.
    """

    def __init__(
        self,
        access: Access,
        slot: int,
        clock: Clock,
        secrets: EnforcementSecrets,
        metrics: Recorder | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._slot, self._clock, self._secrets, self._limits = slot, clock, secrets, limits
        self._metrics = LoopMetrics(metrics or Recorder(ENFORCEMENT), clock)
        self._ledger = LedgerFollower(access, f"{ENFORCEMENT}.ledger.{slot}")
        self._linger_ms = LINGER_MS
        self._transaction = FencedTransaction(
            access, f"{ENFORCEMENT}-{slot}", {"linger.ms": LINGER_MS}
        )
        self._owned = Ownership(access, slot, self._own, self._settle)
        self._resources: dict[str, ResourceEnforcement] = {}
        self._by_topic: dict[str, ResourceEnforcement] = {}
        self._tallies: dict[RawPlace, Tally] = {}
        self._keeping = ViewKeeping(access, f"{ENFORCEMENT}.{slot}")
        self._questions = Questions()
        self._pace = Pace()
        self._stop = Event()
        self._pause_s = 0.0

    def run(self, stop: Event, ready: Callable[[], None]) -> None:
        """Enforce until `stop` is set; `ready` is called when the loop turns.

        Raises:
            Unavailable: the consumer is dead, or a topic can't be read; begin again.
        """
        self._stop = stop
        self._ledger.catch_up()
        self._go_back()
        ready()
        while not stop.is_set():
            try:
                self._turn()
            except Fenced as error:
                log.warning("back to the committed offsets: %s", error)
                self._metrics.gave_up()
                self._go_back()
        self._leave()

    def _turn(self) -> None:
        size = self._pace.batch_ahead() if self._is_due() else self._pace.batch()
        messages = self._owned.consume(size, self._wait_s()) if self._by_topic else []
        batches = columns(messages)
        self._pace.took(messages)
        self._owned.check_certain()
        self._owned.check_assignment()
        if self._is_due():
            batches = self._commit_beside(batches)
        # Before a transaction's first record, so that each one knows one state of the ledger. A
        # rebalance may have come with these messages: its views are kept before they are enforced.
        if not self._transaction.in_transaction:
            self._apply_ledger()
            self._follow_views()
            self._fill(idle=not batches)
        started = time.monotonic()
        for place, batch in batches.items():
            self._enforce(place, batch)
        self._pace.enforced(time.monotonic() - started)

    def _is_due(self) -> bool:
        return self._transaction.in_transaction and self._pace.due_in_s() <= 0

    def _commit_beside(self, batches: dict[RawPlace, Input]) -> dict[RawPlace, Input]:
        """Commit, and enforce what comes next meanwhile; return what still has to be enforced.

        By the state of the ledger that the transaction knew: where there is news, that comes first,
        between transactions; and so does a slice of a view that is being filled.
        """
        self._meter(self._tallies.values())
        if self._ledger.poll(0) or self._keeping.is_filling:
            self._commit_metered()
            return batches
        ahead: list[_Ahead] = []
        self._commit_metered(lambda: ahead.extend(self._enforced_ahead(batches)))
        started, took_s = time.monotonic(), sum(each.took_s for each in ahead)
        self._pace.enforced_ahead(sum(len(each.batch.offsets) for each in ahead), took_s)
        for each in ahead:
            self._begin()
            self._let_out(each.place, each.batch, each.tally, each.outputs)
        self._pace.enforced(time.monotonic() - started + took_s)
        return dict(islice(batches.items(), len(ahead), None))

    def _enforced_ahead(self, batches: Mapping[RawPlace, Input]) -> Iterator[_Ahead]:
        """Enforce without letting anything out, until the ledger has to be asked."""
        for place, batch in batches.items():
            self._check_owned(place)
            started, tally = time.monotonic(), self._tally_from(batch)
            try:
                outputs = self._judged(batch, tally)
            except UnknownVersion:
                return
            yield _Ahead(place, batch, tally, outputs, time.monotonic() - started)

    def _follow_views(self) -> None:
        """Choose how long batches may fill, by how many partitions there are to write."""
        self._pace.expect(self._keeping.count)
        wanted = LINGER_MS if self._keeping.count <= FEW_PARTITIONS else LONG_LINGER_MS
        if wanted != self._linger_ms:
            self._linger_ms = wanted
            self._transaction.reopen({"linger.ms": wanted})

    def _wait_s(self) -> float:
        if self._transaction.in_transaction:
            return _AT_ONCE_S if self._is_due() else max(_AT_ONCE_S, self._pace.wait_s())
        return _AT_ONCE_S if self._keeping.is_filling else _IDLE_S

    def _enforce(self, place: RawPlace, batch: Input) -> None:
        self._check_owned(place)
        self._begin()
        tally = self._tallies.get(place) or self._tally_from(batch)
        try:
            outputs = self._judged(batch, tally)
        except UnknownVersion:
            # Its publisher may have seen an entry of the ledger that is not applied here.
            self._questions.asks(batch.topic)
            if self._tallies:
                self._commit()
            self._catch_up()
            self._begin()
            tally = self._tally_from(batch)
            outputs = self._by_topic[batch.topic].enforce(batch, tally)
        self._let_out(place, batch, tally, outputs)

    def _judged(self, batch: Input, tally: Tally) -> list[Output]:
        known = not self._questions.may_ask(batch.topic)
        return self._by_topic[batch.topic].enforce(batch, tally, all_versions_known=known)

    def _check_owned(self, place: RawPlace) -> None:
        if place not in self._owned.next_offsets:
            raise Fenced("records came of a partition that another worker has")

    def _let_out(
        self, place: RawPlace, batch: Input, tally: Tally, outputs: Iterable[Output]
    ) -> None:
        self._tallies[place] = tally
        self._produce(outputs)
        tally.to_offset = batch.offsets[-1] + 1

    def _catch_up(self) -> None:
        """Apply all that the ledger holds now; where it is away, what is known stays in force."""
        try:
            self._ledger.catch_up(_LEDGER_PATIENCE_S)
        except Unavailable as error:
            log.warning("the ledger can't be read to its end just now: %s", error)
        self._apply_ledger()

    def _begin(self) -> None:
        if not self._transaction.in_transaction:
            self._transaction.begin()
            self._pace.begin()

    def _tally_from(self, batch: Input) -> Tally:
        enforcement = self._by_topic[batch.topic]
        source = enforcement.raw_topics[batch.topic]
        return Tally(enforcement.resource, source, batch.partition, batch.offsets[0])

    def _produce(self, outputs: Iterable[Output]) -> None:
        for out in outputs:
            self._transaction.produce_many(
                out.topic, out.partition, out.keys, out.values, out.headers
            )

    def _commit(self) -> None:
        """Commit what the tallies count, with them; only afterwards does the worker stand there."""
        self._meter(self._tallies.values())
        self._commit_metered()

    def _commit_metered(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        after = {place: tally.to_offset for place, tally in self._tallies.items()}
        age_s = self._pace.age_s()
        self._commit_offsets(after, meanwhile)
        self._owned.advance(after)
        commit_s = self._transaction.last_commit_s
        whole_s = age_s + commit_s
        self._metrics.committed(self._tallies.values(), commit_s, whole_s)
        self._metrics.behind(self._owned.consumer, after)
        self._tallies.clear()
        self._pace.committed(commit_s, whole_s)
        self._keeping.worked(whole_s)

    def _meter(self, tallies: Iterable[Tally]) -> None:
        at, sequence = self._clock(), self._ledger.state.sequence
        for tally in tallies:
            encoded = tally.encode(at, self._slot, sequence)
            self._transaction.produce(METERING, encoded, tally.key)

    def _commit_offsets(
        self, offsets: dict[RawPlace, int], meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self._transaction.commit(positions(offsets), self._owned.consumer, meanwhile)
        self._pause_s = 0.0

    def _settle(self) -> None:
        """Commit an open transaction, so that everything before this point counts."""
        if self._transaction.in_transaction:
            self._commit()

    def _leave(self) -> None:
        """Commit what is certain, and let others have the partitions."""
        try:
            self._owned.check_certain()
            self._settle()
        except Fenced as error:
            log.warning("the last transaction is left for the next worker to repeat: %s", error)
            self._give_up()
        self._owned.leave()
        self._ledger.close()

    def _give_up(self) -> None:
        """Abort what is open, so that nothing later can commit it."""
        self._transaction.abandon()
        self._tallies.clear()
        self._owned.let_go()

    def _go_back(self) -> None:
        """Fence, forget what was not committed, and read on from what was."""
        while not self._stop.wait(self._pause_s):
            # Longer each time until a commit succeeds: what can't be mended is not hurried.
            self._pause_s = min(max(SHORTEST_INTERVAL_S, 2 * self._pause_s), LONGEST_PAUSE_S)
            try:
                self._transaction.reopen()
                self._metrics.reopened()
                break
            except Fenced as error:
                log.warning("the transactional id is not ours yet: %s", error)
        else:
            self._give_up()
            return
        self._owned.go_back()

    def _own(self, partitions: list[TopicPartition]) -> None:
        """Ask for the committed offsets first, and only then for what depends on them."""
        self._tallies.clear()
        # Whoever had the partitions before may have known more of the ledger.
        self._ledger.catch_up()
        self._metrics.owns_anew()
        self._owned.take(partitions, self._by_topic)
        self._keeping.begin_anew()
        for name, enforcement in list(self._resources.items()):
            # What memory knows of views may be of what did not count.
            self._resources[name] = enforcement.anew()
        self._index_topics()

    def _index_topics(self) -> None:
        self._by_topic = {
            topic: enforcement
            for enforcement in self._resources.values()
            for topic in enforcement.raw_topics
        }

    def _apply_ledger(self) -> None:
        self._ledger.poll(0 if self._by_topic else _IDLE_S)
        state = self._ledger.state
        for name, resource in state.resources.items():
            if not resource.ready:
                continue
            enforcement = self._resources.get(name)
            if enforcement is None or not enforcement.has_versions_of(resource):
                self._keeping.forget(name)
                self._resources[name] = ResourceEnforcement(resource, self._secrets, self._limits)
        self._index_topics()
        if self._by_topic:
            self._owned.subscribe(self._by_topic)
        for enforcement in self._resources.values():
            owned = self._owned.numbers_of(enforcement.raw_topics)
            self._keeping.keep(enforcement, state.live_views(enforcement.resource), owned)

    def _fill(self, *, idle: bool) -> None:
        """Commit a slice of a view that is being filled, if the live records can wait.

        One a turn: so whatever was appended or entered in the ledger meanwhile has its turn, too.
        """
        # Between a revocation and the next assignment there is nothing to be fenced by.
        if not self._owned.next_offsets or not self._keeping.may_fill(idle):
            return
        started = time.monotonic()
        enforcement, fill = self._keeping.next_fill()
        step = fill.step(_FILL_WAIT_S)
        if step is not None:
            self._commit_step(enforcement, fill, step)
        self._keeping.filled(fill, step, 0.0 if idle else time.monotonic() - started)

    def _commit_step(self, enforcement: ResourceEnforcement, fill: Fill, step: FillStep) -> None:
        # With the partition's live offsets, though they don't move: that is what fences zombies.
        live = {
            (topic, fill.partition): self._owned.next_offsets[topic, fill.partition]
            for topic in enforcement.raw_topics
        }
        self._pace.begin()
        self._produce(step.outputs)
        for view, after in zip(fill.views, step.after, strict=True):
            key = progress_key(view.view.topic, fill.partition)
            self._transaction.produce(PROGRESS, after.encode(), key, 0)
        self._meter([step.tally])
        self._commit_offsets(live)
        self._metrics.committed([step.tally], self._transaction.last_commit_s, self._pace.age_s())
