"""Makes the plan for a schema: each type, named or not, is written out where it is used."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import (
    Again,
    Array,
    AvroType,
    Fixed,
    Kind,
    Primitive,
    Record,
    Symbols,
    Union,
)
from schemas.policy.change_event import ChangeEvent
from schemas.policy.rows import ENVELOPE
from stream_apps.enforcement import kernel
from stream_apps.enforcement.plan import Op, Plan

_INT = (-(2**31), 2**31 - 1)
_LONG = (-(2**63), 2**63 - 1)
_CLAIM_SLOTS = {"source": kernel.SOURCE, "resource": kernel.RESOURCE}


def compile_event(event: ChangeEvent) -> Plan:
    """Make the plan that checks a payload and notes the span of each of its top-level fields.

    Raises:
        InvalidPolicy: the plan would be too large.
    """
    return _Writing(event).plan()


class _Writing:
    def __init__(self, event: ChangeEvent) -> None:
        self._event = event
        self._code: list[list[int]] = []
        self._targets: list[int] = []
        self._depth = 0
        self._deepest = 0

    def plan(self) -> Plan:
        record = self._event.record
        for field in record.fields:
            slots = {}
            if self._event.is_header:
                slots = _CLAIM_SLOTS
            elif field.name == self._event.key_item:
                slots = {field.name: kernel.KEY}
            if not self._event.is_header and field.name == ENVELOPE:
                self._record(self._event.envelope, _CLAIM_SLOTS)
            else:
                self._write(field.type, slots.get(field.name, 0))
            self._add(Op.FIELD)
        self._add(Op.END)
        return Plan(
            code=np.array(self._code, np.int64).reshape(-1),
            targets=np.array(self._targets, np.int64),
            fields=tuple(field.name for field in record.fields),
            depth=self._deepest,
            has_key_item=self._event.key_item is not None,
        )

    def _add(self, op: Op, a: int = 0, b: int = 0, c: int = 0) -> int:
        """Add an instruction and give its number."""
        self._code.append([op, a, b, c])
        return len(self._code) - 1

    def _here(self) -> int:
        return len(self._code) * kernel.WIDTH

    def _write(self, avro: AvroType, slot: int = 0) -> None:
        match avro:
            case Primitive():
                self._primitive(avro, slot)
            case Fixed(size=size) if avro.bounds is None:
                self._skip(size)
            case Symbols():
                self._add(Op.ENUM, len(avro.names))
            case Array():
                self._array(avro)
            case Union():
                self._union(avro)
            case Record() if not avro.recursive:
                self._record(avro, {})
            case Again() | Record() | Fixed():
                _refuse_for_now()

    def _record(self, record: Record, slots: dict[str, int]) -> None:
        for field in record.fields:
            self._write(field.type, slots.get(field.name, 0))

    def _primitive(self, avro: Primitive, slot: int) -> None:
        match avro.kind:
            case Kind.NULL:
                pass
            case Kind.BOOLEAN:
                self._add(Op.BOOLEAN)
            case Kind.INT:
                self._add(Op.INT, *(avro.bounds or _INT))
            case Kind.LONG:
                self._add(Op.LONG, *(avro.bounds or _LONG))
            case Kind.FLOAT:
                self._skip(4)
            case Kind.DOUBLE:
                self._skip(8)
            case Kind.BYTES:
                if avro.bounds is None:
                    self._add(Op.BYTES)
                elif avro.bounds[1] > _LONG[1]:
                    _refuse_for_now()
                else:
                    self._add(Op.DECIMAL, *avro.bounds)
            case Kind.STRING if avro.logical:
                _refuse_for_now()
            case Kind.STRING:
                self._add(Op.STRING, slot)

    def _skip(self, size: int) -> None:
        if size:
            self._add(Op.SKIP, size)

    def _array(self, avro: Array) -> None:
        depth = self._depth
        head = self._add(Op.ARRAY, 0, depth, int(avro.items.shape.empty))
        self._deepest = max(self._deepest, depth + 1)
        if not avro.items.shape.empty:
            self._depth += 1
            self._write(avro.items)
            self._depth -= 1
            self._add(Op.NEXT, head * kernel.WIDTH, depth)
        self._code[head][1] = self._here()

    def _union(self, avro: Union) -> None:
        first = len(self._targets)
        self._targets += [0] * len(avro.branches)
        self._add(Op.UNION, len(avro.branches), first)
        jumps = []
        for index, branch in enumerate(avro.branches):
            self._targets[first + index] = self._here()
            self._write(branch)
            jumps.append(self._add(Op.JUMP))
        # The last branch simply goes on; one without instructions may start where the union ends.
        self._code.pop()
        jumps.pop()
        for jump in jumps:
            self._code[jump][1] = self._here()


def _refuse_for_now() -> NoReturn:
    raise InvalidPolicy(
        "the schema has a type that can't be enforced yet",
        remedy="Leave out recursion, uuids, and decimals of more than 18 digits or in a fixed type",
    )
