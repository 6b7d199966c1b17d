"""The contenders: how each is started, what it takes, what it guarantees, and its versions."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from contest import kafka_streams
from contest.cases import BARE, FASTAVRO, FAUST, QUIX, SHAREBUS, STREAMS, Case
from contest.peers.job import Job, write_job
from contest.scene import BUS, Backlog, Scene
from schemas.names import ENFORCEMENT
from stream_apps import processes

_SLOTS: Final = hasattr(processes, "enforcement_process")
"""Whether the bus can run enforcement as several processes, one a slot."""
PEERS: Final = Path(__file__).parent / "peers"
EXACTLY_ONCE, AT_LEAST_ONCE = "exactly once", "at least once"


@dataclass(frozen=True)
class Contender:
    """One contender.

    Attributes:
        name: in the result.
        guarantee: what its outputs are.
        command: its argument list but for the job; empty for sharebus, which takes none.
        versions: of what it is made of, by name.
        settings: those of its own that matter, in words.
        is_slow: takes the small backlog.
        missing: why it can't run here, asked before anything starts; empty: it can.
    """

    name: str
    guarantee: str
    command: tuple[str, ...]
    versions: Callable[[], Mapping[str, str]]
    settings: str
    is_slow: bool = False
    missing: Callable[[], str] = str
    threads: int = 1

    def backlog(self, scene: Scene) -> Backlog:
        """Return what it works off."""
        return scene.few if self.is_slow else scene.whole

    def lacks(self, case: Case) -> str:
        """Return why it can't take part in a case yet; nothing where it can."""
        if self.name == SHAREBUS and case.workers > 1 and not _SLOTS:
            return "this bus runs one worker of enforcement"
        return ""

    def group(self, run: int) -> str:
        """Return its consumer group in a run; enforcement's is always the same."""
        return ENFORCEMENT if self.name == SHAREBUS else f"{self.name.replace(' ', '-')}-{run}"

    def argument_lists(self, scene: Scene, run: int, folder: Path) -> list[list[str]]:
        """Return what starts its workers; jobs are written into the folder."""
        workers = range(scene.case.workers)
        if self.name == SHAREBUS:
            return [[*BUS, f"{ENFORCEMENT}-{n}" if n else ENFORCEMENT] for n in workers]
        return [self._argument_list(scene, run, number, folder) for number in workers]

    def _argument_list(self, scene: Scene, run: int, number: int, folder: Path) -> list[str]:
        job: Job = replace(
            scene.job,
            group=self.group(run),
            source=self.backlog(scene).topic,
            folder=str(folder / f"{self.group(run)}-{number}"),
            threads=self.threads,
            number=number,
        )
        file = folder / f"{job.group}-{number}.json"
        write_job(job, file)
        return [*self.command, str(file)]


def _of(*distributions: str) -> Callable[[], Mapping[str, str]]:
    return lambda: {name: version(name) for name in distributions}


PEERS_PYTHON: Final = Path("build/bench/peers/bin/python").absolute()
"""The interpreter of the peers' own environment, made of benchmarks/peers.txt."""


def _peers_missing() -> str:
    return "" if PEERS_PYTHON.exists() else f"no environment of the peers at {PEERS_PYTHON}"


def _of_peers(*distributions: str) -> Callable[[], Mapping[str, str]]:
    def found() -> Mapping[str, str]:
        script = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
        argv = [str(PEERS_PYTHON), "-c", script, *distributions]
        told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
        return dict(zip(distributions, told, strict=True))

    return found


def _peers_python(script: str) -> tuple[str, ...]:
    return (str(PEERS_PYTHON), str(PEERS / script))


def _python(script: str) -> tuple[str, ...]:
    return (sys.executable, str(PEERS / script))


CONTENDERS: Final[Mapping[str, Contender]] = {
    contender.name: contender
    for contender in (
        Contender(
            BARE, EXACTLY_ONCE, _python("bare_copy.py"), _of("confluent-kafka"),
            "the enforcement loop's own, linger.ms 5",
        ),
        Contender(
            SHAREBUS, EXACTLY_ONCE, (), _of("sharebus", "confluent-kafka", "numba", "numpy"),
            "as it runs on the bus; every check, metering, ACLs",
        ),
        Contender(
            FASTAVRO, EXACTLY_ONCE, _python("fastavro_loop.py"),
            _of("confluent-kafka", "fastavro"),
            "the enforcement loop's own, linger.ms 5; no checks but fastavro's",
        ),
        Contender(
            STREAMS, EXACTLY_ONCE, kafka_streams.COMMAND, kafka_streams.versions,
            "exactly_once_v2, 2 stream threads, linger.ms 5, batch.size 1 MiB; Avro generic",
            missing=kafka_streams.missing, threads=2,
        ),
        Contender(
            QUIX, EXACTLY_ONCE, _peers_python("quixstreams_app.py"),
            _of_peers("quixstreams", "confluent-kafka", "fastavro"),
            "exactly-once, linger.ms 5; fastavro", is_slow=True, missing=_peers_missing,
        ),
        Contender(
            FAUST, AT_LEAST_ONCE, _peers_python("faust_app.py"),
            _of_peers("faust-streaming", "aiokafka", "fastavro"),
            "its exactly-once does not work; fastavro", is_slow=True, missing=_peers_missing,
        ),
    )
}  # fmt: skip
