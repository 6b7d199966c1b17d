"""How far each process is behind, asked of the broker and of ClickHouse, not of the process alone.

Offsets count transaction markers too, so what is near an end is counted by reading it; further away
the difference of offsets stands for it.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.bus import Bus
from infra.clickhouse.opening import open_warehouse
from infra.kafka.clients import READ_TO_END, close, committed_offsets, end_offsets, translated
from infra.observability.recorder import endpoints
from schemas.errors import InvalidInput, SharebusError
from schemas.ledger.entry import decode_entry
from schemas.names import ENFORCEMENT, LEDGER, METERING, OPERATOR, department_principal

Place = tuple[str, int]
NEAR: Final = 2_000
"""Offsets from an end within which records are counted by reading them."""
_TIMEOUT_S: Final = 3.0
_TAIL: Final = 20
_RAW: Final = "raw."
_FOLLOWERS: Final = ("provisioning", "sink")
_POSITION: Final = re.compile(r"^sharebus_ledger_position (\S+)$", re.MULTILINE)
_STORED: Final = (
    "SELECT partition, max(offset) AS last, max(at) AS at FROM metering GROUP BY partition"
)


@dataclass(frozen=True, slots=True)
class Flow:
    """One process's way through its input.

    Attributes:
        behind: records, or ledger entries, that it has still to do; None where nobody knows.
        unit: which of the two.
        last_commit: when it last committed something; None where it never did.
        trouble: why something isn't known.
    """

    behind: int | None
    unit: str = "records"
    last_commit: datetime | None = None
    trouble: str = ""


def measure(bus: Bus) -> dict[str, Flow]:
    """Return the flows of enforcement, sink, provisioning and ledger.

    Raises:
        Unavailable: the broker does not answer within some seconds.
    """
    admin = bus.admin_access().admin()
    with translated("the broker does not answer"):
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    places = [
        (name, partition)
        for name, topic in topics.items()
        if name.startswith(_RAW) or name in (METERING, LEDGER)
        for partition in topic.partitions
    ]
    ends = end_offsets(admin, places, timeout_s=_TIMEOUT_S)
    stored, sink_at, trouble = _stored(bus)
    raw = [place for place in ends if place[0].startswith(_RAW)]
    done = committed_offsets(bus.admin_access(), ENFORCEMENT, raw, _TIMEOUT_S)
    starts = _starts(admin, ends, stored, done)
    left, tail = _count(bus, starts, ends)
    flows = {
        "enforcement": Flow(
            sum(count for (topic, _), count in left.items() if topic.startswith(_RAW)),
            last_commit=_latest(admin, [place for place in ends if place[0] == METERING]),
        ),
        "ledger": Flow(None, "entries", _latest(admin, [(LEDGER, 0)] if ends else [])),
    }
    behind = _entries_behind(bus, tail)
    flows["provisioning"] = Flow(behind.get("provisioning"), "entries")
    metered = sum(count for (topic, _), count in left.items() if topic == METERING)
    flows["sink"] = Flow(None if trouble else metered, "records", sink_at, trouble)
    return flows


def _stored(bus: Bus) -> tuple[dict[int, int], datetime | None, str]:
    """Return what ClickHouse holds: next offset by partition, its latest moment, or the trouble."""
    try:
        warehouse = open_warehouse(bus, department_principal(OPERATOR), _TIMEOUT_S)
        try:
            rows = warehouse.query(_STORED)
        finally:
            warehouse.close()
    except InvalidInput:  # there is no such table yet
        return {}, None, ""
    except SharebusError as error:
        return {}, None, error.problem
    found = {int(row["partition"]): int(row["last"]) + 1 for row in rows}
    return found, max((row["at"] for row in rows), default=None), ""


def _starts(
    admin: AdminClient,
    ends: Mapping[Place, int],
    stored: Mapping[int, int],
    done: Mapping[Place, int],
) -> dict[Place, int]:
    with translated("the starts of topics can't be read"):
        earliest = admin.list_offsets(
            {TopicPartition(*place): OffsetSpec.earliest() for place in ends}
        )
        first = {
            (p.topic, p.partition): int(f.result(_TIMEOUT_S).offset) for p, f in earliest.items()
        }
    starts = {}
    for (topic, partition), end in ends.items():
        if topic == LEDGER:
            known = end - _TAIL
        else:
            known = (
                stored.get(partition, 0) if topic == METERING else done.get((topic, partition), 0)
            )
        starts[topic, partition] = max(known, first[topic, partition])
    return starts


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
    head, behind = decode_entry(tail).sequence, {}
    for process, address in endpoints(bus.home, list(_FOLLOWERS)).items():
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=1) as answer:
                position = _POSITION.search(answer.read().decode())
        except OSError:
            continue
        if position is not None:
            behind[process] = max(0, head - int(float(position[1])))
    return behind
