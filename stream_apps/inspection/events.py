"""What inspection knows of events, as columns: read from envelopes, without decoding what follows.

An accepted record was scanned: its envelope is whole, its numbers are written in the one right way,
and its source is an id. So the few fields that are wanted lie where the bytes before them say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from schemas.codec import FRAME

Keys = NDArray[np.uint64]
Sequences = NDArray[np.int64]
Tags = NDArray[np.uint32]

_ID, _VARINT, _SOURCE = 16, 10, 1 + 40
HEAD: Final = _ID + _VARINT + _SOURCE
"""Bytes of an envelope up to the end of its source, at most."""
_SHIFTS: Final = np.arange(0, 7 * _VARINT, 7, dtype=np.uint64)
_PLACES: Final = np.arange(_VARINT)


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one partition as columns.

    Attributes:
        keys: a 64-bit hash of source and key; never 0. Keyed: Python's SipHash with the random key
            of this process, so nobody can aim at a collision, and nobody learns a key from it.
        sequences: as the envelopes have them.
        tags: four random bytes of the event's id: who has the same sequence and tag is the same.
    """

    keys: Keys
    sequences: Sequences
    tags: Tags

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Events:
        return Events(self.keys[chosen], self.sequences[chosen], self.tags[chosen])


def head_of_value(value: bytes) -> bytes:
    """Return the beginning of a change event's envelope: what `read_events` takes."""
    return value[FRAME.size : FRAME.size + HEAD]


def read_events(heads: Sequence[bytes], keys: Sequence[bytes]) -> Events:
    """Read what matters of events of one partition.

    Args:
        heads: the beginning of each envelope, of accepted records.
        keys: of each record.
    """
    table = np.frombuffer(b"".join([head[:HEAD].ljust(HEAD) for head in heads]), np.uint8)
    table = table.reshape(-1, HEAD)
    varints = table[:, _ID : _ID + _VARINT]
    lengths = 1 + (varints < 0x80).argmax(axis=1)
    groups = (varints & 0x7F).astype(np.uint64) << _SHIFTS
    groups[lengths[:, None] <= _PLACES] = 0
    zigzag = groups.sum(axis=1, dtype=np.uint64)
    one = np.uint64(1)
    sequences = (zigzag >> one).astype(np.int64) ^ -(zigzag & one).astype(np.int64)
    tags = np.ascontiguousarray(table[:, _ID - 4 : _ID]).view(np.uint32).ravel()
    # The source's length and id, then the key: no two pairs are written alike.
    hashes = [
        hash(head[start : start + 1 + (head[start] >> 1)] + key)
        for head, start, key in zip(heads, (_ID + lengths).tolist(), keys, strict=True)
    ]
    hashed = np.array(hashes, np.int64).view(np.uint64)
    hashed[hashed == 0] = 1
    return Events(hashed, sequences, tags)


def source_of(head: bytes) -> str:
    """Return the source of an envelope."""
    start = _ID + 1
    while head[start - 1] >= 0x80:
        start += 1
    return head[start + 1 : start + 1 + (head[start] >> 1)].decode()
