"""Makes the plan that scans the payloads of a schema."""

from __future__ import annotations

import numpy as np

from schemas.policy.avro_types import Fixed, Kind, Primitive, Record, Symbols
from schemas.policy.change_event import ChangeEvent
from schemas.policy.rows import ENVELOPE
from stream_apps.enforcement.kernel import scanning
from stream_apps.enforcement.plan import Op, Plan
from stream_apps.enforcement.writing import Writing

_INT = (-(2**31), 2**31 - 1)
_LONG = (-(2**63), 2**63 - 1)
_CLAIM_SLOTS = {"source": scanning.SOURCE, "resource": scanning.RESOURCE}


def compile_event(event: ChangeEvent) -> Plan:
    """Make the plan that checks a payload and notes the span of each of its top-level fields.

    Raises:
        InvalidPolicy: the plan would be too large.
    """
    return _Scan(event).plan()


class _Scan(Writing):
    def __init__(self, event: ChangeEvent) -> None:
        super().__init__()
        self._event = event
        self._slot = 0

    def plan(self) -> Plan:
        event = self._event
        for field in event.record.fields:
            if event.is_header:
                self._slot = _CLAIM_SLOTS.get(field.name, 0)
            elif field.name == event.key_item:
                self._slot = scanning.KEY
            if not event.is_header and field.name == ENVELOPE:
                self._envelope(event.envelope)
            else:
                self.write(field.type)
            self._slot = 0
            self.add(Op.FIELD)
        self.add(Op.END)
        parts = self.finish()
        return Plan(
            fields=tuple(field.name for field in event.record.fields),
            pool=np.frombuffer(self.pool or bytearray(1), np.uint8),
            has_key_item=event.key_item is not None,
            **parts,
        )

    def _envelope(self, envelope: Record) -> None:
        for field in envelope.fields:
            self._slot = _CLAIM_SLOTS.get(field.name, 0)
            self.write(field.type)
            self._slot = 0

    def primitive(self, avro: Primitive) -> None:
        match avro.kind:
            case Kind.BOOLEAN:
                self.add(Op.BOOLEAN)
            case Kind.INT:
                self.add(Op.INT, *(avro.bounds or _INT))
            case Kind.LONG:
                self.add(Op.LONG, *(avro.bounds or _LONG))
            case Kind.BYTES if avro.bounds is not None:
                self._decimal(avro.bounds)
            case Kind.STRING if avro.logical == "uuid":
                self.add(Op.UUID)
            case Kind.STRING:
                self.add(Op.STRING, self._slot)
            case _:
                super().primitive(avro)

    def symbols(self, avro: Symbols) -> None:
        self.add(Op.ENUM, len(avro.names))

    def fixed(self, avro: Fixed) -> None:
        if avro.bounds is None:
            self.skip(avro.size)
        else:
            self.add(Op.FIXED_DECIMAL, *self._bounds(avro.bounds), avro.size)

    def _decimal(self, bounds: tuple[int, int]) -> None:
        if bounds[1] <= _LONG[1]:
            self.add(Op.DECIMAL, *bounds)
        else:
            self.add(Op.LONG_DECIMAL, *self._bounds(bounds))

    def _bounds(self, bounds: tuple[int, int]) -> tuple[int, int]:
        """Put the greatest and the least value into the pool; return where, and their length."""
        least, most = bounds
        length = most.bit_length() // 8 + 1
        at = len(self.pool)
        self.pool += most.to_bytes(length, "big", signed=True)
        self.pool += least.to_bytes(length, "big", signed=True)
        return at, length
