"""What the loop calls: scan a batch once, select rows by key, project for each view.

    keys = KeyBatch(...)                      once a batch
    scanned = scanner.scan(keys, payloads)    every check there is, once
    selected = selector.select(keys)          for each policy
    projected = projector.project(scanned, selected)

What comes out equals `schemas.policy.reference`, or an exception does: whatever doesn't add up
raises, and no partial output is given. Reading topics, quarantining and producing are the loop's.
None of these objects may be used by two threads at once; different ones may, because the compiled
loops release the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import cast

import numpy as np

from schemas.errors import InvalidInput, InvalidPolicy
from schemas.policy.change_event import change_event
from schemas.policy.limits import Limits
from schemas.policy.policy import Policy
from schemas.policy.reasons import Reason
from schemas.policy.reference import frame
from schemas.policy.rows import ENVELOPE, Match, RowFilter
from schemas.policy.schema_reading import read_record
from schemas.policy.view import view_schema
from stream_apps.enforcement import kernel
from stream_apps.enforcement.compiler import compile_event
from stream_apps.enforcement.layouts import Batch, Bytes, Codes, Longs, Mask, Rules, View

_MAX_SCHEMA_ID = 2**31 - 1
_ROOM = 65_536
"""Bytes behind a batch, at first, once a field has to be written again. What it grows to is
forgotten after the scan, so that one batch of large ones doesn't slow all later ones."""


class KeyBatch:
    """The keys of a batch of records, joined for the kernel; shared by scanners and selectors.

    Args:
        keys: each record's key; None or empty where there is none.
    """

    __slots__ = ("bytes", "offsets")

    def __init__(self, keys: Sequence[bytes | None]) -> None:
        given = [key or b"" for key in keys] if None in keys else cast("Sequence[bytes]", keys)
        self.bytes, self.offsets = _join(given)

    def __len__(self) -> int:
        return self.offsets.size - 1


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

    The first scanner of a process compiles the kernel, which takes seconds without a cache.

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
        if schema_id is not None and not 0 <= schema_id <= _MAX_SCHEMA_ID:
            raise InvalidInput("a schema id lies between 0 and 2147483647")
        self.schema = schema
        self.resource = resource
        self.key_item = key_item
        self.plan = compile_event(change_event(read_record(schema), key_item))
        self.generation = 0
        sources_joined, source_bounds = _join(sorted(source.encode() for source in sources))
        self._rules = Rules(
            code=self.plan.code,
            targets=self.plan.targets,
            depth=self.plan.depth,
            fields=len(self.plan.fields),
            has_key_item=self.plan.has_key_item,
            schema_id=-1 if schema_id is None else schema_id,
            max_items=limits.max_items,
            max_record_bytes=limits.max_record_bytes,
            resource=_writable(resource.encode()),
            sources=sources_joined,
            source_bounds=source_bounds,
        )
        self._spans = np.empty(0, np.int64)
        _compile(self._rules)

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
        work, offsets = _join(payloads)
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
            record, top = kernel.scan(self._rules, batch, record, top)
            if record == batch.status.size:
                return batch
            # Rewriting a record never takes more than its own length; doubling makes it rare.
            length = int(batch.offsets[record + 1] - batch.offsets[record])
            room = max(2 * room, top - start + length + kernel.LONGEST_VARINT)
            grown = np.empty(start + room, np.uint8)
            grown[:top] = batch.work[:top]
            batch = batch._replace(work=grown)

    def _reserve_spans(self, count: int) -> None:
        need = count * 2 * len(self.plan.fields)
        if self._spans.size < need:
            self._spans = np.empty(need, np.int64)


@dataclass(frozen=True, slots=True)
class Projected:
    """What one view gets of one batch.

    Args:
        indices: the records of the batch that have output, in order.
        payloads: their messages, framed, one for each index.
    """

    indices: list[int]
    payloads: list[bytes]


