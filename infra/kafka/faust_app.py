"""How every Faust app of the bus is built: committed records only, positions from the facts.

Two things of Faust are replaced in its consumer, and nothing else. It hard-codes
read_uncommitted, so that aborted records would come out; here it is read_committed. And it resumes
from its own committed offsets, which crawl over the gaps that transaction markers leave; here each
assignment asks `positions` instead: 0 for a follower of the ledger, what ClickHouse holds for the
sink. (Setting the group's offsets from outside is not possible while a killed static member is
still in it.) Effects have to be idempotent; exactly-once of Faust is never used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.auth import SASLMechanism

from infra.kafka.clients import Access

Position = tuple[str, int]
Positions = Callable[[frozenset[Position]], Mapping[Position, int]]
"""From the assigned (topic, partition) pairs to the next offset of each to read."""


def build_app(
    app_id: str, access: Access, positions: Positions, data: Path, ready: Callable[[], None]
) -> faust.App:
    """Return a Faust app that reads committed records from the positions given.

    Args:
        app_id: also its consumer group; one process per id, a static member of that name, so that
            it is back in about a second after `kill -9`.
        access: needs READ on inputs and on the group.
        positions: asked, in a thread of Faust, at every assignment.
        data: a private folder for Faust's own files.
        ready: called once the app has its partitions.
    """
    app = faust.App(
        app_id,
        broker=f"kafka://{access.bootstrap}",
        # 127.0.0.1 without TLS: the context is never used, and Faust insists on a value.
        broker_credentials=faust.SASLCredentials(
            username=access.principal,
            password=access.password,
            mechanism=SASLMechanism("SCRAM-SHA-512"),
            ssl_context=None,
        ),
        consumer_group_instance_id=app_id,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=30.0,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        autodiscover=False,
        datadir=str(data),
        value_serializer="raw",
        key_serializer="raw",
        stream_wait_empty=False,
    )
    app.transport = _CommittedTransport(app.conf.broker_consumer, app, positions=positions)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]
    async def _assigned(_: object, assigned: object, **__: object) -> None:
        if assigned:
            ready()

    return app


def run_app(app: faust.App) -> None:
    """Run the app until SIGTERM, which ends it in about a second. Does not return."""
    app.finalize()
    worker = faust.Worker(app, loglevel=logging.INFO, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


class _CommittedThread(AIOKafkaConsumerThread):
    transport: _CommittedTransport

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        return consumer

    async def seek_to_committed(self) -> Mapping[Any, int]:
        consumer = self._ensure_consumer()
        assigned = {(tp.topic, tp.partition): tp for tp in self.assignment()}
        found = self.transport.positions(frozenset(assigned))
        offsets = {tp: found.get(pair, 0) for pair, tp in assigned.items()}
        for tp, offset in offsets.items():
            await self.call_thread(consumer.seek, tp, offset)
        return offsets


class _CommittedConsumer(Consumer):
    def _new_consumer_thread(self) -> _CommittedThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(Transport):
    Consumer = _CommittedConsumer

    def __init__(self, *args: Any, positions: Positions, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.positions = positions
