"""The control: the very enforcement loop, with nothing but its protection taken out.

    python -m tests.faults.unprotected SLOT         in SHAREBUS_HOME, until SIGTERM

Records are produced plainly and flushed, and their offsets committed behind that, every second:
what a loop does to which nobody gave a thought. A checker that finds nothing wrong with it under
faults sees nothing.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.cimpl import Consumer

from infra.bus import open_bus
from infra.home import default_home
from infra.kafka.clients import Access, Config
from infra.kafka.fenced_transaction import CALL_TIMEOUT_S, FencedTransaction
from infra.logs import log_to_stderr, tell_end
from infra.processes.locks import hold_lock
from schemas.errors import Fenced
from stream_apps import processes

COMMIT_EVERY_S: Final = 1.0
"""Clients that commit by themselves do so every 5 s."""


class Unprotected(FencedTransaction):
    """Looks like a transaction to the loop, and is none."""

    def __init__(
        self, access: Access, transactional_id: str, overrides: Config | None = None
    ) -> None:
        super().__init__(access, transactional_id, overrides)
        self._config = {"enable.idempotence": False, **(overrides or {})}
        self._done: dict[tuple[str, int], TopicPartition] = {}
        self._consumer: Consumer | None = None
        self._failure: KafkaException | None = None
        Thread(target=self._commit_offsets, daemon=True).start()

    def open(self) -> None:
        """Make a producer; nobody is fenced."""
        self._producer = self._access.producer(self._config)

    def begin(self) -> None:
        """Note that records were produced."""
        self.in_transaction = True

    def commit(
        self,
        offsets: Sequence[TopicPartition],
        consumer: Consumer,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Flush the records, and leave their offsets to be committed in a while.

        Raises:
            Fenced: records did not get through, or offsets of before.
        """
        started = time.monotonic()
        meanwhile()
        if self.producer.flush(CALL_TIMEOUT_S):
            raise Fenced("records were not delivered")
        if self._failure is not None:
            raise self._fenced(self._failure)
        self._consumer = consumer
        self._done = self._done | {(each.topic, each.partition): each for each in offsets}
        self.in_transaction = False
        self.last_commit_s = time.monotonic() - started

    def _commit_offsets(self) -> None:
        while self._failure is None:
            time.sleep(COMMIT_EVERY_S)
            done, self._done = self._done, {}
            try:
                if done and self._consumer is not None:
                    self._consumer.commit(offsets=list(done.values()), asynchronous=False)
            except KafkaException as error:
                self._failure = error


def main(slot: int) -> None:
    """Enforce as one worker of the group until SIGTERM."""
    home, name = default_home(), processes.worker_name(slot)
    processes.set_compiler_cache(home)
    from stream_apps.enforcement import loop  # with the compiler, which has its cache now

    vars(loop)[FencedTransaction.__name__] = Unprotected
    hold_lock(home.folder("run") / f"{name}.lock", name)
    log_to_stderr(name)
    status = 1
    try:
        processes.run_enforcement(open_bus(home), slot)
        status = 0
    except BaseException as error:
        tell_end(logging.getLogger(__name__), name, error)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    main(int(sys.argv[1]))
