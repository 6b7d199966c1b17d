"""How far each process is behind, asked of the broker and of ClickHouse, not of the process alone.

Offsets count transaction markers too, so what is near an end is counted by reading it; further away
the difference of offsets stands for it.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.bus import Bus
from infra.clickhouse.opening import open_warehouse
from infra.kafka.clients import READ_TO_END, close, translated
from infra.kafka.offsets import committed_offsets, end_offsets
from infra.observability import workers
from infra.observability.flows import Flow
from infra.observability.recorder import endpoints
from schemas.errors import InvalidInput, SharebusError
from schemas.ledger.entry import decode_entry
from schemas.names import (
    ENFORCEMENT,
    FINDINGS,
    INSPECTION,
    LEDGER,
    METERING,
    OPERATOR,
    department_principal,
)

Place = tuple[str, int]
NEAR: Final = 2_000
"""Offsets from an end within which records are counted by reading them."""
_TIMEOUT_S: Final = 3.0
_TAIL: Final = 20
_RAW, _ACCEPTED, _COMMANDS, _FACTS = "raw.", "accepted.", "commands.", (METERING, FINDINGS)
_INPUT: Final = {_RAW: ENFORCEMENT, _ACCEPTED: INSPECTION, _COMMANDS: LEDGER}
"""Of topics that begin so: who reads them."""
_REPORTS: Final = "provisioning"
_FOLLOWERS: Final = (_REPORTS, "sink")
_STORED: Final = (
    "SELECT partition, max(offset) AS last, max(at) AS at FROM {table} GROUP BY partition"
)


def measure(bus: Bus) -> dict[str, Flow]:
    """Return the flows of enforcement's workers, inspection, sink, provisioning and ledger.

    Of several workers each has its own, and those of other machines are among them; what none of
    them has is told of `workers.NOBODY`.

    Raises:
        Unavailable: the broker does not answer within some seconds.
    """
    admin = bus.admin_access().admin()
    with translated("the broker does not answer"):
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    places = [
        (name, partition)
        for name, topic in topics.items()
        if name.startswith(tuple(_INPUT)) or name in (*_FACTS, LEDGER)
        for partition in topic.partitions
    ]
    ends = end_offsets(admin, places, timeout_s=_TIMEOUT_S)
    stored, sink_at, trouble = _stored(bus)
    done = dict(stored)
    for prefix, group in _INPUT.items():
        read = [place for place in ends if place[0].startswith(prefix)]
        done |= committed_offsets(bus.admin_access(), group, read, _TIMEOUT_S)
    starts = _starts(admin, ends, done)
    left, tail = _count(bus, starts, ends)

    def behind_in(*prefixes: str) -> int:
        return sum(count for (topic, _), count in left.items() if topic.startswith(prefixes))

    raw = {place: count for place, count in left.items() if place[0].startswith(_RAW)}
    metered = _latest(admin, [place for place in ends if place[0] == METERING])
    answered = _latest(admin, [(LEDGER, 0)] if ends else [])
    inspected = _times(bus, [INSPECTION], "sharebus_inspection_committed_at").get(INSPECTION)
    reported = _times(bus, [_REPORTS], "sharebus_provisioning_reported_at").get(_REPORTS)
    flows = _enforcement(bus, raw, metered)
    flows[INSPECTION] = Flow(behind_in(_ACCEPTED), "records", inspected)
    flows[LEDGER] = Flow(behind_in(_COMMANDS), "commands", answered)
    flows[_REPORTS] = Flow(_entries_behind(bus, tail).get(_REPORTS), "entries", reported)
    flows["sink"] = Flow(None if trouble else behind_in(*_FACTS), "records", sink_at, trouble)
    return flows


def _stored(bus: Bus) -> tuple[dict[Place, int], datetime | None, str]:
    """Return what ClickHouse holds: next offsets, its latest moment, or the trouble."""
    try:
        warehouse = open_warehouse(bus, department_principal(OPERATOR), _TIMEOUT_S)
        try:
            rows = {fact: warehouse.query(_STORED.format(table=fact)) for fact in _FACTS}
        finally:
            warehouse.close()
    except InvalidInput:  # there is no such table yet
        return {}, None, ""
    except SharebusError as error:
        return {}, None, error.problem
    held = [(fact, row) for fact, of_table in rows.items() for row in of_table]
    found = {(fact, int(row["partition"])): int(row["last"]) + 1 for fact, row in held}
    return found, max((row["at"] for _, row in held), default=None), ""


def _starts(
    admin: AdminClient,
    ends: Mapping[Place, int],
    done: Mapping[Place, int],
) -> dict[Place, int]:
    with translated("the starts of topics can't be read"):
        earliest = admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.earliest() for place in ends}
        )
        first = {
            (p.topic, p.partition): int(f.result(_TIMEOUT_S).offset) for p, f in earliest.items()
        }
    return {
        place: max(end - _TAIL if place[0] == LEDGER else done.get(place, 0), first[place])
        for place, end in ends.items()
    }


def _count(
    bus: Bus, starts: Mapping[Place, int], ends: Mapping[Place, int]
) -> tuple[dict[Place, int], bytes | None]:
    """Return how many records lie between, by place, and the ledger's last entry."""
    left = {place: max(0, ends[place] - start) for place, start in starts.items()}
    near = {place for place, count in left.items() if 0 < count <= NEAR}
    tail: bytes | None = None
    if not near:
        return left, tail
    found = dict.fromkeys(near, 0)
    consumer = bus.admin_access().consumer("status", READ_TO_END)
    consumer.assign([TopicPartition(*place, starts[place]) for place in near])
    deadline, open_places = time.monotonic() + _TIMEOUT_S, set(near)
    try:
        while open_places and time.monotonic() < deadline:
            for message in consumer.consume(NEAR, 0.05):
                error, place = message.error(), (message.topic() or "", message.partition() or 0)
                if error is None:
                    found[place] += 1
                    tail = message.value() if place[0] == LEDGER else tail
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_places.discard(place)
    finally:
        close(consumer, 1)
    return left | {p: n for p, n in found.items() if p not in open_places}, tail


