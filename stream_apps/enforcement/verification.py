"""Sees, before instructions run, that they can't leave their place or run for ever.

Every jump goes forward and stays in its section, its array and its field, except NEXT, which goes
back to the head of its own array, and CALL, which goes to the start of a section that returns. So
every instruction that runs is one that was looked at, loops always consume a count, calls are
bounded by the kernel's room for them, and each field's span is noted exactly once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NoReturn

import numpy as np

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import MAX_DEPTH
from stream_apps.enforcement.kernel import cutting, masks, scanning
from stream_apps.enforcement.layouts import Bytes, Longs

MAX_INSTRUCTIONS = 100_000
WIDTH = scanning.WIDTH
_MAX_CHARACTERS = 2**31
_LONGEST_DAY = 86_400_000_000
_WHOLE = 2**53
"""Whole numbers below it are doubles."""


@dataclass(frozen=True, slots=True)
class Section:
    """Instructions that are begun at their first one alone.

    Args:
        start: position of the first.
        ends: operations of which one must be the last.
    """

    start: int
    ends: frozenset[int]


def verify(
    code: Longs,
    targets: Longs,
    stride: int,
    sections: Sequence[Section],
    allowed: Collection[int],
    pool: Bytes,
) -> list[tuple[int, int]]:
    """Return all jumps, as numbers of instructions, of what can run safely; make it unwritable.

    Raises:
        InvalidPolicy: it can't.
    """
    arrays = (code, targets)
    formed = (
        all(a.dtype == np.int64 and a.ndim == 1 and a.flags.c_contiguous for a in arrays)
        and pool.dtype == np.uint8
        and code.size % WIDTH == 0
        and 0 < code.size <= MAX_INSTRUCTIONS * WIDTH
        and 0 <= stride <= MAX_DEPTH
    )
    if not formed:
        _refuse("it is too large, or has no form")
    found = _Verification(code, targets, stride, sections, allowed, pool.size).run()
    code.flags.writeable = False
    targets.flags.writeable = False
    return found


class _Verification:
    """One pass over the instructions, in the order in which they stand."""

    def __init__(
        self,
        code: Longs,
        targets: Longs,
        stride: int,
        sections: Sequence[Section],
        allowed: Collection[int],
        pool: int,
    ) -> None:
        self._ops: list[list[int]] = code.reshape(-1, WIDTH).tolist()
        self._targets: list[int] = targets.tolist()
        self._stride, self._allowed, self._pool = stride, frozenset(allowed), pool
        self._sections = sections
        self._returning = {each.start for each in sections if scanning.RETURN in each.ends}
        self._place: list[tuple[int, int, int]] = []  # its section, its field, its array's head
        self._open: list[int] = []  # heads of the arrays around the instruction
        self._jumps: list[tuple[int, int]] = []

    def run(self) -> list[tuple[int, int]]:
        starts = [section.start for section in self._sections]
        if starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            _refuse("its sections are not in order")
        if any(start % WIDTH or start >= len(self._ops) * WIDTH for start in starts):
            _refuse("a section starts nowhere")
        for number, section in enumerate(self._sections):
            last = (starts[number + 1] // WIDTH if number + 1 < len(starts) else len(self._ops)) - 1
            self._section(number, section, last)
        self._check_jumps()
        return self._jumps

    def _section(self, number: int, section: Section, last: int) -> None:
        field = 0
        for position in range(section.start // WIDTH, last + 1):
            op, a, b, c = self._ops[position]
            if op == scanning.NEXT:
                self._close(a, b, position)
            self._place.append((number, field, self._open[-1] if self._open else -1))
            ends = position == last and not self._open and op in section.ends
            if op not in self._allowed or not self._is_one(op, a, b, c, position, ends):
                _refuse(f"instruction {position} is not one")
            if op == scanning.ARRAY and not c:
                self._open.append(position)
            elif op == scanning.FIELD:
                field += 1
        if self._open or self._ops[last][0] not in section.ends:
            _refuse("a section or an array doesn't end")

    def _is_one(self, op: int, a: int, b: int, c: int, position: int, ends: bool) -> bool:
        top_level = not self._open
        match op:
            case scanning.END | scanning.RETURN:
                return ends
            case scanning.FIELD:
                return top_level
            case scanning.SKIP:
                return a >= 0
            case scanning.STRING:
                return 0 <= a < scanning.SLOTS and (a == 0 or top_level)
            case scanning.ENUM:
                return a > 0
            case scanning.UNION:
                return a > 0 and b >= 0 and b + a <= len(self._targets)
            case scanning.ARRAY:
                nested = b == len(self._open) < self._stride
                return nested and (c == 0 or (c == 1 and a == (position + 1) * WIDTH))
            case scanning.CALL:
                return a in self._returning
            case scanning.LONG_DECIMAL | scanning.FIXED_DECIMAL:
                return a >= 0 and b > 0 and c >= 0 and a + 2 * b <= self._pool
        return _is_cut(op, a, b, c, self._pool)

    def _close(self, a: int, b: int, position: int) -> None:
        head = self._open.pop() if self._open else -1
        if a != head * WIDTH or b != len(self._open):
            _refuse(f"instruction {position} ends another array than its own")
        if self._ops[head][1] != (position + 1) * WIDTH:
            _refuse(f"the array at instruction {head} goes on elsewhere than behind its end")

    def _check_jumps(self) -> None:
        for position, (op, a, b, _) in enumerate(self._ops):
            if op == scanning.JUMP:
                self._check_inside(position, a)
            elif op == scanning.UNION:
                for target in self._targets[b : b + a]:
                    self._check_inside(position, target)

    def _check_inside(self, position: int, target: int) -> None:
        goal = target // WIDTH
        if target % WIDTH or not position < goal < len(self._ops):
            _refuse(f"instruction {position} goes on outside the plan, or backwards")
        self._jumps.append((position, goal))
        # The end of an array's body is its NEXT, which counts as outside: jumping there is right.
        head = self._place[position][2]
        section = self._place[goal][0] == self._place[position][0]
        own_end = section and head >= 0 and self._ops[goal][:2] == [scanning.NEXT, head * WIDTH]
        if self._place[goal] != self._place[position] and not own_end:
            _refuse(f"instruction {position} leaves its section, its array or its field")


def _is_cut(op: int, a: int, b: int, c: int, pool: int) -> bool:
    """Tell whether an instruction that writes has operands with which it can run."""
    match op:
        case cutting.PUT:
            return 0 <= a <= b <= pool
        case cutting.SHOWN:
            return 0 <= a < _MAX_CHARACTERS and 0 <= b < _MAX_CHARACTERS
        case cutting.FIRST:
            return 0 <= a < _MAX_CHARACTERS
        case cutting.DATE:
            return a in (masks.YEAR, masks.MONTH) and 0 < b <= _LONGEST_DAY and abs(c) <= b
        case cutting.BAND | cutting.DECIMAL_BAND:
            return a > 0 and b <= 0
        case cutting.REAL_BAND:
            return 0 < a < _WHOLE and b in (masks.SINGLE, masks.DOUBLE)
    return True


def _refuse(problem: str) -> NoReturn:
    raise InvalidPolicy(f"the plan for a schema can't run: {problem}")
