"""How every Faust app of the bus is built: committed records only, positions from the facts.

Three things of Faust are replaced, and nothing else. Its consumer hard-codes read_uncommitted, so
that aborted records would come out; here it is read_committed. It resumes from its own committed
offsets, which crawl over the gaps that transaction markers leave; here each assignment asks
`positions` instead: 0 for a follower of the ledger, what ClickHouse holds for the sink. (Setting
the group's offsets from outside is not possible while a killed static member is still in it.) And
it restarts an agent that failed and goes on with the event after the one that it failed on, which
is then lost; here the process ends, and what it is started again as asks `positions`. Effects have
to be idempotent; exactly-once of Faust is never used.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from signal import Signals
from typing import Any, NoReturn

import faust
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.auth import SASLMechanism

from infra.kafka.clients import Access
from infra.kafka.tls import tls_context
from infra.logs import tell_end
from infra.processes.leaving import LEAVE_WITHIN_S, leave_within

log = logging.getLogger(__name__)

Position = tuple[str, int]
Positions = Callable[[frozenset[Position]], Mapping[Position, int]]
"""From the assigned (topic, partition) pairs to the next offset of each to read."""


def build_app(
    app_id: str, access: Access, positions: Positions, data: Path, ready: Callable[[], None]
) -> faust.App:
    """Return a Faust app that reads committed records from the positions given.

    An exception that leaves one of its agents ends the process at once, with exit status 1:
    whatever reads on after the supervisor has started it again reads from the positions then given,
    so nothing is passed over.

    Args:
        app_id: also its consumer group; one process per id, a static member of that name, so that
            it is back in about a second after `kill -9`.
        access: needs READ on inputs and on the group.
        positions: asked, in a thread of Faust, at every assignment.
        data: a private folder for Faust's own files.
        ready: called once the app has its partitions for the first time.
    """
    app = faust.App(
        app_id,
        broker=";".join(f"kafka://{address}" for address in access.bootstrap.split(",")),
        broker_credentials=faust.SASLCredentials(
            username=access.principal,
            password=access.password,
            mechanism=SASLMechanism(access.connection["sasl.mechanism"]),
            ssl_context=tls_context(access),
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
        Agent=_Agent,
    )
    app.transport = _CommittedTransport(app.conf.broker_consumer, app, positions=positions)

    told = False

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]
    async def _assigned(_: object, assigned: object, **__: object) -> None:
        nonlocal told
        if assigned and not told:
            told = True
            ready()

    return app


def run_beside(app: faust.App, work: Callable[[], Awaitable[None]], name: str) -> None:
    """Let something run beside the agents, from the app's start to its end.

    Args:
        app: not started yet.
        work: never returns; an exception ends the process, as one in an agent does.
        name: for the log.
    """

    @app.task  # type: ignore[untyped-decorator]
    async def beside() -> None:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _leave(name, error)


def run_app(app: faust.App) -> None:
    """Run the app until SIGTERM, which ends it in about a second. Does not return.

    Where the broker says nothing Faust waits for it without end; then the process leaves.
    """
    app.finalize()
    worker = _Worker(app, redirect_stdouts=False, quiet=True)
    worker.execute_from_commandline()


class _Worker(faust.Worker):
    def _setup_logging(self) -> None:
        """Leave logging as the process has set it; Faust would take the root logger over."""
        self.spinner = None  # it writes a terminal's control characters, also into a file

    def _schedule_shutdown(self, signal: Signals) -> None:
        leave_within(LEAVE_WITHIN_S)
        super()._schedule_shutdown(signal)


class _Agent(faust.Agent):
    async def _execute_actor(self, coro: Awaitable[None], aref: Any) -> None:
        await super()._execute_actor(self._or_leave(coro), aref)

    async def _or_leave(self, coro: Awaitable[None]) -> None:
        try:
            await coro
        except asyncio.CancelledError as error:
            if not self.app.should_stop:  # not Faust's own way to stop an agent
                _leave(self.name, error)
            raise
        except BaseException as error:
            _leave(self.name, error)


def _leave(agent: str, error: BaseException) -> NoReturn:
    """End the process; Faust's own end waits for what may never come, such as its consumer."""
    tell_end(log, agent, error)
    logging.shutdown()
    os._exit(1)


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
