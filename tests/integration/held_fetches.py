"""Readers of a view whose grant is about to end: stock clients, some with a fetch held for long.

A fetch that is parked at the broker was authorised when it arrived. Each kind of reader notes which
partition and offset it got, and goes on until it is told to stop or the broker turns it away.
"""

from __future__ import annotations

import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from consumers.subscription import Subscription
from infra.kafka import jars, java
from schemas.errors import GrantRevoked
from schemas.ledger.subjects import Grant
from schemas.names import grant_group_prefix
from tests.integration.java_tools import configure_group
from tests.integration.running_bus import RunningBus

Place = tuple[int, int]

SUBSCRIPTION: Final = "subscription"
HELD_300_S: Final = "held 300 s for 50 MB"
HELD_300_S_FOR_LESS: Final = "held 300 s for 30 kB, uncommitted too"
HELD_8_S: Final = "held 8 s for 50 MB"
JAVA: Final = "java, the file alone"
JAVA_HELD: Final = "java, held 8 s for 50 MB"
JAVA_SHARE: Final = "java, share group"

KINDS: Final = (
    SUBSCRIPTION,
    HELD_300_S,
    HELD_8_S,
    HELD_300_S_FOR_LESS,
    JAVA,
    JAVA_HELD,
    JAVA_SHARE,
)
SILENT: Final = HELD_300_S
"""Never has so much to wait for, and its connection is idle sooner: it reads nothing anyway."""

_HELD: Final[Mapping[str, Mapping[str, str | int]]] = {
    HELD_300_S: {"fetch.wait.max.ms": 300_000, "fetch.min.bytes": 50_000_000},
    HELD_8_S: {"fetch.wait.max.ms": 8_000, "fetch.min.bytes": 50_000_000},
    HELD_300_S_FOR_LESS: {
        "fetch.wait.max.ms": 300_000,
        "fetch.min.bytes": 30_000,
        "isolation.level": "read_uncommitted",
    },
}
"""By kind, for librdkafka, which waits for no longer than that."""

_SHARED: Final = {
    "share.isolation.level": "read_committed",
    "share.auto.offset.reset": "earliest",
}
"""By default a share group reads what is uncommitted, and then never gets anything again once an
answer would hold a transaction's marker alone: 10 of 30 that began amid a flow never got a record,
all others stood still within seconds (Kafka 4.3.0)."""


@dataclass
class Reader(ABC):
    """One client of a grant.

    Attributes:
        bus: where it reads.
        grant: with whose file.
        kind: how.
        places: partition and offset of each record that it got.
    """

    bus: RunningBus
    grant: Grant
    kind: str
    places: set[Place] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def beyond(self, ends: Sequence[int]) -> set[Place]:
        """Return what it got at or behind a cut's end offsets."""
        return {(partition, at) for partition, at in set(self.places) if at >= ends[partition]}

    @abstractmethod
    def follow(self) -> None:
        """Read until `stopped` is set or the grant has ended."""


class Subscribed(Reader):
    """The library's own way."""

    def follow(self) -> None:
        """Read."""
        try:
            with Subscription(self.bus.properties(self.grant), start="end") as subscription:
                watch = threading.Thread(target=self._stop, args=(subscription,))
                watch.start()
                for record in subscription:
                    self.places.add((record.partition, record.offset))
        except GrantRevoked:
            pass
        finally:
            self.stopped.set()

    def _stop(self, subscription: Subscription) -> None:
        self.stopped.wait()
        subscription.stop()


class Held(Reader):
    """librdkafka with a fetch that the broker keeps as long as it may."""

    def follow(self) -> None:
        """Read."""
        properties = self.bus.properties(self.grant)
        consumer = Consumer(
            {
                **properties.config,
                "enable.auto.commit": False,
                **_HELD[self.kind],
                "socket.timeout.ms": 300_000,
                "log_level": 0,
            }
        )
        try:
            partitions = range(len(consumer.list_topics(properties.topic, 30).topics[
                properties.topic].partitions))  # fmt: skip
            consumer.assign([TopicPartition(properties.topic, p, OFFSET_END) for p in partitions])
            while not self.stopped.is_set():
                for message in consumer.consume(10_000, 0.2):
                    if message.error() is None:
                        self.places.add((message.partition() or 0, message.offset() or 0))
        except KafkaException:
            pass  # turned away before it began
        finally:
            consumer.close()


class Java(Reader):
    """Kafka's console consumers, for groups and for share groups."""

    def follow(self) -> None:
        """Read."""
        process = subprocess.Popen(
            self._command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        watch = threading.Thread(target=self._stop, args=(process,))
        watch.start()
        assert process.stdout is not None
        # Values are binary, so that they are left out.
        for line in process.stdout:
            words = dict(word.split(":", 1) for word in line.split() if ":" in word)
            if "Partition" in words:
                self.places.add((int(words["Partition"]), int(words["Offset"])))
        process.wait()
        self.stopped.set()

    def _stop(self, process: subprocess.Popen[str]) -> None:
        # It ends by itself when it is turned away, or hangs: its end waits for its coordinator.
        self.stopped.wait()
        process.kill()

    def _command(self) -> list[str]:
        share = self.kind == JAVA_SHARE
        shown = {"print.partition": "true", "print.offset": "true", "print.value": "false"}
        arguments = [
            *("--bootstrap-server", self.bus.bus.cluster.bootstrap),
            *("--topic", self.grant.view),
            *("--command-config", str(self._file())),
            *(w for k, v in shown.items() for w in ("--formatter-property", f"{k}={v}")),
        ]
        tool = "ConsoleShareConsumer" if share else "ConsoleConsumer"
        return java.tool(
            java.find(),
            jars.verify(jars.default_directory()),
            f"org.apache.kafka.tools.consumer.{tool}",
            arguments,
        )

    def _file(self) -> Path:
        file = self.bus.properties_file(self.grant)
        if self.kind == JAVA:
            return file
        lines = file.read_text("utf-8").splitlines(keepends=True)
        if self.kind == JAVA_HELD:
            lines += ["fetch.max.wait.ms=8000\n", "fetch.min.bytes=50000000\n"]
        else:
            group = f"{grant_group_prefix(self.grant.id)}share"
            configure_group(self.bus.bus.admin_access(), file.parent, group, _SHARED)
            refused = ("group.id", "isolation.level", "auto.offset.reset", "enable.auto.commit")
            lines = [line for line in lines if line.partition("=")[0] not in refused]
            lines += [f"group.id={group}\n", "fetch.max.wait.ms=8000\n"]
        copy = file.with_name(f"{self.kind.replace(', ', '-').replace(' ', '-')}.properties")
        copy.write_text("".join(lines), "utf-8")
        return copy


def reader(bus: RunningBus, grant: Grant, kind: str) -> Reader:
    """Return a reader of a kind; it does nothing yet."""
    cls = Held if kind in _HELD else Subscribed if kind == SUBSCRIPTION else Java
    return cls(bus, grant, kind)


@contextmanager
def following(readers: Sequence[Reader]) -> Iterator[None]:
    """Let readers read, each in a thread, until the block ends; then stop them."""
    with ExitStack() as stack:
        threads = [threading.Thread(target=each.follow) for each in readers]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        for each in readers:
            stack.callback(each.stopped.set)
        yield
