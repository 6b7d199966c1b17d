"""The inspection loop: accepted in, findings out, with the position in one transaction.

It reads `accepted` of every resource, committed records only, and remembers the last event of each
source and key. Findings and the offsets up to which it has looked commit together, so that each is
told once, also after a crash. Memory is not kept anywhere: `accepted` is compacted and holds the
last event of every key, so at the start each partition is read from its beginning, and what lies
before the committed offset is only remembered. (A compacted topic of its own would hold the same
for twice the writing, and a hash of every key for whoever gets hold of it.)

A gap is told only of a record that is younger than compaction allows for: of an older one, what
came before it may be gone because it was superseded.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import Event
from typing import Any, Final

import numpy as np
from confluent_kafka import Message, TopicPartition

from infra.kafka.clients import Access, Config, close
from infra.kafka.fenced_transaction import FencedTransaction
from infra.kafka.offsets import committed_offsets
from infra.kafka.runs import by_partition
from infra.kafka.topics import UNCOMPACTED_MS
from infra.ledger.follower import LedgerFollower
from infra.observability.recorder import Recorder
from schemas.clock import Clock, micros
from schemas.errors import Fenced, InvalidRecord
from schemas.names import ENVELOPE_HEADER, FINDINGS, INSPECTION, accepted_topic
from stream_apps.inspection.events import head_of_value, read_events, source_of
from stream_apps.inspection.judgement import KINDS, Finding, Kind, judge
from stream_apps.inspection.partition import Partition

log = logging.getLogger(__name__)

BATCH: Final = 10_000
SHORTEST_INTERVAL_S: Final = 0.5
LONGEST_INTERVAL_S: Final = 2.0
CONSUMING: Final[Config] = {
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 65_536,
    "fetch.wait.max.ms": 50,
}
GAPS_WITHIN_MS: Final = UNCOMPACTED_MS // 2
"""Half of it: clocks of different machines may differ."""
_IDLE_S: Final = 0.2


class InspectionLoop:
    """The one inspecting process.

    Args:
        access: the principal `process.inspection`.
        slot: names the transactional id.
        clock: gives findings their time.
        metrics: counts what was committed.
    """

    def __init__(
        self, access: Access, slot: int, clock: Clock, metrics: Recorder | None = None
    ) -> None:
        self._access, self._clock = access, clock
        self._metrics = metrics or Recorder(INSPECTION)
        self._ledger = LedgerFollower(access, f"{INSPECTION}.ledger.{slot}")
        self._transaction = FencedTransaction(access, f"{INSPECTION}-{slot}", {"linger.ms": 5})
        # Assigned by name as resources come: one process, no rebalance.
        self._consumer = access.consumer(INSPECTION, CONSUMING)
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._resources: set[str] = set()
        self._found: Counter[tuple[str, Kind]] = Counter()
        self._unjudged: Counter[str] = Counter()
        self._began: float | None = None
        self._stop = Event()
        self._pause_s = 0.0

    def run(self, stop: Event, ready: Callable[[], None]) -> None:
        """Inspect until `stop` is set; `ready` is called before memory is filled.

        Raises:
            Unavailable: a topic can't be read, or the broker does not answer; begin again.
        """
        self._stop = stop
        self._ledger.catch_up()
        self._go_back()
        self._note_commit()
        ready()
        while not stop.is_set():
            try:
                self._turn()
            except Fenced as error:
                log.warning("back to the committed offsets: %s", error)
                self._go_back()
        try:
            self._commit()
        except Fenced as error:
            log.warning("the last transaction is left to be repeated: %s", error)
        close(self._consumer)
        self._ledger.close()

    def _turn(self) -> None:
        self._ledger.poll(0 if self._partitions else _IDLE_S)
        self._follow()
        if not self._partitions:
            return
        for place, messages in by_partition(self._consumer.consume(BATCH, self._wait_s())):
            partition = self._partitions[place]
            for part in _split(messages, partition.committed):
                self._inspect(partition, part)
        if self._began is not None and time.monotonic() >= self._began + self._interval_s():
            self._commit()

    def _wait_s(self) -> float:
        if self._began is None:
            return _IDLE_S
        return max(0.001, self._began + self._interval_s() - time.monotonic())

    def _interval_s(self) -> float:
        return min(
            max(SHORTEST_INTERVAL_S, 4 * self._transaction.last_commit_s), LONGEST_INTERVAL_S
        )

    def _follow(self) -> None:
        """Read also the resources that have come into the ledger."""
        state = self._ledger.state
        new = [r for name, r in state.resources.items() if r.ready and name not in self._resources]
        if not new:
            return
        places = {
            (accepted_topic(r.contract.resource), number): r.contract.resource
            for r in new
            for number in range(r.contract.partitions)
        }
        offsets = committed_offsets(self._access, INSPECTION, places)
        for place, resource in places.items():
            self._partitions[place] = Partition(resource, *place, committed=offsets[place])
        self._resources.update(places.values())
        self._read_on()

    def _read_on(self) -> None:
        """Read on behind what memory knows, whatever was fetched before."""
        self._consumer.assign(
            [TopicPartition(p.topic, p.number, p.next) for p in self._partitions.values()]
        )

    def _inspect(self, partition: Partition, messages: Sequence[Message]) -> None:
        """Remember records of one partition and, where that was not done before, judge them."""
        heads = [_head(message) for message in messages]
        events = read_events(heads, [message.key() or b"" for message in messages])
        before, undo = partition.memory.exchange(events)
        first, after = messages[0].offset() or 0, (messages[-1].offset() or 0) + 1
        if first >= partition.committed:
            partition.undo.append(undo)
            partition.inspected += len(messages)
            if self._began is None:
                self._began = time.monotonic()
            kinds = judge(events, before)
            at = self._clock() if kinds.any() else None
            for place in np.flatnonzero(kinds).tolist():
                kind = KINDS[kinds[place]]
                assert kind is not None
                assert at is not None
                message = messages[place]
                if kind is Kind.GAP and _is_old(message, at):
                    self._unjudged[partition.resource] += 1
                    continue
                finding = Finding(
                    kind,
                    partition.resource,
                    source_of(heads[place]),
                    partition.topic,
                    partition.number,
                    message.offset() or 0,
                    int(before.sequences[place]),
                    int(events.sequences[place]),
                )
                self._transaction.produce(FINDINGS, finding.encode(at), finding.key)
                self._found[partition.resource, kind] += 1
        partition.next = after

    def _commit(self) -> None:
        """Commit findings and position together; what memory could take back is kept until then."""
        ahead = [partition for partition in self._partitions.values() if partition.is_ahead]
        if not ahead:
            return
        self._transaction.commit(
            [TopicPartition(p.topic, p.number, p.next) for p in ahead], self._consumer
        )
        self._count(ahead)
        for partition in ahead:
            partition.settle()
        self._began, self._pause_s = None, 0.0

    def _count(self, ahead: Iterable[Partition]) -> None:
        prefix, count = "sharebus_inspection_", self._metrics.count
        for partition in ahead:
            count(f"{prefix}records", partition.inspected, resource=partition.resource)
        for (resource, kind), number in self._found.items():
            count(f"{prefix}findings", number, resource=resource, kind=kind)
        for resource, number in self._unjudged.items():
            count(f"{prefix}unjudged", number, resource=resource)
        self._found.clear()
        self._unjudged.clear()
        keys: Counter[str] = Counter()
        for partition in self._partitions.values():
            keys[partition.resource] += partition.memory.count
        for resource, number in keys.items():
            self._metrics.set(f"{prefix}keys", number, resource=resource)
        self._note_commit()

    def _note_commit(self) -> None:
        self._metrics.set("sharebus_inspection_committed_at", micros(self._clock()) / 1e6)

    def _go_back(self) -> None:
        """Fence, let memory know what was committed and no more, and read on from there."""
        while not self._stop.wait(self._pause_s):
            self._pause_s = min(max(SHORTEST_INTERVAL_S, 2 * self._pause_s), LONGEST_INTERVAL_S)
            try:
                self._transaction.reopen()
                break
            except Fenced as error:
                log.warning("the transactional id is not ours yet: %s", error)
        else:
            return
        offsets = committed_offsets(self._access, INSPECTION, self._partitions)
        for place, partition in self._partitions.items():
            offset = offsets[place]
            if offset == partition.committed:
                partition.forget()
            elif offset == partition.next:
                partition.settle()
            else:  # another process was here meanwhile: memory is made anew
                own = partition
                self._partitions[place] = Partition(own.resource, *place, committed=offset)
        self._found.clear()
        self._unjudged.clear()
        self._began = None
        if self._partitions:
            self._read_on()


def _split(messages: list[Message], committed: int) -> list[list[Message]]:
    """Part what was judged already from what was not."""
    if (messages[0].offset() or 0) >= committed or (messages[-1].offset() or 0) < committed:
        return [messages]
    known = sum((message.offset() or 0) < committed for message in messages)
    return [messages[:known], messages[known:]]


def _head(message: Message) -> bytes:
    """Return the beginning of a record's envelope."""
    value = message.value()
    if value is not None:
        return head_of_value(value)
    headers: Any = message.headers() or []
    for name, envelope in headers:
        if name == ENVELOPE_HEADER and envelope:
            return bytes(envelope)
    where = f"{message.topic()}/{message.partition()}, offset {message.offset()}"
    raise InvalidRecord("missing-envelope", where=where)


def _is_old(message: Message, now: datetime) -> bool:
    """Tell whether compaction may have taken what came before a record."""
    _, milliseconds = message.timestamp()
    return micros(now) // 1000 - milliseconds > GAPS_WITHIN_MS