def _latest(admin: AdminClient, places: list[Place]) -> datetime | None:
    with translated("the time of the last commit can't be asked for"):
        asked = admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.max_timestamp() for place in places}
        )
        times: list[Any] = [future.result(_TIMEOUT_S).timestamp for future in asked.values()]
    latest = max((t for t in times if t and t > 0), default=None)
    return None if latest is None else datetime.fromtimestamp(latest / 1000, UTC)


def _entries_behind(bus: Bus, tail: bytes | None) -> dict[str, int]:
    """Compare the ledger's last entry with the positions that followers show in their metrics."""
    if tail is None:
        return {}
    head = decode_entry(tail).sequence
    shown = _shown(bus, _FOLLOWERS, "sharebus_ledger_position")
    return {process: max(0, head - int(position)) for process, position in shown.items()}


def _enforcement(bus: Bus, left: Mapping[Place, int], last: datetime | None) -> dict[str, Flow]:
    shared = workers.shares(bus.admin_access(), _TIMEOUT_S)
    if shared is None or (bus.settings.workers == 1 and shared.keys() <= {ENFORCEMENT}):
        return {ENFORCEMENT: Flow(sum(left.values()), "records", last)}
    committed = _times(bus, shared, "sharebus_enforcement_committed_at")
    return workers.flows(left, shared, committed, last)


def _times(bus: Bus, processes: Iterable[str], metric: str) -> dict[str, datetime | None]:
    """Return the moment that those processes show that answer: None where it never came."""
    shown = _shown(bus, processes, metric)
    return {name: datetime.fromtimestamp(at, UTC) if at else None for name, at in shown.items()}


def _shown(bus: Bus, processes: Iterable[str], metric: str) -> dict[str, float]:
    """Return a gauge as those processes show it that answer."""
    found, line = {}, re.compile(rf"^{metric} (\S+)$", re.MULTILINE)
    for process, address in endpoints(bus.home, list(processes)).items():
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=1) as answer:
                value = line.search(answer.read().decode())
        except OSError:
            continue
        if value is not None:
            found[process] = float(value[1])
    return found