class ViewProjector:
    """Cuts out of scanned records what one policy lets through (R12.1, R12.4).

    Args:
        scanner: one of the scanners whose records it will be given: of this resource and schema.
        policy: what is let through.
        view_schema_id: id of the view's schema, which the output's frames name.
        room: bytes of output to make room for at first; it grows with what comes.

    Raises:
        InvalidPolicy: the policy can't be applied to the scanner's schema, or is another
            resource's.
    """

    def __init__(
        self, scanner: RecordScanner, policy: Policy, *, view_schema_id: int, room: int = 65_536
    ) -> None:
        if policy.resource != scanner.resource or scanner.key_item is None:
            raise InvalidPolicy("the policy is for another resource", where=policy.resource)
        if not 0 <= view_schema_id <= _MAX_SCHEMA_ID:
            raise InvalidInput("a schema id lies between 0 and 2147483647")
        view_schema(policy, scanner.schema, key_item=scanner.key_item)
        if policy.actions != Policy.kept(policy.resource, policy.top_items).actions or any(
            row.item != scanner.key_item for row in policy.rows
        ):
            raise InvalidPolicy("masks and filters on other items can't be enforced yet")
        kept = {ENVELOPE, *policy.items}
        names = scanner.plan.fields
        self._view = View(
            fields=len(names),
            kept=np.array([i for i, name in enumerate(names) if name in kept], np.int64),
            head=_writable(frame(view_schema_id)),
        )
        self._scanner = scanner
        self._out = np.empty(room, np.uint8)

    def project(self, scanned: Scanned, selected: Mask) -> Projected:
        """Give the messages of the records that were accepted and are selected.

        Args:
            scanned: the last scan of a scanner of this projector's resource and schema.
            selected: for each record of the batch, whether its row is let through.

        Raises:
            ValueError: the scan is of another schema or not its scanner's last, or the mask
                doesn't fit.
            RuntimeError: the kernel contradicted itself; nothing may be let out.
        """
        if scanned.generation != scanned.scanner.generation:
            raise ValueError("the scan is not the last one of its scanner")
        if not scanned.scanner.is_like(self._scanner):
            raise ValueError("the scan is of another schema than this projector's")
        if selected.shape != (scanned.count,) or selected.dtype != np.bool_:
            raise ValueError("a selection is one truth value for each record of the batch")
        chosen = selected & scanned.accepted
        indices: list[int] = np.flatnonzero(chosen).tolist()
        ends = np.empty(len(indices), np.int64)
        record, made, size = 0, 0, 0
        while True:
            record, made, size = kernel.project(
                scanned.batch, self._view, chosen, self._out, ends, record, made, size
            )
            if record == scanned.count:
                break
            self._grow(scanned, size, record)
        if made != len(indices):
            raise RuntimeError("the kernel did not write every record that was chosen")
        return Projected(indices, _cut(self._out[:size].tobytes(), ends))

    def _grow(self, scanned: Scanned, size: int, record: int) -> None:
        most = scanned.batch.work.size + scanned.count * self._view.head.size
        if record < 0 or self._out.size > most:
            raise RuntimeError("the kernel's spans don't lie in its buffer")
        grown = np.empty(2 * self._out.size + self._view.head.size, np.uint8)
        grown[:size] = self._out[:size]
        self._out = grown


class RowSelector:
    """Tells which records a policy's row filter lets through, by their keys.

    A delete has no items but has a key, so it is decided like any record.

    Args:
        filters: the row filter; none, or None, lets every row through.

    Raises:
        InvalidPolicy: there are several, or one of a range.
    """

    def __init__(self, *filters: RowFilter | None) -> None:
        if len(filters) > 1 or any(each and each.match is Match.RANGE for each in filters):
            raise InvalidPolicy("several row filters, and ranges, can't be enforced yet")
        self._rows = rows = filters[0] if filters else None
        values = [] if rows is None else [value.encode() for value in rows.texts]
        self._values, self._bounds = _join(values)
        self._by_prefix = rows is not None and rows.match is Match.PREFIX

    def select(self, keys: KeyBatch) -> Mask:
        """Give, for each key of a batch, whether its row is let through.

        A record without a key is never let through by a filter.
        """
        if self._rows is None:
            return np.ones(len(keys), np.bool_)
        chosen = np.zeros(len(keys), np.bool_)
        kernel.select(self._values, self._bounds, self._by_prefix, keys.bytes, keys.offsets, chosen)
        return chosen


def _compile(rules: Rules) -> None:
    """Run the kernel on nothing, so that it is compiled before a transaction is open."""
    none, bounds = _join([])
    mask, longs = np.empty(0, np.bool_), np.empty(0, np.int64)
    batch = Batch(none, bounds, none, bounds, np.empty(0, np.int8), longs)
    kernel.scan(rules, batch, 0, 0)
    kernel.select(none, bounds, False, none, bounds, mask)
    kernel.project(batch, View(0, longs, none), mask, none, longs, 0, 0, 0)


def _writable(text: bytes) -> Bytes:
    """Give bytes as an array of the one type that the kernel is compiled for."""
    return np.frombuffer(bytearray(text), np.uint8)


def _cut(blob: bytes, ends: Longs) -> list[bytes]:
    """Cut a byte string where the parts end; reading a file is twice as fast as slicing."""
    return list(map(BytesIO(blob).read, np.diff(ends, prepend=0).tolist()))


def _join(parts: Sequence[bytes]) -> tuple[Bytes, Longs]:
    """Join byte strings into one writable buffer, and give their offsets."""
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=offsets[1:])
    # One byte more than needed, because numpy gives no view of an empty buffer.
    joined = bytearray().join([*parts, b"\0"])
    return np.frombuffer(joined, np.uint8), offsets
