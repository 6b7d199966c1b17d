"""Runs the kernel on buffers of every small capacity, with guards round them that must stay.

What doesn't fit must be told, and what was written until then must be what a large buffer gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.policy import Policy
from schemas.policy.reasons import Reason
from stream_apps.enforcement.kernel import blake2, cutting, rows, scanning
from stream_apps.enforcement.kernel.octets import LONGEST_VARINT
from stream_apps.enforcement.layouts import Batch
from stream_apps.enforcement.scanner import Scanned
from tests.unit.stream_apps.drawn_cases import DrawnRecord
from tests.unit.stream_apps.projection_law import ByKernel

GUARD = 32
MOST = 1_500
"""Bytes of output up to which every capacity is tried."""


class Guarded:
    """Room with guards before and behind it."""

    def __init__(self, size: int, kind: type[np.generic]) -> None:
        self._whole: NDArray[Any] = np.full(size + 2 * GUARD, 0x5A, kind)
        self.room = self._whole[GUARD : GUARD + size]

    def check(self) -> None:
        """See that nothing was written outside."""
        assert (self._whole[:GUARD] == 0x5A).all(), "something was written before the room"
        assert (self._whole[-GUARD:] == 0x5A).all(), "something was written behind the room"


def check_canaries(
    kernel: ByKernel, batch: Sequence[DrawnRecord], policies: Sequence[Policy]
) -> None:
    """Try every small capacity on a batch.

    Raises:
        AssertionError: a guard was changed, or what was written is not what it should be.
    """
    keys, messages = [each.key for each in batch], [each.message for each in batch]
    scanned = kernel.scan(keys, messages)
    _check_scanning(kernel, scanned)
    for view in range(len(policies)):
        chosen = _check_rows(kernel, scanned, view)
        _check_cutting(kernel, scanned, view, chosen)


def _check_scanning(kernel: ByKernel, scanned: Scanned) -> None:
    """Give the scan less and less room for what it writes again."""
    rules, full = kernel.scanner._rules, scanned.batch
    length = int(full.offsets[-1])
    for room in range(min(int(full.work.size) - length, 400)):
        work, status = Guarded(length + room, np.uint8), Guarded(full.status.size, np.int8)
        spans = Guarded(full.status.size * 2 * rules.fields, np.int64)
        work.room[:length] = full.work[:length]
        status.room[:] = Reason.INTERNAL
        tried = Batch(work.room, full.offsets, full.keys, full.key_offsets, status.room, spans.room)
        record, top = scanning.scan(rules, tried, 0, length)
        for each in (work, status, spans):
            each.check()
        assert length <= top <= length + room
        assert (work.room[:length] == full.work[:length]).all(), "a message was changed"
        assert (status.room[:record] == full.status[:record]).all()
        assert (status.room[record:] == Reason.INTERNAL).all()
        if record == full.status.size:
            break


def _check_rows(kernel: ByKernel, scanned: Scanned, view: int) -> NDArray[np.int64]:
    chosen = np.flatnonzero(scanned.accepted)
    for condition in kernel.conditions[view]:
        left = Guarded(chosen.size, np.int64)
        found = rows.narrow(scanned.batch, condition, chosen, left.room)
        left.check()
        assert 0 <= found <= chosen.size
        chosen = left.room[:found].copy()
    return chosen


def _check_cutting(
    kernel: ByKernel, scanned: Scanned, view: int, chosen: NDArray[np.int64]
) -> None:
    projector, batch = kernel.projectors[view], scanned.batch
    projected = projector.project(scanned, chosen)
    payloads = projected.payloads
    while sum(map(len, payloads)) > MOST:
        payloads.pop()
    chosen = chosen[: len(payloads)]
    pseudonyms = np.frombuffer(bytearray(b"".join(projected.keys)), np.uint8)
    expected, ends = b"".join(payloads), np.cumsum([len(each) for each in payloads])
    cut = projector._cut
    for capacity in range(len(expected) + LONGEST_VARINT + 2 * blake2.DIGEST + 1):
        out, marks = Guarded(capacity, np.uint8), Guarded(chosen.size, np.int64)
        made, size = cutting.project(
            batch.work, batch.spans, cut, chosen, pseudonyms, out.room, marks.room, 0, 0
        )  # fmt: skip
        out.check()
        marks.check()
        assert 0 <= made <= chosen.size
        assert size == (ends[made - 1] if made else 0)
        assert out.room[:size].tobytes() == expected[:size]
        assert (marks.room[:made] == ends[:made]).all()
        # It goes on where it stopped.
        rest = np.empty(len(expected) + LONGEST_VARINT + 2 * blake2.DIGEST, np.uint8)
        rest[:size] = out.room[:size]
        made, size = cutting.project(
            batch.work, batch.spans, cut, chosen, pseudonyms, rest, marks.room, made, size
        )  # fmt: skip
        assert (made, rest[:size].tobytes()) == (chosen.size, expected)
    digits = Guarded(chosen.size * 2 * blake2.DIGEST - min(chosen.size, 1), np.uint8)
    cutting.pseudonymise(projector._state, batch.keys, batch.key_offsets, chosen, digits.room)
    digits.check()
