"""The limit: raw copied byte for byte to two topics, transactionally, and nothing else done.

    bare_copy.py BOOTSTRAP PASSWORD GROUP SOURCE TARGET TARGET     until SIGTERM

Reads, commits and produces as the enforcement loop does, with the same settings.
"""

from __future__ import annotations

import sys
import time
from threading import Event

from confluent_kafka import TopicPartition

from infra.kafka.broker import ADMIN
from infra.kafka.clients import Access
from infra.kafka.fenced_transaction import FencedTransaction
from infra.processes.catalogue import run_until_stopped
from stream_apps.enforcement.loop import BATCH, CONSUMING, PRODUCING, SHORTEST_INTERVAL_S, columns


def copy(access: Access, group: str, source: str, targets: list[str], stop: Event) -> None:
    """Copy until `stop` is set."""
    consumer = access.consumer(group, CONSUMING)
    consumer.subscribe([source])
    transaction = FencedTransaction(access, group, PRODUCING)
    transaction.open()
    ends: dict[int, int] = {}
    began = time.monotonic()
    while not stop.is_set():
        for (_, partition), batch in columns(consumer.consume(BATCH, 0.05)).items():
            for target in targets:
                transaction.produce_many(target, partition, batch.keys, batch.values, batch.headers)
            ends[partition] = batch.offsets[-1] + 1
        interval = max(SHORTEST_INTERVAL_S, 4 * transaction.last_commit_s)
        if ends and time.monotonic() - began >= interval:
            transaction.commit([TopicPartition(source, p, o) for p, o in ends.items()], consumer)
            ends.clear()
            began = time.monotonic()


if __name__ == "__main__":
    bootstrap, password, group, source, *targets = sys.argv[1:]
    access = Access(bootstrap, ADMIN, password)
    run_until_stopped(lambda stop: copy(access, group, source, targets, stop))
