"""Reads the ledger from its first entry, checks every one, and holds what they add up to.

A follower trusts nobody: a broken chain stops it (Tampered); an entry that is chained but that the
rules don't allow has no effect and is reported.
"""

from __future__ import annotations

import logging
import time

from confluent_kafka import KafkaError, Message, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, close
from infra.kafka.offsets import end_offsets
from schemas.errors import AccessDenied, Unavailable
from schemas.ledger.chain import fold
from schemas.ledger.entry import Entry
from schemas.ledger.state import LedgerState
from schemas.names import LEDGER

log = logging.getLogger(__name__)
_BATCH = 1000
_DENIED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)


class LedgerFollower:
    """One reader of the ledger and its state; not for several threads.

    Args:
        access: a principal that may read `ledger`.
        group: a group name the principal may use; nothing is ever committed to it.
    """

    def __init__(self, access: Access, group: str) -> None:
        self.state = LedgerState()
        self._access = access
        self._consumer = access.consumer(group, READ_TO_END)
        self._consumer.assign([TopicPartition(LEDGER, 0, 0)])
        self._next = 0

    def poll(self, timeout_s: float) -> list[tuple[Entry, bytes]]:
        """Apply what has come, waiting at most so long for a first entry; return entry and bytes.

        Raises:
            Tampered: the chain is broken; the state stands before the bad entry.
            AccessDenied: the principal may not read the ledger.
        """
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        return [
            entry
            for message in (first, *self._consumer.consume(_BATCH, 0))
            for entry in self._apply(message)
        ]

    def catch_up(self, timeout_s: float = 60) -> list[tuple[Entry, bytes]]:
        """Read to the present end of the ledger; return what `poll` returns.

        Raises:
            Unavailable: the end was not reached in time.
        """
        deadline = time.monotonic() + timeout_s
        end = end_offsets(self._access.admin(), [(LEDGER, 0)])[LEDGER, 0]
        entries: list[tuple[Entry, bytes]] = []
        while self._next < end:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the ledger's end was not reached in {timeout_s:.0f} s",
                    remedy="Look at: sharebus status",
                )
            entries += self.poll(0.2)
        return entries

    def _apply(self, message: Message) -> list[tuple[Entry, bytes]]:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._next = max(self._next, message.offset() or 0)
            elif error.code() in _DENIED:
                raise AccessDenied("the broker does not let you read the ledger")
            else:
                log.warning("the ledger can't be read just now: %s", error.name())
            return []
        self._next = (message.offset() or 0) + 1
        value = message.value() or b""
        entry, legal = fold(self.state, value)
        if not legal:
            log.error("ledger entry %d is illegal and has no effect", entry.sequence)
        return [(entry, value)]

    def close(self) -> None:
        """Let the connection go."""
        close(self._consumer)

    def __enter__(self) -> LedgerFollower:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
