"""Sender and reader of the latency measurement, each a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Any

import numpy as np
from confluent_kafka import Producer, TopicPartition

from infra.kafka.clients import Access

TIME_BYTES = 8
"""Of `occurred_at` on the wire: microseconds since 1970 take eight, now and for centuries."""
IDLE_S = 20.0
"""The reader gives up when nothing has come for so long and the sender is done."""
TRICKLE_S = 0.1
WINDOW = 50_000


@dataclass(frozen=True)
class Loop:
    """What the two are told.

    Attributes:
        access: to the broker.
        topic: to send to.
        pool: keys and messages, sent in turn with the time of each sending in their envelopes.
        seconds: how long.
        rate: records a second, whatever comes of them; 0: as fast as they come out again, so that
            never more than `WINDOW` are on their way.
    """

    access: Access
    topic: str
    pool: list[tuple[bytes, bytes]]
    seconds: float = 0.0
    rate: float = 0.0


@dataclass(frozen=True)
class Sent:
    """What was sent: how many, from when on, and how late the latest was, in milliseconds."""

    count: int
    began_us: int
    latest_ms: float


@dataclass(frozen=True)
class Received:
    """What came: of each record the time it was meant to be sent, and when it came, both in µs."""

    sent_us: np.ndarray[Any, np.dtype[np.int64]]
    received_us: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def count(self) -> int:
        """How many records."""
        return len(self.sent_us)

    def after(self, begun_us: int) -> list[float]:
        """Return the latencies of what was meant to be sent from a time on, in ms, ascending."""
        late = (self.received_us - self.sent_us)[self.sent_us >= begun_us]
        return list(np.sort(late) / 1000)

    def rate(self, began_us: int, seconds: float) -> float:
        """Return records received a second in the second half of a time."""
        half = began_us + int(seconds * 1e6 / 2)
        end = began_us + int(seconds * 1e6)
        came = np.count_nonzero((self.received_us >= half) & (self.received_us < end))
        return float(came) / (seconds / 2)


def time_at(message: bytes) -> int:
    """Return where the envelope's `occurred_at` stands in a framed change event.

    Before it: the frame, the event's id, the sequence, and two texts of less than 64 bytes.
    """
    place = 5 + 16
    while message[place] & 0x80:
        place += 1
    place += 1
    for _ in range(2):
        place += 1 + (message[place] >> 1)
    return place


def varint(value: int) -> bytes:
    """Return a positive number as Avro writes a long."""
    left, found = value << 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def times(messages: list[bytes], place: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the times that stand in messages, in microseconds."""
    taken = b"".join([message[place : place + TIME_BYTES] for message in messages])
    groups = np.frombuffer(taken, np.uint8).reshape(-1, TIME_BYTES).astype(np.int64) & 0x7F
    shifted = groups << (7 * np.arange(TIME_BYTES))
    found: np.ndarray[Any, np.dtype[np.int64]] = shifted.sum(axis=1) >> 1
    return found


class _Sender:
    """Sends the pool's records in turn, each with a time in its envelope."""

    def __init__(self, loop: Loop) -> None:
        self._producer: Producer = loop.access.producer(
            {"linger.ms": 5, "compression.type": "lz4", "queue.buffering.max.messages": 500_000}
        )
        self._topic = loop.topic
        place = time_at(loop.pool[0][1])
        self._parts = [(key, m[:place], m[place + TIME_BYTES :]) for key, m in loop.pool]
        self.count = 0

    def send(self, meant_us: int) -> None:
        key, head, tail = self._parts[self.count % len(self._parts)]
        message = head + varint(meant_us) + tail
        while True:
            try:
                self._producer.produce(self._topic, message, key)
                break
            except BufferError:
                self._producer.poll(0.01)
        self.count += 1

    def settle(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush(60)


@dataclass(frozen=True)
class Shared:
    """What the two let each other know."""

    ready: Event
    """Set with the first record that comes: the contender is at work."""
    sent: Synchronized[int]
    """How many, once it is all; 0 until then."""
    received: Synchronized[int]
    answers: Queue[Any]


def send(loop: Loop, shared: Shared) -> None:
    """Send a record now and then until the contender is at work, then as the loop says."""
    sender = _Sender(loop)
    while not shared.ready.wait(TRICKLE_S):
        sender.send(_now_us())
        sender.flush()
    began = _now_us()
    latest = _open(loop, sender, began) if loop.rate else _closed(loop, sender, began, shared)
    sender.flush()
    shared.sent.value = sender.count
    shared.answers.put(Sent(sender.count, began, latest / 1000))


def _open(loop: Loop, sender: _Sender, began: int) -> int:
    """Send at the rate; return how late the latest was, in microseconds."""
    total, number, latest = int(loop.rate * loop.seconds), 0, 0
    while number < total:
        elapsed = _now_us() - began
        due = min(int(elapsed * loop.rate / 1e6) + 1, total)
        latest = max(latest, elapsed - int(number * 1e6 / loop.rate))
        for each in range(number, due):
            sender.send(began + int(each * 1e6 / loop.rate))
        number = due
        sender.settle()
        time.sleep(0.001)
    return latest


def _closed(loop: Loop, sender: _Sender, began: int, shared: Shared) -> int:
    while (now := _now_us()) < began + loop.seconds * 1e6:
        if sender.count - shared.received.value > WINDOW:
            time.sleep(0.001)
        else:
            for _ in range(500):
                sender.send(now)
        sender.settle()
    return 0


def receive(loop: Loop, start: Mapping[tuple[str, int], int], shared: Shared) -> None:
    """Read a view from offsets on, until the sender is done and all has come."""
    consumer = loop.access.consumer("bench-reader", {"fetch.wait.max.ms": 50})
    consumer.assign([TopicPartition(*place, offset) for place, offset in start.items()])
    place = time_at(loop.pool[0][1])
    sent, received = [], []
    count, last = 0, time.monotonic()
    while not (total := shared.sent.value) or (count < total and time.monotonic() - last < IDLE_S):
        first = consumer.poll(0.05)
        if first is None:
            continue
        taken = [first, *consumer.consume(10_000, 0)]
        now = _now_us()
        values = [value for m in taken if m.error() is None and (value := m.value()) is not None]
        if values:
            shared.ready.set()
            count, last = count + len(values), time.monotonic()
            shared.received.value = count
            sent.append(times(values, place))
            received.append(np.full(len(values), now, np.int64))
    consumer.close()
    shared.answers.put(Received(np.concatenate(sent), np.concatenate(received)))


def _now_us() -> int:
    return time.time_ns() // 1000
