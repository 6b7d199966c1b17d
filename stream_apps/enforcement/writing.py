"""Writes instructions for types: what scanning, cutting and searching have in common.

Each type is written out where it is used, except records of recursive types, which are written once
and called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

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
from stream_apps.enforcement.kernel.scanning import WIDTH
from stream_apps.enforcement.plan import Op


class Writing:
    """Instructions that step over values; subclasses say what else is done with them."""

    def __init__(self) -> None:
        self._code: list[list[int]] = []
        self._targets: list[int] = []
        self.pool = bytearray()
        self._depth = 0
        self._deepest = 0
        self._calls: list[tuple[int, Record]] = []

    def add(self, op: Op, a: int = 0, b: int = 0, c: int = 0) -> int:
        """Add an instruction and return its number."""
        self._code.append([op, a, b, c])
        return len(self._code) - 1

    def here(self) -> int:
        """Return the position of the next instruction."""
        return len(self._code) * WIDTH

    def finish(self) -> dict[str, Any]:
        """Write what is called, and return what a plan, a cutting or a search is made of."""
        starts: dict[int, int] = {}
        while self._calls:
            number, record = self._calls.pop()
            if id(record) not in starts:
                starts[id(record)] = self.here()
                self.fields(record)
                self.add(Op.RETURN)
            self._code[number][1] = starts[id(record)]
        return {
            "code": np.array(self._code, np.int64).reshape(-1),
            "targets": np.array(self._targets, np.int64),
            "stride": self._deepest,
            "routines": tuple(sorted(starts.values())),
        }

    def write(self, avro: AvroType) -> None:
        """Write the instructions for a value."""
        match avro:
            case Primitive():
                self.primitive(avro)
            case Fixed():
                self.fixed(avro)
            case Symbols():
                self.symbols(avro)
            case Array(items=items):
                self.array(items, partial(self.write, items))
            case Union(branches=branches):
                self.union([partial(self.write, branch) for branch in branches])
            case Again():
                self._calls.append((self.add(Op.CALL), avro.record))
            case Record(recursive=True):
                self._calls.append((self.add(Op.CALL), avro))
            case Record():
                self.fields(avro)

    def fields(self, record: Record) -> None:
        """Write the instructions for a record's fields."""
        for field in record.fields:
            self.write(field.type)

    def primitive(self, avro: Primitive) -> None:
        """Write the instructions for a primitive value."""
        match avro.kind:
            case Kind.NULL:
                pass
            case Kind.BOOLEAN:
                self.skip(1)
            case Kind.INT | Kind.LONG:
                self.add(Op.LONG)
            case Kind.FLOAT:
                self.skip(4)
            case Kind.DOUBLE:
                self.skip(8)
            case Kind.BYTES | Kind.STRING:
                self.add(Op.BYTES)

    def fixed(self, avro: Fixed) -> None:
        """Write the instructions for a fixed value."""
        self.skip(avro.size)

    def symbols(self, avro: Symbols) -> None:
        """Write the instructions for an enum's value."""
        self.add(Op.LONG)

    def skip(self, size: int) -> None:
        """Write the instruction for bytes without a meaning, if there are any."""
        if size:
            self.add(Op.SKIP, size)

    def array(self, items: AvroType, body: Callable[[], None]) -> None:
        """Write an array's or a map's blocks round the instructions for an element."""
        depth = self._depth
        empty = items.shape.empty
        head = self.add(Op.ARRAY, 0, depth, int(empty))
        self._deepest = max(self._deepest, depth + 1)
        if not empty:
            self._depth += 1
            body()
            self._depth -= 1
            self.add(Op.NEXT, head * WIDTH, depth)
        self._code[head][1] = self.here()

    def union(self, bodies: Sequence[Callable[[], None]]) -> None:
        """Write a union's index and the instructions for each branch."""
        first = len(self._targets)
        self._targets += [0] * len(bodies)
        self.add(Op.UNION, len(bodies), first)
        jumps = []
        for index, body in enumerate(bodies):
            self._targets[first + index] = self.here()
            body()
            jumps.append(self.add(Op.JUMP))
        # The last branch simply goes on; one without instructions may start where the union ends.
        self._code.pop()
        jumps.pop()
        for jump in jumps:
            self._code[jump][1] = self.here()
