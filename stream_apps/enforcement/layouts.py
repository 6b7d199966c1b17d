"""What is handed to the kernel: arrays and numbers, grouped by who makes them.

The kernel takes these apart once a call, because taking an array out of a tuple counts a reference,
which for each record would cost as much as a check.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Longs: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.int8]
Mask: TypeAlias = NDArray[np.bool_]


class Rules(NamedTuple):
    """What a scan holds every record of a batch to.

    Args:
        code: the instructions of the plan.
        targets: where the branches of its unions start.
        depth: how deep its arrays lie inside each other.
        fields: number of top-level fields.
        has_key_item: whether slot `KEY` must equal the record's key.
        schema_id: what the frame must name; -1 when there is no frame.
        max_items: elements that the arrays of one record may hold together.
        max_record_bytes: length that key and message may have together.
        resource: what slot `RESOURCE` must be.
        sources: one of which slot `SOURCE` must be, sorted and joined.
        source_bounds: where each of them starts, and the last one ends.
    """

    code: Longs
    targets: Longs
    depth: int
    fields: int
    has_key_item: bool
    schema_id: int
    max_items: int
    max_record_bytes: int
    resource: Bytes
    sources: Bytes
    source_bounds: Longs


class Batch(NamedTuple):
    """The records of a batch, joined, and the room in which what a scan finds out is noted.

    Args:
        work: the messages, and behind them room for fields that are written again.
        offsets: where each message starts, and the last one ends.
        keys: the keys.
        key_offsets: where each key starts, and the last one ends.
        status: a reason for each record.
        spans: start and end in `work` of each top-level field of each record.
    """

    work: Bytes
    offsets: Longs
    keys: Bytes
    key_offsets: Longs
    status: Codes
    spans: Longs


class View(NamedTuple):
    """What a projection keeps of each record.

    Args:
        fields: number of top-level fields that the spans tell of.
        kept: numbers of the fields kept, at least one, in order.
        head: the bytes that come first.
    """

    fields: int
    kept: Longs
    head: Bytes
