"""Transactions that a crash, a zombie or an uncertain answer can't tear.

librdkafka has no KIP-890: after a timeout or an uncertain error from a transactional call nobody
knows what became of the transaction. So the producer is thrown away; a new one with the same
transactional id fences it, and the caller resumes from the committed offsets, which say whether the
transaction counted. This class does that, and nothing else on the bus commits a transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from threading import Thread
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.cimpl import Consumer

from infra.kafka.clients import Access, Config
from schemas.errors import Fenced

log = logging.getLogger(__name__)
Headers = list[tuple[str, str | bytes | None]]

TRANSACTION_TIMEOUT_MS = 10_000
"""A killed owner blocks readers at most this long, plus the broker's clean-up of 1 s."""
CALL_TIMEOUT_S = 30.0
ABANDON_TIMEOUT_S = 3.0
COMMIT_PATIENCE_S = 25.0
"""By then the broker has long aborted what was begun."""
LONG_RUN, MANY_TOPICS = 4, 64
"""librdkafka looks for a topic in a list: with a thousand, each record's search takes 2 us. From so
many records for one partition on, a batch, searched for once, is faster."""


class FencedTransaction:
    """The one transactional producer of a process.

    Use: `open()` once, then any number of `produce`, then `commit(offsets, consumer)`. When a call
    raises Fenced, nothing of the present transaction may be assumed: call `reopen()`, ask the group
    for its committed offsets, and go on from there. Memory changes only after `commit` returned.

    Args:
        access: the principal; it needs WRITE on the transactional id.
        transactional_id: one per worker slot; whoever opens it last owns it.
        overrides: further librdkafka settings, such as `linger.ms`.
    """

    def __init__(
        self, access: Access, transactional_id: str, overrides: Config | None = None
    ) -> None:
        self._access = access
        self._config: Config = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1_048_576,
            **(overrides or {}),
        }
        self._producer: Producer | None = None
        self._topics: set[str] = set()
        self.last_commit_s = 0.0
        self.in_transaction = False

    def open(self) -> None:
        """Fence whoever used the transactional id before; its open transaction is aborted.

        Raises:
            Fenced: the broker didn't answer or refuses; try again.
        """
        self._producer = self._access.producer(self._config)
        self._topics = set()
        self._call(lambda producer: producer.init_transactions(CALL_TIMEOUT_S), 2 * CALL_TIMEOUT_S)

    def reopen(self, overrides: Config | None = None) -> None:
        """Throw the producer away, with everything it may still hold, and open a new one.

        Args:
            overrides: librdkafka settings that are others from now on.
        """
        self._config = {**self._config, **(overrides or {})}
        if self._producer is not None:
            self._producer.purge()
        self.in_transaction = False
        self.open()

    def produce(
        self, topic: str, value: bytes | None, key: bytes | None = None, partition: int = -1
    ) -> None:
        """Add one record to the transaction, which begins with its first record.

        Raises:
            Fenced: the record could not be queued.
        """
        self.produce_many(topic, partition, [key], [value], {})

    def produce_many(
        self,
        topic: str,
        partition: int,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        headers: Mapping[int, Headers],
    ) -> None:
        """Add records for one partition to the transaction, in order.

        Args:
            topic: where to.
            partition: where to; -1 lets the key decide.
            keys: of each record.
            values: of each record, as many.
            headers: by place in the sequence, of those records that have any.

        Raises:
            Fenced: a record could not be queued.
        """
        self.begin()
        self._topics.add(topic)
        if len(keys) >= LONG_RUN and len(self._topics) > MANY_TOPICS and not headers:
            self._produce_run(topic, partition, keys, values)
            return
        produce = self.producer.produce
        done, count = 0, len(keys)
        while done < count:
            try:
                if headers:
                    for place in range(done, count):
                        extra = headers.get(place, [])
                        produce(topic, values[place], keys[place], partition, headers=extra)
                        done = place + 1
                else:
                    # The hot loop: nothing in it but the call.
                    for place in range(done, count):
                        produce(topic, values[place], keys[place], partition)
                        done = place + 1
            except BufferError:
                self.producer.poll(0.1)
            except KafkaException as error:
                raise self._fenced(error) from error

    def _produce_run(
        self,
        topic: str,
        partition: int,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> None:
        """Add records without headers in one call, which looks the topic up once."""
        waiting: list[dict[str, Any]] = [
            {"key": key, "value": value} for key, value in zip(keys, values, strict=True)
        ]
        while waiting:
            # Where the queue is full, it takes nothing behind the first that found no room.
            self.producer.produce_batch(topic, waiting, partition)
            waiting = [each for each in waiting if "_error" in each]
            for each in waiting:
                error = each.pop("_error")
                if error.code() != KafkaError._QUEUE_FULL:
                    raise self._fenced(KafkaException(error))
            if waiting:
                self.producer.poll(0.1)

    def access(self) -> Access:
        """Return the principal's way to the broker for who sends but must not commit.

        Its producer is this transaction's, as it is open now: begin a transaction, send with it,
        and commit here. After `reopen` ask anew.
        """
        own = {each.name: getattr(self._access, each.name) for each in fields(Access)}
        return _WithinTransaction(**own, producing=self.producer)

    @property
    def producer(self) -> Producer:
        """The open producer."""
        if self._producer is None:
            raise Fenced("the transaction was never opened")
        return self._producer

    def begin(self) -> None:
        """Begin a transaction, unless one is under way."""
        if not self.in_transaction:
            try:
                self.producer.begin_transaction()
            except KafkaException as error:
                raise self._fenced(error) from error
            self.in_transaction = True

    def commit(
        self,
        offsets: Sequence[TopicPartition],
        consumer: Consumer,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Commit records and input offsets together.

        Args:
            offsets: the next offset to read of every partition that the records came from, also
                where it did not move: that is the fence against zombies.
            consumer: the member of the group that owns these partitions.
            meanwhile: called once while the brokers commit. Whether they will is not known yet; it
                must not poll the consumer, or produce.

        A consumer that never subscribed commits for its group alone, without being a member.

        Raises:
            Fenced: perhaps committed, perhaps not; the group's committed offsets tell.
        """
        self.begin()
        started = time.monotonic()

        def finish(producer: Producer) -> None:
            group = consumer.consumer_group_metadata()
            producer.send_offsets_to_transaction(list(offsets), group, CALL_TIMEOUT_S)
            producer.commit_transaction(CALL_TIMEOUT_S)
            self.last_commit_s = time.monotonic() - started

        self._call(finish, COMMIT_PATIENCE_S, meanwhile)
        self.in_transaction = False

    def abandon(self) -> None:
        """Leave: abort what is open, so that readers need not wait until its time is over."""
        was_open, self.in_transaction = self.in_transaction, False
        if self._producer is None:
            return
        self._producer.purge()
        if was_open:
            try:
                self._producer.abort_transaction(ABANDON_TIMEOUT_S)
            except KafkaException as error:
                log.warning("an open transaction is left to its timeout: %s", error)

    def _call(
        self,
        call: Callable[[Producer], object],
        patience_s: float = CALL_TIMEOUT_S,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Call in a thread of its own, because librdkafka's own limits don't always hold.

        send_offsets_to_transaction waits for ever where the group's coordinator is not found
        (librdkafka issue 5456; seen here after a `kill -9`). What is given up stays in its thread,
        with its producer, which the next one fences.
        """
        producer, outcome = self.producer, list[Exception | None]()

        def work() -> None:
            try:
                call(producer)
            except Exception as error:  # raised where the call was made
                outcome.append(error)
            else:
                outcome.append(None)

        thread = Thread(target=work, name="transaction", daemon=True)
        thread.start()
        try:
            meanwhile()
        finally:
            thread.join(patience_s)
        if not outcome:
            log.warning("transaction given up: no answer within %.0f s", patience_s)
            self._producer = None
            raise Fenced("the transaction was given up: no answer", where="_TIMED_OUT")
        error = outcome[0]
        if isinstance(error, KafkaException):
            raise self._fenced(error) from error
        if error is not None:
            raise error

    def _fenced(self, error: KafkaException) -> Fenced:
        cause = error.args[0]
        name = cause.name() if isinstance(cause, KafkaError) else str(cause)
        log.warning("transaction given up: %s", name)
        return Fenced(f"the transaction was given up: {name}", where=name)


@dataclass(frozen=True, slots=True)
class _WithinTransaction(Access):
    """A principal whose records all belong to one transactional producer."""

    producing: Producer = field(kw_only=True, repr=False)

    def producer(self, overrides: Config | None = None) -> Producer:
        """Return the transactional producer; it has its settings already."""
        return self.producing
