"""The bus's processes as values: what `sharebus up` starts, in this order, and `sharebus run` runs.

A target is named, not imported: a command that starts no process loads none of their libraries.
"""

from __future__ import annotations

import importlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from infra.bus import Bus
from infra.kafka.broker import process_name
from infra.processes.leaving import LEAVE_WITHIN_S, TOLD_BY, leave_within_of_signal
from infra.settings import Settings


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the bus.

    Attributes:
        name: as in `sharebus run NAME`.
        target: `module:function`; the function takes the Bus and returns at SIGTERM.
        summary: what it is for, one line.
        oneshot: ends by itself, with success, before the next is started.
        notifies: says READY=1; the broker, being Java, does not.
        unless: the setting that, where it is set, names a server in this process's place.
        number: of several alike, which one; its target takes it behind the Bus.
    """

    name: str
    target: str
    summary: str
    oneshot: bool = False
    notifies: bool = True
    unless: str = ""
    number: int = 0

    def is_needed(self, settings: Settings) -> bool:
        """Tell whether the bus runs it itself, or uses a server of somebody's own instead."""
        return not (self.unless and getattr(settings, self.unless))

    def run(self, bus: Bus) -> None:
        """Run it in this process."""
        module, function = self.target.split(":")
        start = getattr(importlib.import_module(module), function)
        if self.number:
            start(bus, self.number)
        else:
            start(bus)


def broker_processes(brokers: int) -> tuple[Process, ...]:
    """Return the nodes of the bus's own Kafka: `broker`, or `broker-1` to `broker-3`."""
    return tuple(
        Process(
            process_name(number, brokers),
            "infra.services:run_broker",
            f"Kafka, node {number} of {brokers}" if brokers > 1 else "Kafka, one node",
            notifies=False,
            unless="kafka_properties",
            number=number,
        )
        for number in range(1, brokers + 1)
    )


BUS_PROCESSES = (
    Process("furnish", "infra.services:furnish", "topics, users, ACLs of the bus", oneshot=True),
    Process("registry", "infra.services:run_registry", "schema registry", unless="registry_url"),
    Process(
        "warehouse", "infra.services:run_warehouse", "ClickHouse (chDB)", unless="clickhouse_url"
    ),
)


def run_until_stopped(
    loop: Callable[[Event], None], within_s: float | None = LEAVE_WITHIN_S
) -> None:
    """Run a loop in this thread until SIGTERM or SIGINT sets its event.

    Args:
        loop: looks at the event, and returns once it has wound up.
        within_s: by then the process ends in any case; None: the loop may take as long as it likes.
    """
    stop = Event()
    if within_s is not None:
        leave_within_of_signal(within_s)
    for number in TOLD_BY:
        signal.signal(number, lambda *_: stop.set())
    loop(stop)
