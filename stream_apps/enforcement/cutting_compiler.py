"""Makes the instructions that write what a policy lets through of a record's fields."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from schemas.policy.actions import Band, Constant, DateTo, DateUnit, Digits, Pseudonym, Shown
from schemas.policy.application import bounds_of
from schemas.policy.avro_types import Kind, Primitive
from schemas.policy.decoding import encode
from schemas.policy.shaping import Choice, Dropped, Entered, Masked, Repeated, Shaping, Whole
from stream_apps.enforcement.kernel import cutting, masks
from stream_apps.enforcement.plan import Cutting, Op
from stream_apps.enforcement.writing import Writing

_DAY_MS: Final = 86_400_000
_CHINA_MS: Final = 8 * 3_600_000
"""UTC+8: by its clock years and months begin."""

_DAYS: Final = {
    "date": (1, 0),
    "timestamp-millis": (_DAY_MS, _CHINA_MS),
    "timestamp-micros": (1000 * _DAY_MS, 1000 * _CHINA_MS),
    "local-timestamp-millis": (_DAY_MS, 0),
    "local-timestamp-micros": (1000 * _DAY_MS, 0),
}
_MANY: Final = 2**31 - 1


def compile_cutting(
    fields: Sequence[Shaping], key_field: int
) -> tuple[list[int], list[int], Cutting]:
    """Make the instructions for the fields of a record.

    Args:
        fields: what becomes of each of its top-level fields.
        key_field: the number of the one that a scan found to be the record's key.

    Returns:
        The numbers of the fields that have output; for each where its instructions start, or that
        it is `COPIED` or the `KEY_PSEUDONYM`; and the instructions.

    Raises:
        InvalidPolicy: there would be too many.
    """
    writing = _Cut()
    kept, starts = [], []
    for number, shaping in enumerate(fields):
        if isinstance(shaping, Dropped):
            continue
        kept.append(number)
        if isinstance(shaping, Whole):
            starts.append(cutting.COPIED)
        elif number == key_field and _is_pseudonym(shaping):
            starts.append(cutting.KEY_PSEUDONYM)
        else:
            starts.append(writing.here())
            writing.cut(shaping)
            writing.add(Op.END)
    parts = writing.finish()
    begun = tuple(start for start in starts if start >= 0)
    pool = np.frombuffer(writing.pool or bytearray(1), np.uint8)
    return kept, starts, Cutting(pool=pool, starts=begun, **parts)


def _is_pseudonym(shaping: Shaping) -> bool:
    return isinstance(shaping, Masked) and isinstance(shaping.action, Pseudonym)


class _Cut(Writing):
    """Starts with what is read being kept, and leaves it so."""

    def cut(self, shaping: Shaping) -> None:
        match shaping:
            case Whole(type=avro):
                self.write(avro)
            case Dropped():
                self._run([shaping])
            case Masked():
                self._mask(shaping)
            case Entered(fields=fields):
                self._fields(fields)
            case Choice(branches=branches):
                self.union([partial(self.cut, branch) for branch in branches])
            case Repeated(type=array, items=items):
                self.array(array.items, lambda: self.cut(items))

    def _fields(self, fields: Sequence[Shaping]) -> None:
        """Cut fields one after the other; those dropped in a row at once."""
        dropped: list[Dropped] = []
        for each in fields:
            if isinstance(each, Dropped):
                dropped.append(each)
            else:
                self._run(dropped)
                dropped = []
                self.cut(each)
        self._run(dropped)

    def _run(self, dropped: list[Dropped]) -> None:
        if any(not each.type.shape.empty for each in dropped):
            self.add(Op.DROP)
            for each in dropped:
                self.write(each.type)
            self.add(Op.KEEP)

    def _mask(self, masked: Masked) -> None:
        avro, action = masked.type, masked.action
        match action:
            case Constant(value=value):
                self._constant(masked, encode(avro, value))
            case Shown(first=first, last=last):
                self.add(Op.SHOWN, min(first, _MANY), min(last, _MANY))
            case Digits(count=count):
                self.add(Op.FIRST, min(count, _MANY))
            case DateTo(unit=unit):
                assert isinstance(avro, Primitive)
                number = masks.YEAR if unit is DateUnit.YEAR else masks.MONTH
                self.add(Op.DATE, number, *_DAYS[avro.logical])
            case Band():
                assert isinstance(avro, Primitive)
                self._band(avro, masked.width)
            case Pseudonym():
                self.add(Op.PSEUDONYM)

    def _band(self, avro: Primitive, width: int) -> None:
        match avro.kind:
            case Kind.FLOAT:
                self.add(Op.REAL_BAND, width, masks.SINGLE)
            case Kind.DOUBLE:
                self.add(Op.REAL_BAND, width, masks.DOUBLE)
            case Kind.BYTES:
                self.add(Op.DECIMAL_BAND, width, bounds_of(avro)[0])
            case _:
                self.add(Op.BAND, width, bounds_of(avro)[0])

    def _constant(self, masked: Masked, value: bytes) -> None:
        at = len(self.pool)
        self.pool += value
        self.add(Op.DROP)
        self.add(Op.PUT, at, len(self.pool))
        self.write(masked.type)
        self.add(Op.KEEP)
