"""What goes in and comes out of enforcement, as columns: a batch of one partition each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message

from schemas.names import ENVELOPE_HEADER

Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Input:
    """A batch of one partition as columns; a None value is a delete, a None key is refused."""

    topic: str
    partition: int
    offsets: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: dict[int, Headers] = field(default_factory=dict)
    """Of the deletes only, by place in the batch: those that may be an envelope."""

    def extend(self, messages: Sequence[Message]) -> None:
        """Add consumed messages of this partition at the end."""
        first = len(self.offsets)
        # Unbound methods under map: one C call a message and column.
        self.offsets.extend(map(Message.offset, messages))  # type: ignore[arg-type]
        self.keys.extend(map(Message.key, messages))
        self.values.extend(map(Message.value, messages))
        if None in self.values[first:]:
            for place, message in enumerate(messages, first):
                if self.values[place] is None:
                    self.headers[place] = envelope_headers(message)

    def part(self, first: int, last: int) -> Input:
        """Return the records from the place `first` up to, not including, `last`."""
        return Input(
            self.topic,
            self.partition,
            self.offsets[first:last],
            self.keys[first:last],
            self.values[first:last],
            {place - first: h for place, h in self.headers.items() if first <= place < last},
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


def envelope_headers(message: Message) -> Headers:
    """Return what is judged as the envelope; another header would pass unseen into every view."""
    try:
        headers: Headers = list(message.headers() or [])  # type: ignore[arg-type]
    except (SystemError, UnicodeDecodeError):
        # confluent-kafka 2.16 on a name that is not UTF-8: nothing is known of the others either.
        return []
    return [header for header in headers if header[0] == ENVELOPE_HEADER]
