"""The loop of the two peers that are confluent-kafka and nothing else: the bus's own, bared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from confluent_kafka import TopicPartition

from contest.peers.job import Job
from infra.kafka.clients import Access
from infra.kafka.fenced_transaction import FencedTransaction
from infra.processes.catalogue import run_until_stopped
from schemas.errors import Fenced
from stream_apps.enforcement.batches import columns
from stream_apps.enforcement.loop import LINGER_MS
from stream_apps.enforcement.ownership import CONSUMING
from stream_apps.enforcement.pace import BATCH, LONGEST_TRANSACTION_S
from stream_apps.processes import collect_rarely


@dataclass(frozen=True)
class Batch:
    """Keys and values, in order."""

    keys: list[bytes]
    values: list[bytes]


Produce = Callable[[Batch, int], list[tuple[str, int, Batch]]]
"""From a batch of one partition to topic, partition and records of each output."""


def run(job: Job, prepare: Callable[[Job], Produce]) -> None:
    """Read, produce and commit until SIGTERM."""
    outputs_of = prepare(job)
    collect_rarely()
    run_until_stopped(lambda stop: _turn(job, outputs_of, stop))


def _turn(job: Job, outputs_of: Produce, stop: Event) -> None:
    access = Access(job.bootstrap, job.user, job.password)
    consumer = access.consumer(job.group, CONSUMING)
    transaction = FencedTransaction(access, f"{job.group}-{job.number}", {"linger.ms": LINGER_MS})
    transaction.open()
    shortest = job.commit_interval_ms / 1000
    ends: dict[int, int] = {}

    def commit(*_: object) -> None:
        if ends:
            offsets = [TopicPartition(job.source, place, end) for place, end in ends.items()]
            transaction.commit(offsets, consumer)
            ends.clear()

    def go_back() -> None:
        """Begin again from what was committed, as enforcement does after anything uncertain."""
        ends.clear()
        transaction.reopen()
        for place in consumer.committed(consumer.assignment(), 30):
            consumer.seek(place)

    consumer.subscribe([job.source], on_revoke=commit)
    began, interval = time.monotonic(), shortest
    while not stop.is_set():
        wait = max(0.001, began + interval - time.monotonic()) if ends else 0.2
        try:
            batches = columns(consumer.consume(BATCH, wait))
            if not ends:
                began = time.monotonic()
            for (_, partition), taken in batches.items():
                keys = [key or b"" for key in taken.keys]
                values = [value or b"" for value in taken.values]
                for topic, number, batch in outputs_of(Batch(keys, values), partition):
                    transaction.produce_many(topic, number, batch.keys, batch.values, {})
                ends[partition] = taken.offsets[-1] + 1
            if ends and time.monotonic() - began >= interval:
                commit()
                interval = min(max(shortest, 4 * transaction.last_commit_s), LONGEST_TRANSACTION_S)
        except Fenced:
            go_back()
