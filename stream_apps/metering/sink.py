"""The sink: metering, findings and grants into ClickHouse, from where ClickHouse already is.

At every assignment the sink asks the warehouse which offset of `metering` and of `findings` it
holds last, per partition, and reads on from there; the ledger it folds from entry 0. An insert is
whole or not at all, and a row sent twice is one row (topic, partition, offset): so the counts are
exact after any crash of either side.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from infra.bus import Bus
from infra.clickhouse.migrate import migrate
from infra.clickhouse.opening import open_warehouse
from infra.clickhouse.port import Warehouse
from infra.clock import system_clock
from infra.kafka.authorized import check
from infra.kafka.faust_app import Position, build_app, run_app
from infra.kafka.process_permissions import PROCESS_PERMISSIONS
from infra.observability.recorder import Recorder, serve_metrics
from infra.processes.notify import notify_ready
from schemas.errors import Unavailable
from schemas.ledger.chain import fold
from schemas.ledger.entry import decode_entry
from schemas.ledger.state import LedgerState
from schemas.names import FINDINGS, LEDGER, METERING
from stream_apps.metering.facts import (
    FINDING_COLUMNS,
    GRANT_COLUMNS,
    METERING_COLUMNS,
    Row,
    by_month,
    finding_row,
    grant_row,
    metering_row,
)

log = logging.getLogger(__name__)

BATCH: Final = 10_000
WITHIN_S: Final = 0.3
RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Facts:
    """A table of facts: the records of one topic, a row each."""

    table: str
    columns: tuple[str, ...]
    row: Callable[[str, int, int, bytes], Row]


FACTS: Final = {
    METERING: _Facts("metering", METERING_COLUMNS, metering_row),
    FINDINGS: _Facts("findings", FINDING_COLUMNS, finding_row),
}


def run(bus: Bus) -> None:
    """Sink until SIGTERM."""
    access = bus.process_access("sink")
    # Faust waits in silence for a topic that it may not read.
    check(access, PROCESS_PERMISSIONS[access.principal])
    warehouse = open_warehouse(bus, access.principal)
    migrate(warehouse, system_clock)
    sink = _Sink(warehouse, serve_metrics(bus.home, "sink"))
    app = build_app("sink", access, sink.positions, bus.home.folder("run/sink"), notify_ready)

    async def store(stream: Any) -> None:
        async for events in stream.take_events(BATCH, within=WITHIN_S):
            messages = [event.message for event in events]
            await sink.store([(m.topic, m.partition, m.offset, m.value) for m in messages])

    for topic in FACTS:
        app.agent(app.topic(topic), concurrency=1, name=f"store-{topic}")(store)

    @app.agent(app.topic(LEDGER), concurrency=1)
    async def follow(entries: AsyncIterable[bytes]) -> None:
        async for message in entries:
            await sink.follow(message)

    run_app(app)


class _Sink:
    def __init__(self, warehouse: Warehouse, metrics: Recorder) -> None:
        self._warehouse, self._metrics = warehouse, metrics
        self._state = LedgerState()
        self._rows: dict[str, Row] = {}
        self._stored: dict[Position, int] = {}

    def positions(self, assigned: frozenset[Position]) -> Mapping[Position, int]:
        """Ask the warehouse what it holds; the ledger is folded from its first entry."""
        found = {
            (topic, int(row["partition"])): int(row["last"]) + 1
            for topic, facts in FACTS.items()
            for row in self._warehouse.query(
                f"SELECT partition, max(offset) AS last FROM {facts.table} "  # noqa: S608
                "WHERE topic = {topic:String} GROUP BY partition",
                {"topic": topic},
            )
        }
        self._stored = {place: found.get(place, 0) for place in assigned}
        return self._stored

    async def store(self, messages: Sequence[tuple[str, int, int, bytes]]) -> None:
        """Store records of one topic of facts; returns when they are stored."""
        facts = FACTS[messages[0][0]]
        rows = [
            facts.row(*message)
            for message in messages
            if message[2] >= self._stored.get((message[0], message[1]), 0)
        ]
        for run in by_month(rows):
            insert = partial(self._warehouse.insert, facts.table, facts.columns, run)
            await _until_done(partial(insert, token=_token(row[:3] for row in run)))
            for row in run:
                self._stored[row[0], row[1]] = row[2] + 1
            self._metrics.count("sharebus_sink_rows", len(run), table=facts.table)
            for (topic, partition), offset in self._stored.items():
                self._metrics.set(
                    "sharebus_sink_offset", offset - 1, topic=topic, partition=partition
                )

    async def follow(self, message: bytes) -> None:
        """Fold a ledger entry and store the grants that it changed."""
        entry = decode_entry(message)
        if entry.sequence <= self._state.sequence:
            return
        fold(self._state, message)
        changed: dict[str, Row] = {}
        for grant in self._state.grants.values():
            row = grant_row(grant, entry.sequence)
            if self._rows.get(grant.id, ())[:-1] != row[:-1]:
                changed[grant.id] = row
        if changed:
            rows = list(changed.values())
            insert = partial(self._warehouse.insert, "grants", GRANT_COLUMNS, rows)
            await _until_done(partial(insert, token=_token((row[0], row[-1]) for row in rows)))
            self._rows.update(changed)
            self._metrics.count("sharebus_sink_rows", len(rows), table="grants")
        self._metrics.set("sharebus_ledger_position", entry.sequence)


def _token(places: Iterable[Row]) -> str:
    """Name rows by their places, which determine them: sent again, they are the same insert."""
    return hashlib.sha256(repr(list(places)).encode()).hexdigest()


async def _until_done(insert: Callable[[], None]) -> None:
    """Insert until the warehouse has it: nothing is passed over while it is away."""
    while True:
        try:
            await asyncio.to_thread(insert)
            return
        except Unavailable as error:
            log.warning("the warehouse is tried again in %.0f s: %s", RETRY_S, error)
            await asyncio.sleep(RETRY_S)
