"""Were the outputs the same? Compared as multisets, topic by topic, by a sum of hashes.

Python's own hash of key and value, 64 bits, keyed anew in each process: good against accidents, and
the harness that compares is the one that makes both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_MODULUS = 1 << 64


@dataclass(frozen=True)
class Fingerprint:
    """Of a multiset of records: how many, how many bytes, and the sum of their hashes."""

    count: int = 0
    size: int = 0
    digest: int = 0

    def and_(self, key: bytes, value: bytes, times: int = 1) -> Fingerprint:
        """Return the fingerprint with a record added, once or several times."""
        return Fingerprint(
            self.count + times,
            self.size + times * (len(key) + len(value)),
            (self.digest + times * hash((key, value))) % _MODULUS,
        )

    def __add__(self, other: Fingerprint) -> Fingerprint:
        return Fingerprint(
            self.count + other.count,
            self.size + other.size,
            (self.digest + other.digest) % _MODULUS,
        )


Outputs = tuple[Fingerprint, ...]
"""Of accepted, then of each view."""


def fingerprint_of(records: Iterable[tuple[bytes, bytes]]) -> Fingerprint:
    """Return the fingerprint of records, in whatever order they come."""
    count = size = digest = 0
    for key, value in records:
        count += 1
        size += len(key) + len(value)
        digest += hash((key, value))
    return Fingerprint(count, size, digest % _MODULUS)


def differences(found: Outputs, expected: Outputs) -> list[str]:
    """Say where outputs differ from what had to come; nothing where they are the same."""
    if len(found) != len(expected):
        return [f"{len(found)} topics instead of {len(expected)}"]
    said = []
    for place, (one, other) in enumerate(zip(found, expected, strict=True)):
        name = f"view {place}" if place else "accepted"
        if one.count != other.count:
            said.append(f"{name}: {one.count} records instead of {other.count}")
        elif one != other:
            said.append(f"{name}: {one.count} records, not all the same")
    return said


def read_outputs(
    consumer: Consumer,
    topics: Sequence[str],
    start: Mapping[tuple[str, int], int],
    end: Mapping[tuple[str, int], int],
) -> Outputs:
    """Read what was committed to topics between offsets, and return its fingerprints.

    Args:
        consumer: of committed records, with end-of-partition events; is assigned here.
        topics: in the order of the result.
        start: by topic and partition, the first offset.
        end: the one behind the last.
    """
    found = dict.fromkeys(topics, Fingerprint())
    open_places = {place for place in end if start[place] < end[place]}
    consumer.assign([TopicPartition(*place, start[place]) for place in open_places])
    while open_places:
        taken: dict[str, list[tuple[bytes, bytes]]] = {}
        for message in consumer.consume(10_000, 0.2):
            place = (message.topic() or "", message.partition() or 0)
            offset = message.offset() or 0
            error = message.error()
            if error is None:
                if offset < end[place]:
                    record = (message.key() or b"", message.value() or b"")
                    taken.setdefault(place[0], []).append(record)
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if offset + (error is None) >= end[place]:
                open_places.discard(place)
        for topic, records in taken.items():
            found[topic] += fingerprint_of(records)
    consumer.unassign()
    return tuple(found[topic] for topic in topics)
