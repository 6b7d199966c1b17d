"""Checks batches of records and notes where their fields lie: every check there is, once.

What is refused, and why, equals `schemas.policy.reference`. None of these objects may be used by
two threads at once; different ones may, because the compiled loops release the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from schemas.errors import InvalidInput
from schemas.policy.change_event import change_event
from schemas.policy.limits import Limits
from schemas.policy.reasons import Reason
from schemas.policy.schema_reading import read_record
from stream_apps.enforcement.compiler import compile_event
from stream_apps.enforcement.kernel import octets, scanning
from stream_apps.enforcement.layouts import Batch, Bytes, Codes, Longs, Mask, Rules

MAX_SCHEMA_ID = 2**31 - 1
_ROOM = 65_536
"""Bytes behind a batch, at first, once a field has to be written again. What it grows to is
forgotten after the scan, so that one batch of large ones doesn't slow all later ones."""


class KeyBatch:
    """The keys of a batch of records, joined for the kernel; shared by scanners and selectors.

    Args:
        keys: each record's key; None or empty where there is none.
    """

    __slots__ = ("bytes", "offsets", "texts")

    def __init__(self, keys: Sequence[bytes | None]) -> None:
        self.texts = cast("Sequence[bytes]", keys)
        """Each key, empty where there is none."""
        try:
            self.bytes, self.offsets = joined(self.texts)
        except TypeError:  # there is a None
            self.texts = [key or b"" for key in keys]
            self.bytes, self.offsets = joined(self.texts)

    def __len__(self) -> int:
        return self.offsets.size - 1

    def of(self, chosen: Longs) -> tuple[Sequence[bytes], int]:
        """Return the keys at these places of the batch, in order, and their bytes."""
        if chosen.size == len(self):
            return self.texts, int(self.offsets[-1])
        size = int((self.offsets[chosen + 1] - self.offsets[chosen]).sum())
        return list(map(self.texts.__getitem__, chosen.tolist())), size


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """What a scan found out; valid until the next scan by the same scanner, whose buffers it uses.

    Args:
        count: records in the batch.
        status: a `Reason` code for each record.
        accepted: whether each record passed every check.
    """

    count: int
    status: Codes
    accepted: Mask
    scanner: RecordScanner
    generation: int
    batch: Batch

    def reason(self, index: int) -> Reason:
        """Tell why a record was refused; `Reason.OK` when it was not."""
        return Reason(int(self.status[index]))

    def within(self, own: Mask) -> Scanned:
        """Refuse as `foreign-row` what passed every check and is not a row of its source.

        Args:
            own: for each record of the batch, whether its key lies in the source's scope.
        """
        foreign = self.accepted & ~own
        if not foreign.any():
            return self
        status = np.where(foreign, np.int8(Reason.FOREIGN_ROW), self.status)
        return replace(self, status=status, accepted=self.accepted & own)


class RecordScanner:
    """Checks the records of one resource that are written with one schema (R5.4).

    Args:
        schema: the schema of the resource's change events, or of the envelope alone (a delete's
            header).
        schema_id: the id that Confluent's frame must name; None when payloads have no frame.
        key_item: the item that must equal the record's key; None for no such check.
        resource: id of the resource whose topic the records come from.
        sources: ids of the departments that the resource is bound to.
        limits: bounds on one record.

    Raises:
        InvalidPolicy: the schema is not one that can be enforced.
    """

    def __init__(
        self,
        schema: Mapping[str, object],
        *,
        schema_id: int | None,
        key_item: str | None,
        resource: str,
        sources: Collection[str],
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        if schema_id is not None and not 0 <= schema_id <= MAX_SCHEMA_ID:
            raise InvalidInput("a schema id lies between 0 and 2147483647")
        self.schema = schema
        self.resource = resource
        self.key_item = key_item
        self.record = read_record(schema)
        self.limits = limits
        self.plan = compile_event(change_event(self.record, key_item))
        self.generation = 0
        sources_joined, source_bounds = joined(sorted(source.encode() for source in sources))
        self._rules = Rules(
            # Copies, because arrays that can't be written are of another type to the compiler.
            code=self.plan.code.copy(),
            targets=self.plan.targets.copy(),
            pool=self.plan.pool,
            stride=self.plan.stride,
            fields=len(self.plan.fields),
            has_key_item=self.plan.has_key_item,
            schema_id=-1 if schema_id is None else schema_id,
            # The whole record may be of a recursive type; the scan doesn't call it.
            max_depth=limits.max_depth - self.record.recursive,
            max_items=limits.max_items,
            max_record_bytes=limits.max_record_bytes,
            max_output=limits.max_output_bytes,
            resource=writable(resource.encode()),
            sources=sources_joined,
            source_bounds=source_bounds,
        )
        self._spans = np.empty(0, np.int64)

    def scan(self, keys: KeyBatch | Sequence[bytes | None], payloads: Sequence[bytes]) -> Scanned:
        """Do every check on each record of a batch, in the order that the reference states.

        Args:
            keys: the records' keys.
            payloads: the records' values (or headers), as many.

        Raises:
            ValueError: there are not as many keys as payloads.
            RuntimeError: the kernel did not judge every record; nothing may be let out.
        """
        keys = keys if isinstance(keys, KeyBatch) else KeyBatch(keys)
        count = len(payloads)
        if len(keys) != count:
            raise ValueError("a batch needs a key for each payload")
        self.generation += 1
        work, offsets = joined(payloads)
        status = np.full(count, Reason.INTERNAL, np.int8)
        self._reserve_spans(count)
        batch = Batch(work, offsets, keys.bytes, keys.offsets, status, self._spans)
        batch = self._run(batch)
        if (status == Reason.INTERNAL).any():
            raise RuntimeError("the kernel did not judge every record")
        return Scanned(count, status, status == Reason.OK, self, self.generation, batch)

    def is_like(self, other: RecordScanner) -> bool:
        """Tell whether another scanner's plan is this one's: its spans mean the same fields."""
        return self is other or (
            self.schema is other.schema
            and (self.resource, self.key_item) == (other.resource, other.key_item)
        )

    def _run(self, batch: Batch) -> Batch:
        start = int(batch.offsets[-1])
        record, top, room = 0, start, _ROOM // 2
        while True:
            record, top = scanning.scan(self._rules, batch, record, top)
            if record == batch.status.size:
                return batch
            # Rewriting a record never takes more than its own length; doubling makes it rare.
            length = int(batch.offsets[record + 1] - batch.offsets[record])
            room = max(2 * room, top - start + length + octets.LONGEST_VARINT)
            grown = np.empty(start + room, np.uint8)
            grown[:top] = batch.work[:top]
            batch = batch._replace(work=grown)

    def _reserve_spans(self, count: int) -> None:
        need = count * 2 * len(self.plan.fields)
        if self._spans.size < need:
            self._spans = np.empty(need, np.int64)


def writable(text: bytes) -> Bytes:
    """Give bytes as an array of the one type that the kernel is compiled for."""
    return np.frombuffer(bytearray(text), np.uint8)


def joined(parts: Sequence[bytes]) -> tuple[Bytes, Longs]:
    """Join byte strings into one writable buffer, and give their offsets."""
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    # One byte more than needed, because numpy gives no view of an empty buffer.
    joined = bytearray().join([*parts, b"\0"])
    return np.frombuffer(joined, np.uint8), offsets
