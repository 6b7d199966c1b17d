"""Delivers rows of one origin in transactions; how much of the origin they are commits with them.

An origin is a file, or whatever a provider's program names (`batches`). The mark
(`sources.source.Mark`) is the offset and its metadata of a consumer group that belongs to this
department, resource and origin, stored for partition 0 of the resource's quarantine topic, which
is the topic that a source may read. So after a crash at any moment the stored mark says exactly
which rows readers of committed records see, each once and in order per key. The broker keeps it as
long as it keeps offsets (`offsets.retention.minutes`, a year on the bus's own broker).

Opening fences whoever was publishing the same origin; two origins don't disturb each other.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from infra.bus import Bus
from infra.kafka.clients import Config, close, translated
from infra.kafka.fenced_transaction import FencedTransaction
from infra.ledger.profiles import Profile
from producers.opening import Opening
from producers.publisher import Publisher
from producers.sources.source import Deletion, Mark, Row
from schemas.errors import AccessDenied, Fenced, Unavailable
from schemas.names import quarantine_topic

_SETTINGS: Final[Config] = {
    "linger.ms": 20,
    "batch.size": 1_000_000,
    "compression.type": "lz4",
    # What waits for the broker is what a file of any length takes of memory.
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 65_536,
    "delivery.report.only.error": True,
}
_TIMEOUT_S: Final = 30.0
_DENIED: Final = frozenset(
    {
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "GROUP_AUTHORIZATION_FAILED",
        "TOPIC_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
    }
)


class Delivery:
    """One origin's way to the bus. For one thread.

    Use: `start`, then rows and now and then `commit`. When a call raises Fenced, call `start`
    again and go on behind the mark that it returns.

    Args:
        bus, profile: where to, and as whom.
        opening: of the resource.
        origin: what the mark is found again by, such as `file_origin` gives.
    """

    def __init__(self, bus: Bus, profile: Profile, opening: Opening, origin: str) -> None:
        self._profile, self._opening = profile, opening
        name = f"{profile.group_prefix}publish.{opening.contract.resource}.{origin}"
        access = profile.access(bus.cluster)
        self._transaction = FencedTransaction(access, name, _SETTINGS)
        self._marks = access.consumer(name)
        self._place = TopicPartition(quarantine_topic(opening.contract.resource), 0)
        self._publisher: Publisher | None = None

    def start(self) -> Mark | None:
        """Fence whoever delivers the file, and return how much of it was delivered, if any.

        Raises:
            AccessDenied: the department is no source of the resource.
            Unavailable: the broker doesn't answer.
        """
        try:
            self._transaction.reopen()
        except Fenced as error:
            raise self._explained(error) from error
        self._publisher = self._opening.publisher(self._profile, self._transaction.access())
        with translated("how much of the file was delivered can't be asked for"):
            [found] = self._marks.committed([self._place], _TIMEOUT_S)
        if found.error is not None:
            raise self._explained(Fenced(str(found.error), where=found.error.name()))
        return _mark(found)

    def abort(self) -> None:
        """Take back what was not committed; `start` again before the next row."""
        self._transaction.abandon()

    def send(self, row: Row | Deletion) -> None:
        """Add a row to the transaction.

        Raises:
            InvalidRecord: naming item and reason; nothing was added.
            Fenced: start again.
        """
        assert self._publisher is not None
        try:
            self._transaction.begin()
            if isinstance(row, Deletion):
                self._publisher.delete(row.key)
            else:
                self._publisher.upsert(row)
        except (KafkaException, Unavailable) as error:
            raise _fenced(error) from error

    def commit(self, mark: Mark) -> None:
        """Commit what was sent, and the mark behind it, together.

        Raises:
            AccessDenied: the department is no source of the resource.
            Fenced: perhaps committed, perhaps not; start again, the mark tells.
        """
        assert self._publisher is not None
        try:
            try:
                self._publisher.flush(_TIMEOUT_S)
            except (KafkaException, Unavailable) as error:
                raise _fenced(error) from error
            place = TopicPartition(
                self._place.topic,
                self._place.partition,
                mark.size,
                f"1 {mark.number} {mark.digest}".rstrip(),
            )
            self._transaction.commit([place], self._marks)
        except Fenced as error:
            if error.where in _DENIED:
                raise self._explained(error) from error
            raise

    def close(self) -> None:
        """Leave; what was not committed is aborted, at the latest when its time is over."""
        self._transaction.abandon()
        close(self._marks)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _explained(self, error: Fenced) -> Unavailable | AccessDenied:
        department, resource = self._profile.department, self._opening.contract.resource
        if error.where in _DENIED:
            return AccessDenied(
                f"{department} may not write {resource}",
                where=error.where,
                remedy="Only the entry's sources may; see: sharebus catalogue list",
            )
        return Unavailable(
            "the broker does not take the file's rows",
            where=error.where,
            remedy="Check with: sharebus doctor; publish the file again: it goes on where it stood",
        )


def file_origin(file: Path) -> str:
    """Return the origin that a file is: its absolute path, hashed."""
    path = str(file.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(path).hexdigest()[:16]


def _mark(found: TopicPartition) -> Mark | None:
    version, _, rest = (found.metadata or "").partition(" ")
    number, _, digest = rest.partition(" ")
    if found.offset < 0 or version != "1" or not number.isdecimal():
        return None
    return Mark(found.offset, int(number), digest)


def _fenced(error: KafkaException | Unavailable) -> Fenced:
    """Take a transaction that its sender could not send in for one to be begun again."""
    if isinstance(error, Unavailable):
        return Fenced(error.problem, where=error.where)
    cause = error.args[0]
    name = cause.name() if isinstance(cause, KafkaError) else type(cause).__name__
    return Fenced("rows could not be sent", where=name)
