"""Three counts of the same deliveries, each from its own place; they have to agree."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, TopicPartition
from rich.console import Console
from rich.table import Table

from consumers.properties import read_properties
from consumers.subscription import Subscription
from consumers.usage import supply_by_grant
from infra.acting import read_state
from infra.bus import Bus
from infra.clickhouse.opening import open_warehouse
from infra.kafka.clients import READ_TO_END
from schemas.errors import GrantRevoked
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import OPERATOR, department_principal


class Reader(threading.Thread):
    """A subscriber at work: reads its view until told to stop, or until its grant ends.

    `present` is what it has of the record with the key `watched`.
    """

    def __init__(self, grant: str, properties: Path, watched: str = "") -> None:
        super().__init__(name=f"reader of {grant}", daemon=True)
        self.grant = grant
        self.seen: dict[int, set[int]] = defaultdict(set)
        self.present: dict[str, Any] | None = None
        self.revoked = False
        self._watched = watched
        self._properties = properties
        self._enough = threading.Event()

    def run(self) -> None:
        """Iterate the subscription, as any subscriber would."""
        with Subscription(read_properties(self._properties), until_end=True) as subscription:
            while not self._enough.is_set():
                try:
                    for record in subscription:
                        self.seen[record.partition].add(record.offset)
                        if record.key == self._watched:
                            self.present = None if record.items is None else dict(record.items)
                except GrantRevoked:
                    self.revoked = True
                    return

    def stop(self) -> None:
        """Let the thread end."""
        self._enough.set()
        self.join(60)


@dataclass(frozen=True)
class Count:
    """One grant's line in the last table."""

    grant: str
    subscriber: str
    view: str
    live: bool
    delivered: int
    read: int
    counted: int
    above_cut: int = field(default=0)

    @property
    def agrees(self) -> bool:
        """Equal while the grant lives; of a revoked one no more was read than delivered."""
        if self.live:
            return self.delivered == self.read == self.counted > 0
        return 0 < self.read <= self.delivered == self.counted and self.above_cut == 0

    def document(self) -> dict[str, object]:
        """Return the line for demo.json."""
        return {**asdict(self), "agrees": self.agrees}


def count_grants(bus: Bus, grants: list[Grant], readers: dict[str, Reader]) -> list[Count]:
    """Count every grant in the three places."""
    warehouse = open_warehouse(bus, department_principal(OPERATOR))
    counted = {supply.grant: supply.counted for supply in supply_by_grant(warehouse)}
    lines = []
    for grant in grants:
        seen = {p: set(offsets) for p, offsets in list(readers[grant.id].seen.items())}
        ends = dict(enumerate(grant.end_offsets))
        above = sum(o >= ends.get(p, o + 1) for p, offsets in seen.items() for o in offsets)
        lines.append(
            Count(
                grant=grant.id,
                subscriber=grant.subscriber,
                view=grant.view,
                live=grant.status is GrantStatus.ACTIVE,
                delivered=broker_count(bus, grant.view),
                read=sum(map(len, seen.values())),
                counted=counted.get(grant.id, 0),
                above_cut=above,
            )
        )
    return lines


def broker_count(bus: Bus, topic: str) -> int:
    """Count the committed records of a topic by reading all of it as the broker's admin."""
    consumer = bus.admin_access().consumer("demo-count", READ_TO_END)
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    count, ended = 0, 0
    try:
        while ended < len(partitions):
            for message in consumer.consume(10_000, 0.1):
                error = message.error()
                if error is None:
                    count += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended += 1
    finally:
        consumer.close()
    return count


def show_counts(console: Console, counts: list[Count]) -> None:
    """Print the last table."""
    table = Table(title="Let out by enforcement, read by the subscriber, counted in ClickHouse")
    for name in ("grant", "subscriber", "live", "delivered", "read", "counted", "agree"):
        table.add_column(name, justify="right" if name[0] in "drc" else "left")
    for line in counts:
        table.add_row(
            line.grant,
            line.subscriber,
            "yes" if line.live else "revoked",
            f"{line.delivered:,}",
            f"{line.read:,}",
            f"{line.counted:,}",
            "yes" if line.agrees else "NO",
        )
    console.print(table)


def _progress(count: Count, reader: Reader) -> str:
    turned_away = " and was turned away" if count.live and reader.revoked else ""
    return f"{count.grant} {count.read:,} of {count.delivered:,}{turned_away}"


def settled(
    bus: Bus, console: Console, readers: dict[str, Reader], limit_s: float = 240
) -> list[Count]:
    """Wait until the counts agree and who was revoked knows it, or the limit is reached.

    Stops the readers.
    """
    deadline = time.monotonic() + limit_s
    told = ""
    while True:
        state = read_state(bus)
        counts = count_grants(bus, [state.grants[grant] for grant in readers], readers)
        told_all = all(count.live or readers[count.grant].revoked for count in counts)
        if (told_all and all(count.agrees for count in counts)) or time.monotonic() > deadline:
            break
        waiting = ", ".join(_progress(count, readers[count.grant]) for count in counts)
        if waiting != told:
            console.print(f"  read: {waiting}")
            told = waiting
        threading.Event().wait(2)
    for reader in readers.values():
        reader.stop()
    return counts
