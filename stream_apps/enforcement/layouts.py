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
Words: TypeAlias = NDArray[np.uint64]


class Rules(NamedTuple):
    """What a scan holds every record of a batch to.

    Args:
        code: the instructions of the plan.
        targets: where the branches of its unions start.
        pool: the bounds of its longer decimals.
        stride: how deep its arrays lie inside each other, outside of calls.
        fields: number of top-level fields.
        has_key_item: whether slot `KEY` must equal the record's key.
        schema_id: what the frame must name; -1 when there is no frame.
        max_depth: calls inside each other.
        max_items: elements that the arrays of one record may hold together.
        max_record_bytes: length that key and message may have together.
        max_output: length that key and any output may have together.
        resource: what slot `RESOURCE` must be.
        sources: one of which slot `SOURCE` must be, sorted and joined.
        source_bounds: where each of them starts, and the last one ends.
    """

    code: Longs
    targets: Longs
    pool: Bytes
    stride: int
    fields: int
    has_key_item: bool
    schema_id: int
    max_depth: int
    max_items: int
    max_record_bytes: int
    max_output: int
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


class Cut(NamedTuple):
    """What a projection writes of each record.

    Args:
        fields: number of top-level fields that the spans tell of.
        kept: numbers of the fields that have output, in order.
        starts: for each of them the instructions to run on its span, or `cutting.COPIED`
            or `cutting.KEY_PSEUDONYM`.
        code: instructions.
        targets: where the branches of their unions start.
        pool: the constants that they write.
        stride: how deep their arrays lie inside each other, outside of calls.
        max_depth: calls inside each other.
        state: `blake2.start` of the pseudonyms' key; without meaning where no item is one.
        head: the bytes that come first.
    """

    fields: int
    kept: Longs
    starts: Longs
    code: Longs
    targets: Longs
    pool: Bytes
    stride: int
    max_depth: int
    state: Words
    head: Bytes


class Condition(NamedTuple):
    """What a value of each record must be.

    Args:
        fields: number of top-level fields that the spans tell of.
        field: number of the top-level field that holds it; -1 where it is the record's key.
        code: instructions that find it in the field's span.
        targets: where the branches of their unions start.
        stride: how deep arrays lie inside each other, outside of calls.
        max_depth: calls inside each other.
        leaf: how it is read.
        test: how it is compared.
        texts: sorted texts, or the least and the greatest, joined.
        bounds: where each of them starts, and the last one ends.
        numbers: sorted numbers, or the least and the greatest.
    """

    fields: int
    field: int
    code: Longs
    targets: Longs
    stride: int
    max_depth: int
    leaf: int
    test: int
    texts: Bytes
    bounds: Longs
    numbers: Longs


class Routes(NamedTuple):
    """An index of the values of many views' conditions on one item.

    A text belongs to the views of each node that is a prefix of it, and to those that want the
    whole of it.

    Args:
        texts: the nodes' values, sorted and joined.
        bounds: where each of them starts, and the last one ends.
        parents: for each node the longest other one that it starts with; -1 for none.
        firsts: where each node's views start in `views`, and the last one's end.
        views: numbers of views, `2 * number + 1` for those that want the whole text.
    """

    texts: Bytes
    bounds: Longs
    parents: Longs
    firsts: Longs
    views: Longs
