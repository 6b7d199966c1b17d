"""End-to-end latency of a contender under an open loop: from intended send time to the reader.

A sender of its own process publishes at a fixed rate and never waits for anybody; when it is late,
the record still says when it was meant to be sent (no coordinated omission). The time travels in
the envelope's `occurred_at`, which every view keeps; the reader takes the first view's records.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, Final

from contest.contenders import Contender
from contest.figures import Latency, percentile
from contest.measuring import Group, log_of
from contest.open_loop import Loop, Received, Sent, Shared, receive, send
from contest.processes import Ended, Running, all_running, wait_for
from contest.records import events
from contest.scene import Scene, ends_of

LOAD: Final = 0.5
SECONDS, WARM_UP_S, CALIBRATION_S = 10.0, 5.0, 10.0
_TEMPLATES = slice(100, 8000)
"""Of one length of the envelope's sequence, so that the time stands at the same place in each."""


def half_load(scene: Scene, contenders: Sequence[Contender]) -> float:
    """Return half of what the slowest contender lets through, sender and reader beside it.

    Found in a closed loop, which sends as fast as records come out again.
    """
    rates = []
    for number, contender in enumerate(contenders):
        loop = replace(_loop(scene), seconds=CALIBRATION_S)
        sent, received = _run(scene, contender, 1000 + number, loop)
        rates.append(received.rate(sent.began_us, CALIBRATION_S))
        print(f"  at most: {contender.name:14} {rates[-1]:9,.0f} records/s", flush=True)
    return LOAD * min(rates)


def measure_latency(
    scene: Scene, contender: Contender, run: int, rate: float, most: int | None
) -> Latency:
    """Measure one contender at a rate, records a second, by at most so many records."""
    measured = min(SECONDS, most / rate) if most else SECONDS
    loop = replace(_loop(scene), seconds=WARM_UP_S + measured, rate=rate)
    sent, received = _run(scene, contender, run, loop)
    if received.count < sent.count:
        raise TimeoutError(f"{sent.count - received.count} records did not come through")
    late = received.after(sent.began_us + int(WARM_UP_S * 1e6))
    if sent.latest_ms > percentile(late, 0.5):
        print(f"  the sender itself was late by up to {sent.latest_ms:.0f} ms", flush=True)
    return Latency(*(percentile(late, share) for share in (0.5, 0.99, 0.999)))


def _loop(scene: Scene) -> Loop:
    case = scene.case
    pool = list(events(case.kind, scene.schema_id, _TEMPLATES.stop, case.divisions, 1))
    return Loop(scene.bus.admin_access(), scene.job.source, pool[_TEMPLATES])


def _run(scene: Scene, contender: Contender, run: int, loop: Loop) -> tuple[Sent, Received]:
    view = scene.output_topics(contender.name)[1]
    start = ends_of(scene.admin, [(view, n) for n in range(scene.views[0].partitions)])
    raw = ends_of(scene.admin, [(loop.topic, n) for n in range(scene.job.partitions)])
    spawn = get_context("spawn")
    found = spawn.Queue()
    shared = Shared(spawn.Event(), spawn.Value("q", 0), spawn.Value("q", 0), found)
    commands = contender.argument_lists(scene, run, scene.bus.home.folder("bench"))
    with closing(Group(scene, contender.group(run), loop.topic)) as group:
        group.put(raw)
        with all_running(
            [(argv, log_of(scene, contender, n)) for n, argv in enumerate(commands)]
        ) as processes:
            reader = spawn.Process(target=receive, args=(loop, start, shared))
            sender = spawn.Process(target=send, args=(loop, shared))
            started: list[SpawnProcess] = [reader, sender]
            try:
                for each in started:
                    each.start()
                answers: list[Any] = [_next(found, started, processes) for _ in started]
            finally:
                for each in started:
                    each.terminate()
                    each.join()
    sent = next(answer for answer in answers if isinstance(answer, Sent))
    return sent, next(answer for answer in answers if isinstance(answer, Received))


def _next(found: Queue[Any], started: Sequence[SpawnProcess], watched: Sequence[Running]) -> Any:
    def ask() -> Any:
        for each in started:
            if each.exitcode:
                raise Ended(f"the {each.name} of the open loop ended with {each.exitcode}")
        try:
            return found.get(timeout=0.1)
        except Empty:
            return None

    return wait_for(ask, "the open loop", watched)
