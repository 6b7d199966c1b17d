"""What goes in and comes out of enforcement, as columns: a batch of one partition each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from infra.kafka.runs import by_partition
from schemas.names import ENVELOPE_HEADER, HEARTBEAT_HEADER

Headers = list[tuple[str, str | bytes | None]]
RawPlace = tuple[str, int]
"""A source's topic and a partition of it."""


@dataclass(frozen=True, slots=True)
class Input:
    """A batch of one partition as columns; a None value is a delete, a None key is refused."""

    topic: str
    partition: int
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """Of those without a value, by place in the batch: what may be an envelope."""
    appended: dict[int, int] = field(default_factory=dict)
    """When the broker took it, in milliseconds since 1970, by place: of those without a value, and
    of the last that has one. So it is known of the newest record and of the newest heartbeat."""

    def extend(self, messages: Sequence[Message]) -> None:
        """Add consumed messages of this partition at the end."""
        first = len(self.offsets)
        # Unbound methods under map: one C call a message and column.
        self.offsets.extend(map(Message.offset, messages))  # type: ignore[arg-type]
        self.keys.extend(map(Message.key, messages))
        self.values.extend(map(Message.value, messages))
        timed = len(messages) - 1
        if None in self.values[first:]:
            timed = -1
            for place, message in enumerate(messages):
                if self.values[first + place] is None:
                    self.headers[first + place] = envelope_headers(message)
                    self.appended[first + place] = append_time(message)
                else:
                    timed = place
        if timed >= 0:
            self.appended[first + timed] = append_time(messages[timed])

    def part(self, first: int, last: int) -> Input:
        """Return the records from the place `first` up to, not including, `last`."""
        return Input(
            self.topic,
            self.partition,
            self.offsets[first:last],
            self.keys[first:last],
            self.values[first:last],
            {place - first: h for place, h in self.headers.items() if first <= place < last},
            {place - first: t for place, t in self.appended.items() if first <= place < last},
        )


@dataclass(frozen=True, slots=True)
class Output:
    """Records for one topic partition, in order."""

    topic: str
    partition: int
    keys: Sequence[bytes]
    values: Sequence[bytes | None]
    headers: Mapping[int, Headers]
    """By place, of those that have any."""


def columns(messages: Iterable[Message]) -> dict[RawPlace, Input]:
    """Sort consumed messages by topic partition, each in its order.

    Raises:
        Unavailable: the consumer is dead.
    """
    batches: dict[RawPlace, Input] = {}
    for place, run in by_partition(messages):
        batches.setdefault(place, Input(*place)).extend(run)
    return batches


def envelope_headers(message: Message) -> Headers:
    """Return what is judged as the envelope; another header would pass unseen into every view."""
    try:
        headers: Headers = list(message.headers() or [])  # type: ignore[arg-type]
    except (SystemError, UnicodeDecodeError):
        # confluent-kafka 2.16 on a name that is not UTF-8: nothing is known of the others either.
        return []
    return [header for header in headers if header[0] in (ENVELOPE_HEADER, HEARTBEAT_HEADER)]


def append_time(message: Message) -> int:
    """Return when the broker took a message; 0 where only its producer says a time."""
    kind, milliseconds = message.timestamp() or (TIMESTAMP_NOT_AVAILABLE, 0)
    return milliseconds if kind == TIMESTAMP_LOG_APPEND_TIME else 0
