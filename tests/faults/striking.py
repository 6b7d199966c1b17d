"""Carries faults out on a running bus, one after the other, and lets their ends overlap.

Whoever is being mended is not struck again meanwhile; of the brokers only one at a time is harmed,
since three can do without one and not without two.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import Final

from confluent_kafka import KafkaException

from infra.home import read_json
from infra.processes.background import status_file
from tests.faults.drawing import Fault, Kind
from tests.faults.proxy import Harm, Rule
from tests.faults.wire import Api
from tests.faults.workers import Worker, Workers
from tests.integration.running_bus import RunningBus

LIMIT_S: Final = 240
HIT_LIMIT_S: Final = 15
SEEN_S: Final = 3.0
FEWEST, MOST = 2, 4
BROKERS: Final = ("broker-1", "broker-2", "broker-3")
END: Final = (Api.END_TXN,)
REQUESTS: Final = (
    (Api.PRODUCE,),
    (Api.FETCH,),
    (Api.ADD_PARTITIONS_TO_TXN,),
    (Api.ADD_OFFSETS_TO_TXN,),
    (Api.TXN_OFFSET_COMMIT,),
    (Api.HEARTBEAT,),
)
PLAIN_END: Final = (Api.OFFSET_COMMIT,)
PLAIN_REQUESTS: Final = ((Api.PRODUCE,), (Api.FETCH,), (Api.HEARTBEAT,))
_TICK_S: Final = 0.2
SERVICES: Final = {
    Kind.KILL_LEDGER: "ledger",
    Kind.PAUSE_LEDGER: "ledger",
    Kind.KILL_PROVISIONING: "provisioning",
    Kind.PAUSE_PROVISIONING: "provisioning",
    Kind.KILL_SINK: "sink",
    Kind.PAUSE_SINK: "sink",
}
PAUSES: Final = {
    Kind.PAUSE_WORKER, Kind.PAUSE_LEDGER, Kind.PAUSE_PROVISIONING, Kind.PAUSE_SINK,
    Kind.PAUSE_BROKER,
}  # fmt: skip


class Striker:
    """Strikes; `struck` counts the faults that really befell somebody.

    Args:
        bus: of three brokers.
        workers: the enforcing ones.
        in_transactions: whether these end transactions, or commit offsets on their own.
        check: raises when what flows has stopped.
    """

    def __init__(
        self,
        bus: RunningBus,
        workers: Workers,
        *,
        in_transactions: bool,
        check: Callable[[], None],
    ) -> None:
        self._bus, self._workers, self._check = bus, workers, check
        self._end = END if in_transactions else PLAIN_END
        self._requests = REQUESTS if in_transactions else PLAIN_REQUESTS
        self._busy: set[str] = set()
        self._lock = Lock()
        self._mending: list[Thread] = []
        self._failed: list[BaseException] = []
        self.struck = 0

    def strike(self, fault: Fault) -> str:
        """Let one fault happen; return, in words, to whom. It may go on being mended behind."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            told = self._try(fault)
            if told:
                self.struck += 1
                return told
            self.check()
            assert time.monotonic() < deadline, f"there is nobody to {fault.kind}"
            time.sleep(_TICK_S)

    def check(self) -> None:
        """Raise what has gone wrong beside the faults."""
        self._check()
        if self._failed:
            raise self._failed[0]

    def wait_mended(self) -> None:
        """Wait until everything is as if nothing had happened."""
        for thread in self._mending:
            thread.join(2 * LIMIT_S)
            assert not thread.is_alive(), f"{thread.name} is not mended"
        self.check()

    def _try(self, fault: Fault) -> str:
        match fault.kind:
            case Kind.KILL_WORKER | Kind.PAUSE_WORKER:
                working = [
                    w.name for w in self._ready_workers() if w.proxy.saw(Api.PRODUCE, SEEN_S)
                ]
                return self._process(fault, working)
            case Kind.KILL_BROKER | Kind.PAUSE_BROKER:
                if self._busy & set(BROKERS) or not self._is_whole():
                    return ""
                return self._process(fault, BROKERS)
            case Kind.ADD_WORKER | Kind.REMOVE_WORKER:
                return self._resize(fault)
            case _ if fault.kind in SERVICES:
                return self._process(fault, [SERVICES[fault.kind]])
        return self._network(fault)

    # Processes.

    def _process(self, fault: Fault, names: Sequence[str]) -> str:
        name = self._choose(fault, names)
        if not name:
            return ""
        pid = self._pid(name)
        if pid is None:
            return self._let_go(name)
        if fault.kind not in PAUSES:
            os.kill(pid, signal.SIGKILL)
            self._mend(name, lambda: self._wait_replaced(name, pid))
            return f"kill -9 {name}"
        os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            time.sleep(fault.seconds)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self._wait(lambda: self._is_ready(name), f"{name} to go on")

        self._mend(name, go_on)
        return f"stop {name} for {fault.seconds} s"

    def _wait_replaced(self, name: str, pid: int) -> None:
        self._wait(lambda: self._is_ready(name) and self._pid(name) != pid, f"{name} to be back")

    def _pid(self, name: str) -> int | None:
        worker = self._worker(name)
        return worker.pid if worker else self._bus.pid(name)

    def _is_ready(self, name: str) -> bool:
        worker = self._worker(name)
        if worker:
            return worker.is_ready
        row = read_json(status_file(self._bus.home))["processes"][name]
        return bool(row["phase"] == "ready")

    def _is_whole(self) -> bool:
        """Tell whether every partition has its three replicas in sync."""
        try:
            topics = self._bus.bus.admin_access().admin().list_topics(timeout=5).topics.values()
        except KafkaException:
            return False
        return all(len(p.isrs) == len(BROKERS) for t in topics for p in t.partitions.values())

    # Workers coming and going.

    def _resize(self, fault: Fault) -> str:
        present = self._workers.present
        grow = fault.kind is Kind.ADD_WORKER
        if grow and len(present) >= MOST:
            grow = False
        elif not grow and len(present) <= FEWEST:
            grow = True
        if grow:
            worker = self._workers.add(min(set(range(MOST)) - present.keys()))
            self._busy.add(worker.name)
            self._mend(worker.name, lambda: self._wait(lambda: worker.is_ready, worker.name))
            return f"add {worker.name}"
        name = self._choose(fault, [w.name for w in self._ready_workers()])
        leaving = self._worker(name)
        if leaving is None:
            return ""
        self._workers.present.pop(leaving.slot)
        self._mend(name, leaving.stop)
        return f"remove {name}"

    # The network between a worker and the brokers.

    def _network(self, fault: Fault) -> str:
        apis: tuple[Api, ...] = self._requests[fault.pick % len(self._requests)]
        if fault.kind in (Kind.DROP_END, Kind.LOSE_END, Kind.DELAY_END):
            apis = self._end
        name = self._choose(fault, self._working(*apis))
        worker = self._worker(name)
        if worker is None:
            return ""
        told = "+".join(api.name.title().replace("_", "") for api in apis)
        match fault.kind:
            case Kind.CUT_CONNECTIONS:
                worker.proxy.cut()
                self._let_go(name)
                return f"cut all connections of {name}"
            case Kind.DELAY_REQUESTS:
                rule = Rule(Harm.DELAY, times=20, seconds=fault.seconds / 10)
                told = f"20 requests by {rule.seconds:.2f} s each"
            case Kind.DROP_END | Kind.DROP_REQUEST:
                rule = Rule(Harm.DROP, apis)
            case Kind.LOSE_END | Kind.LOSE_ANSWER:
                rule = Rule(Harm.LOSE_ANSWER, apis)
            case _:
                rule = Rule(Harm.DELAY, apis, seconds=fault.seconds)
                told += f" by {fault.seconds} s"
        worker.proxy.rule = rule
        if not rule.struck.wait(HIT_LIMIT_S):
            worker.proxy.rule = None
            return self._let_go(name)
        self._mend(name, lambda: self._wait(lambda: worker.is_ready, name))
        return f"{rule.harm} {told} of {name}"

    # Who is being mended.

    def _ready_workers(self) -> list[Worker]:
        return [worker for worker in list(self._workers.present.values()) if worker.is_ready]

    def _working(self, *apis: Api) -> list[str]:
        """Return the names of those that have just sent a request of one of these kinds."""
        looked = apis or (Api.PRODUCE,)
        return [
            worker.name
            for worker in self._ready_workers()
            if any(worker.proxy.saw(api, SEEN_S) for api in looked)
        ]

    def _worker(self, name: str) -> Worker | None:
        return next((w for w in list(self._workers.present.values()) if w.name == name), None)

    def _choose(self, fault: Fault, names: Sequence[str]) -> str:
        with self._lock:
            free = sorted(set(names) - self._busy)
            if not free:
                return ""
            name = free[fault.pick % len(free)]
            self._busy.add(name)
            return name

    def _let_go(self, name: str) -> str:
        with self._lock:
            self._busy.discard(name)
        return ""

    def _mend(self, name: str, work: Callable[[], None]) -> None:
        def mend() -> None:
            try:
                work()
            except BaseException as error:
                self._failed.append(error)
            finally:
                self._let_go(name)

        thread = Thread(target=mend, name=f"mend {name}")
        self._mending.append(thread)
        thread.start()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, f"waited {LIMIT_S} s in vain for {what}"
            time.sleep(_TICK_S)
