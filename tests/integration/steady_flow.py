"""A provider that publishes without a pause, at a rate."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from tests.integration.meanwhile import meanwhile
from tests.integration.running_bus import RunningBus
from tests.integration.synthetic_divisions import townships

_TICK_S = 0.05


@contextmanager
def flow(bus: RunningBus, rate: int, province: str = "71") -> Iterator[None]:
    """Publish so many changes a second of a province's townships until the block ends."""
    rows = townships(province, 2_000)

    def publish(enough: Event) -> None:
        with bus.publisher() as publisher:
            began, sent = time.monotonic(), 0
            while not enough.wait(_TICK_S):
                due = int((time.monotonic() - began) * rate)
                for number in range(sent, due):
                    publisher.upsert(rows[number % len(rows)])
                sent = due

    with meanwhile(publish):
        yield
