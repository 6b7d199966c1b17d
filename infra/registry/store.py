"""The registry's log in Kafka: the topic `_schemas`, written by one process, read to its end.

The producer is idempotent and not transactional, because stock registries read uncommitted. What
is answered is what was read back from the log, so the state is always a fold of the log alone. One
process writes: whoever starts it holds a lock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import TopicMetadata

from infra.kafka.clients import close
from infra.kafka.refusals import is_refusal
from infra.registry.compatibility import judge_next, known_version, refuse_unless_compatible
from infra.registry.records import (
    COMPATIBILITY,
    GlobalLevel,
    Record,
    RegisteredSchema,
    SubjectDeleted,
    SubjectLevel,
    Written,
    decode,
    encode,
)
from infra.registry.refusal import ErrorCode, RegistryRefusal
from infra.registry.state import RegistryState
from schemas.errors import AccessDenied, InvalidInput, InvalidRecord, SharebusError, Unavailable
from schemas.names import SCHEMAS

KafkaConfig = Mapping[str, str | int | float | bool]

_DELIVERY_LIMIT_MS = 10_000
_ENDS_READING = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_GROUP = "registry"

log = logging.getLogger(__name__)


class SchemaStore:
    """Schemas, kept in a compacted topic. Safe to share between threads; use as a context manager.

    Args:
        kafka_config: librdkafka's settings to reach the broker as the registry's principal, which
            may read and write the topic and use the group `registry`.
        topic: has one partition; exists already.
        patience_s: how long a broker that does not answer is waited for, in seconds.
    """

    def __init__(
        self, kafka_config: KafkaConfig, topic: str = SCHEMAS, patience_s: float = 15
    ) -> None:
        self._patience_s = patience_s
        self._config = dict(kafka_config)
        self._topic = topic
        self._state = RegistryState()
        self._position = 0
        self._writing = threading.Lock()
        self._denied: KafkaError | None = None

    def __enter__(self) -> SchemaStore:
        """Open."""
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def state(self) -> RegistryState:
        """What the log said when it was last read; whatever was answered to a writer is in it."""
        return self._state

    def open(self) -> None:
        """Read the log to its end. A log without our global compatibility level gets it.

        Raises:
            Unavailable: the broker does not answer, or the topic is missing.
            AccessDenied: the broker turned the principal away.
            InvalidInput: the topic has several partitions, so no order.
        """
        self._consumer = Consumer(
            {
                **self._config,
                "group.id": _GROUP,
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_uncommitted",
                "enable.partition.eof": True,
                # Seldom while nobody writes; sooner than the broker closes idle connections.
                "fetch.wait.max.ms": 5000,
                "error_cb": self._note,
            },
            logger=log,
        )
        self._producer = Producer(
            {
                **self._config,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 0,
                "message.max.bytes": 2 * 2**20,
                "delivery.timeout.ms": _DELIVERY_LIMIT_MS,
                "error_cb": self._note,
            },
            logger=log,
        )
        self._asking = Consumer({**self._config, "group.id": _GROUP}, logger=log)
        self._check_topic()
        self._consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
        with self._writing:
            self._read_to(self._end())
            if self._state.level != COMPATIBILITY:
                # A real registry that takes over would otherwise fall back to BACKWARD.
                self._append(GlobalLevel(COMPATIBILITY))

    def close(self) -> None:
        """Let go of the broker. Nothing is left to write: every write was waited for."""
        close(self._consumer)
        close(self._asking)

    def register(self, subject: str, text: str, *, normalize: bool = False) -> RegisteredSchema:
        """Return the version of a subject that has a schema, appended to the log if it is new.

        Returned means: acknowledged by all in-sync replicas, and read back. After Unavailable it
        may be in the log or not; registering again is safe.

        Args:
            subject: its name.
            text: canonical.
            normalize: whether a version that only is put in other words counts as the same.

        Raises:
            RegistryRefusal: it may not follow the versions that there are; the message says why.
            Unavailable: the broker did not take or return it in time.
        """
        with self._up_to_date():
            found = known_version(self._state, subject, text, normalize=normalize)
            if found is not None:
                return found
            refuse_unless_compatible(judge_next(self._state, subject, text), subject)
            self._append(self._state.following(subject, text))
            return self._state.find(subject, text)

    def set_level(self, subject: str | None) -> None:
        """Note in the log that a subject, or with None every other, is FULL_TRANSITIVE.

        So that it stays so when a stock registry takes over. Raises Unavailable like `register`.
        """
        with self._up_to_date():
            state = self._state
            level = state.level if subject is None else state.levels.get(subject)
            if level != COMPATIBILITY:
                self._append(
                    GlobalLevel(COMPATIBILITY)
                    if subject is None
                    else SubjectLevel(subject, COMPATIBILITY)
                )

    def delete(self, subject: str, version: int | None, *, whole: bool) -> list[int]:
        """Hide a version, the latest where it is None, or the whole subject; return what is hidden.

        Ids resolve as before. Hiding what is hidden already is refused.

        Raises:
            RegistryRefusal: there is no such subject or version, or it is deleted already.
            Unavailable: the broker did not take it in time.
        """
        with self._up_to_date():
            found = self._living(subject, version, whole=whole)
            if whole:
                self._append(SubjectDeleted(subject, found[-1].version))
            else:
                self._append(replace(found[0], deleted=True))
            gone = not any(not each.deleted for each in self._state.recorded(subject))
            if gone and subject in self._state.levels:
                self._append(SubjectLevel(subject, None))
            return [each.version for each in found]

    def _living(self, subject: str, version: int | None, *, whole: bool) -> list[RegisteredSchema]:
        state = self._state
        recorded = state.recorded(subject)
        if recorded and all(each.deleted for each in recorded):
            raise RegistryRefusal(
                ErrorCode.SUBJECT_SOFT_DELETED, f"Subject '{subject}' was soft deleted already."
            )
        if whole:
            return state.versions(subject)
        if any(each.version == version and each.deleted for each in recorded):
            raise RegistryRefusal(
                ErrorCode.VERSION_SOFT_DELETED,
                f"Subject '{subject}' Version {version} was soft deleted already.",
            )
        return [state.version(subject, version)]

    @contextmanager
    def _up_to_date(self) -> Iterator[None]:
        with self._writing:
            self._denied = None
            self._read_to(self._end())
            yield

    def _append(self, record: Written) -> None:
        delivered: list[tuple[KafkaError | None, Message]] = []
        key, value = encode(record)
        try:
            self._producer.produce(
                self._topic,
                value,
                key,
                partition=0,
                on_delivery=lambda *outcome: delivered.append(outcome),
            )
            self._producer.flush(self._patience_s)
        except (KafkaException, BufferError) as error:
            raise self._failure("the broker refused a schema", error) from error
        refusal, message = delivered[0] if delivered else (None, None)
        offset = None if refusal is not None or message is None else message.offset()
        if offset is None:
            raise self._failure("the broker did not confirm a schema", refusal)
        self._read_to(offset + 1)

    def _read_to(self, end: int) -> None:
        if self._position >= end:
            return
        records: list[Record] = []
        try:
            self._collect(records, end)
        finally:
            self._state = self._state.after(records)

    def _collect(self, records: list[Record], end: int) -> None:
        waited_from = time.monotonic()
        while self._position < end:
            before = self._position
            message = self._consumer.poll(1.0)
            if message is not None:
                self._take(message, records)
            if self._position > before:
                waited_from = time.monotonic()
            elif time.monotonic() - waited_from > self._patience_s:
                raise self._failure("the log of schemas can't be read", self._denied)

    def _take(self, message: Message, records: list[Record]) -> None:
        error, offset = message.error(), message.offset() or 0
        if error is None:
            try:
                record = decode(message.key(), message.value())
            except InvalidRecord as refused:
                # As stock registries do: one bad record does not take every schema away.
                log.warning(
                    "%s: offset %d of %s is passed over", refused.reason, offset, self._topic
                )
            else:
                records += [] if record is None else [record]
            self._position = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._position = max(self._position, offset)
        elif error.fatal() or error.code() in _ENDS_READING:
            raise self._failure("the log of schemas can't be read", error)
        # Any other error is an outage, perhaps one that is over: librdkafka goes on by itself.

    def _end(self) -> int:
        # Not through the reading consumer: the request would wait behind the fetch that the broker
        # parks. Not through an admin client: one that lived through a restart of the broker is
        # told FENCED_LEADER_EPOCH from then on (measured for 45 s).
        try:
            found = self._asking.get_watermark_offsets(
                TopicPartition(self._topic, 0), timeout=self._patience_s, cached=False
            )
        except KafkaException as error:
            raise self._failure("the end of the log can't be asked for", error) from error
        return int(found[1])

    def _ask_for_topic(self) -> TopicMetadata:
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                metadata = self._consumer.list_topics(self._topic, timeout=1)
                found: TopicMetadata = metadata.topics[self._topic]
                return found
            except KafkaException as error:
                # Only a poll tells that the password was refused.
                self._consumer.poll(0)
                if self._denied is not None or time.monotonic() > deadline:
                    raise self._failure("the broker does not answer", error) from error

    def _check_topic(self) -> None:
        found = self._ask_for_topic()
        if found.error is not None:
            raise self._failure("the topic of schemas can't be used", found.error)
        if len(found.partitions) != 1:
            raise InvalidInput(
                "the topic of schemas must have one partition, for the order of its records",
                where=self._topic,
            )

    def _note(self, error: KafkaError) -> None:
        if is_refusal(error):
            self._denied = error

    def _failure(self, problem: str, cause: object) -> SharebusError:
        error = cause.args[0] if isinstance(cause, KafkaException) else cause
        error = self._denied or error
        code = error.code() if isinstance(error, KafkaError) else None
        name = f"{self._topic}: {error.name()}" if isinstance(error, KafkaError) else self._topic
        if self._denied is not None or code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return AccessDenied(problem, where=name, remedy="Check the registry's credential")
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
            return Unavailable(
                problem, where=name, remedy="`sharebus up` creates it: compacted, one partition"
            )
        return Unavailable(problem, where=name, remedy="Is the broker running?")
