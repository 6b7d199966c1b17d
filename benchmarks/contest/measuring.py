"""One round of one contender: a backlog worked off, watched by the group's committed offsets.

The first fifth is everybody's time to warm up (the JVM compiles, connections open): figures are
taken between the first commit behind it and the last one.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from contest.contenders import Contender
from contest.figures import Mark, Round, between
from contest.outputs import Outputs, read_outputs
from contest.processes import LIMIT_S, Running, all_running, wait_for
from contest.scene import Offsets, Scene, ends_of
from infra.kafka.clients import READ_TO_END

WARM_UP = 0.2


class Group:
    """A contender's consumer group, looked at from outside."""

    def __init__(self, scene: Scene, name: str, topic: str) -> None:
        self._scene, self._name = scene, name
        self._places = [TopicPartition(topic, number) for number in range(scene.job.partitions)]
        # It never joins: it only asks.
        self._asking: Consumer = scene.bus.admin_access().consumer(name)

    def close(self) -> None:
        """Let the connection go."""
        self._asking.close()

    def put(self, offsets: Offsets) -> None:
        """Set the group to offsets; a static member that has ended is in it for a while yet."""
        places = [TopicPartition(*place, offset) for place, offset in offsets.items()]

        def is_put() -> bool:
            asked = [ConsumerGroupTopicPartitions(self._name, places)]
            try:
                told = self._scene.admin.alter_consumer_group_offsets(asked)[self._name]
                done = told.result(LIMIT_S).topic_partitions
            except KafkaException:
                return False
            return all(place.error is None for place in done or [])

        wait_for(is_put, f"{self._name} to be empty")

    def committed(self) -> int:
        """Return the sum of its committed offsets."""
        found = self._asking.committed(self._places, LIMIT_S)
        return sum(max(place.offset, 0) for place in found)


def measure(scene: Scene, contender: Contender, run: int) -> Round | None:
    """Let a contender work off its backlog; None when all came in one commit: too few records.

    Raises:
        Ended: one of its processes did, before the backlog was through.
        TimeoutError: it took too long.
    """
    backlog = contender.backlog(scene)
    start = sum(backlog.start.values())
    folder = scene.bus.home.folder("bench")
    with closing(Group(scene, contender.group(run), backlog.topic)) as group:
        group.put(backlog.start)
        commands = contender.argument_lists(scene, run, folder)
        with all_running(
            [(argv, log_of(scene, contender, n)) for n, argv in enumerate(commands)]
        ) as (processes):

            def mark(least: int) -> Mark | None:
                return _mark(scene, group, processes, least)

            warm = start + int(WARM_UP * backlog.records)
            first = wait_for(lambda: mark(max(warm, start + 1)), "the first commits", processes)
            last = wait_for(lambda: mark(sum(backlog.end.values())), "the last commit", processes)
    return between(first, last) if last.records > first.records else None


def _mark(scene: Scene, group: Group, processes: list[Running], least: int) -> Mark | None:
    reached = group.committed()
    if reached < least:
        return None
    own = sum(process.cpu_s() for process in processes)
    return Mark(reached, time.monotonic(), own, scene.broker.cpu_s())


def log_of(scene: Scene, contender: Contender, number: int) -> Path:
    """Return where a worker of a contender writes what it has to say."""
    return scene.logs / f"{contender.name.replace(' ', '-')}-{number}.log"


def ends(scene: Scene, contender: Contender) -> Offsets:
    """Return where a contender's output topics end now."""
    views = [view.partitions for view in scene.views]
    counts = [scene.job.partitions, *views]
    topics = scene.output_topics(contender.name)
    places = [(t, n) for t, count in zip(topics, counts, strict=True) for n in range(count)]
    return ends_of(scene.admin, places)


def outputs(scene: Scene, contender: Contender, start: Offsets, end: Offsets) -> Outputs:
    """Return the fingerprints of what a contender wrote between two moments."""
    access = scene.bus.admin_access()
    with closing(access.consumer("bench-outputs", READ_TO_END)) as consumer:
        return read_outputs(consumer, scene.output_topics(contender.name), start, end)
