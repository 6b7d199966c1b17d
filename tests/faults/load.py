"""Records that flow all the while: what a source publishes, at a steady rate, and some rubbish.

Each key comes again and again; some are deleted and come back; rows change in every item. About
one record in a hundred is no change event at all and belongs into quarantine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from confluent_kafka import Producer

from infra.ledger.profiles import load_profile
from producers.publisher import Publisher
from schemas.names import raw_topic
from tests.integration.running_bus import RESOURCE, SOURCE, ZHANG, RunningBus
from tests.integration.synthetic_divisions import Row, townships

PROVINCE: Final = "61"
KEYS: Final = 3000
TICK_S: Final = 0.05
FLUSH_LIMIT_S: Final = 300
HURRY: Final = 5
ELSEWHERE: Final = "990000"
"""Where some records move to for a while."""
_DELETES, _RUBBISH, _MOVES = 0.02, 0.01, 0.3


class Load:
    """Publishes until told to end, and then until there were enough.

    Args:
        publisher: of the source.
        rubbish: sends as the source what no publisher would.
        seed: of what is published.
        rate: records a second, as long as faults happen.
        at_least: so many in all.
    """

    def __init__(
        self, publisher: Publisher, rubbish: Producer, seed: int, rate: int, at_least: int
    ) -> None:
        self._publisher, self._rubbish = publisher, rubbish
        self._chance = random.Random(f"load/{seed}")
        self._rate, self._at_least = rate, at_least
        self._rows = townships(PROVINCE, KEYS, seed)
        self._alive: set[str] = set()
        self._enough, self._failed = Event(), list[BaseException]()
        self._thread = Thread(target=self._run, name="load")
        self.sent = 0

    def check(self) -> None:
        """Raise what ended it, if anything did."""
        if self._failed:
            raise self._failed[0]

    def finish(self) -> int:
        """Let it complete what is missing, wait for it, and return how many records there were."""
        self._enough.set()
        self._thread.join()
        self.check()
        return self.sent

    def _run(self) -> None:
        try:
            began, tick = time.monotonic(), 0
            while not (self._enough.is_set() and self.sent >= self._at_least):
                tick += 1
                hurry = HURRY if self._enough.is_set() else 1
                for _ in range(max(1, round(self._rate * TICK_S) * hurry)):
                    self._send_one()
                time.sleep(max(0.0, began + tick * TICK_S - time.monotonic()))
            self._publisher.flush(FLUSH_LIMIT_S)
            assert self._rubbish.flush(FLUSH_LIMIT_S) == 0, "rubbish was not delivered"
        except BaseException as error:
            self._failed.append(error)

    def _send_one(self) -> None:
        row, draw = self._chance.choice(self._rows), self._chance.random()
        if draw < _RUBBISH:
            self._send_rubbish(row)
        elif draw < _RUBBISH + _DELETES and row["code"] in self._alive:
            self._publisher.delete(row["code"])
            self._alive.discard(row["code"])
        else:
            parent = ELSEWHERE if self._chance.random() < _MOVES else row["parent"]
            changed = row | {"population": self.sent, "area": self.sent / 8, "parent": parent}
            self._publisher.upsert(changed)
            self._alive.add(row["code"])
        self.sent += 1

    def _send_rubbish(self, row: Row) -> None:
        noise = self._chance.randbytes(60)
        value = self._chance.choice((b"", b"\0", b"no event", b"\0" * 40, noise))
        key = self._chance.choice((None, b"\xff", row["code"].encode()))
        self._rubbish.produce(raw_topic(RESOURCE, SOURCE), value, key)
        self._rubbish.poll(0)


@contextmanager
def load(bus: RunningBus, seed: int, rate: int, at_least: int) -> Iterator[Load]:
    """Publish in the background; ends with the block."""
    profile = load_profile(bus.home, ZHANG)
    # Not idempotent, for then it would keep a core busy while a broker is silent (ARCHITECTURE 66).
    rubbish = profile.access(bus.bus.cluster).producer(
        {"delivery.timeout.ms": 600_000, "enable.idempotence": False}
    )
    with bus.publisher(ZHANG) as publisher:
        running = Load(publisher, rubbish, seed, rate, at_least)
        running._thread.start()
        try:
            yield running
        finally:
            running._at_least = 0
            running.finish()
