"""Which rows a source may write, by the keys alone: a delete has nothing else (R5.3)."""

from __future__ import annotations

import numpy as np

from schemas.policy.rows import Match, RowFilter
from stream_apps.enforcement.kernel import rows
from stream_apps.enforcement.layouts import Batch, Condition, Mask
from stream_apps.enforcement.scanner import KeyBatch, joined

_NO_CODES, _NO_LONGS = np.empty(0, np.int8), np.empty(0, np.int64)


class RowSelector:
    """Tells which records lie in a source's rows, by their keys.

    Args:
        scope: the rows; None for all.
    """

    def __init__(self, scope: RowFilter | None) -> None:
        self._condition = None if scope is None else key_condition(scope)

    def select(self, keys: KeyBatch) -> Mask:
        """Give, for each key of a batch, whether its row is the source's.

        A record without a key is in no scope.
        """
        count = len(keys)
        if self._condition is None:
            return np.ones(count, np.bool_)
        batch = Batch(keys.bytes, keys.offsets, keys.bytes, keys.offsets, _NO_CODES, _NO_LONGS)
        left = np.empty(count, np.int64)
        found = rows.narrow(batch, self._condition, np.arange(count), left)
        chosen = np.zeros(count, np.bool_)
        chosen[left[:found]] = True
        return chosen


def key_condition(rows_let: RowFilter) -> Condition:
    """Compile a condition on the key, which needs nothing but the key."""
    test = {Match.IN: rows.IN, Match.PREFIX: rows.PREFIX, Match.RANGE: rows.RANGE}[rows_let.match]
    texts = [text.encode() for text in rows_let.texts]
    if rows_let.match is Match.RANGE:
        texts = [str(rows_let.low or "").encode()]
        if rows_let.high is None:
            test = rows.RANGE_FROM
        else:
            texts.append(str(rows_let.high).encode())
    values, bounds = joined(texts)
    return Condition(
        fields=0,
        field=rows.KEY,
        code=_NO_LONGS,
        targets=_NO_LONGS,
        stride=0,
        max_depth=0,
        leaf=rows.TEXT,
        test=test,
        texts=values,
        bounds=bounds,
        numbers=_NO_LONGS,
    )
