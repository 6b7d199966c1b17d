"""The control: the very enforcement loop, with nothing but its protection taken out.

    python -m tests.faults.unprotected SLOT         in SHAREBUS_HOME, until SIGTERM

Records are produced plainly and flushed, and only then are the offsets committed, on their own:
what most loops do. A checker that finds nothing wrong with it under faults sees nothing.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence

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


class Unprotected(FencedTransaction):
    """Looks like a transaction to the loop, and is none."""

    def __init__(
        self, access: Access, transactional_id: str, overrides: Config | None = None
    ) -> None:
        super().__init__(access, transactional_id, overrides)
        self._config = {"enable.idempotence": False, **(overrides or {})}

    def open(self) -> None:
        """Make a producer; nobody is fenced."""
        self._producer = self._access.producer(self._config)

    def begin(self) -> None:
        """Note that records were produced."""
        self.in_transaction = True

    def commit(self, offsets: Sequence[TopicPartition], consumer: Consumer) -> None:
        """Flush the records, then commit the offsets.

        Raises:
            Fenced: records or offsets did not get through.
        """
        started = time.monotonic()
        if self.producer.flush(CALL_TIMEOUT_S):
            raise Fenced("records were not delivered")
        try:
            consumer.commit(offsets=list(offsets), asynchronous=False)
        except KafkaException as error:
            raise self._fenced(error) from error
        self.in_transaction = False
        self.last_commit_s = time.monotonic() - started


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
