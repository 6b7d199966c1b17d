"""What the kernel executes: instructions, verified before they run.

An instruction is four numbers: an operation and its operands. A plan scans one payload from its
first byte to its last; it knows nothing of policies, which choose among the spans afterwards. A
cutting writes again what a view gets of a field, and a search finds a value in one. `compiler` and
`cutting_compiler` make them. A kernel that runs broken instructions could read outside its buffers,
so what was not verified can't be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from schemas.errors import InvalidPolicy
from schemas.policy.reasons import Reason
from stream_apps.enforcement.kernel import cutting, masks, octets, scanning
from stream_apps.enforcement.layouts import Bytes, Longs
from stream_apps.enforcement.verification import Section, verify


class Op(IntEnum):
    """The operations: first what all of them use, then scanning's, then cutting's."""

    END = scanning.END
    """The payload or the field must end here."""
    SKIP = scanning.SKIP
    """a bytes."""
    JUMP = scanning.JUMP
    """Go on at a."""
    NEXT = scanning.NEXT
    """The end of an element of the array whose head is at a, at nesting b."""
    CALL = scanning.CALL
    """Go on at a, where a record of a recursive type begins, and then here."""
    RETURN = scanning.RETURN
    """The end of what is called."""
    UNION = scanning.UNION
    """An index below a; go on at targets[b + index]."""
    ARRAY = scanning.ARRAY
    """The head of a block at nesting b; go on at a after the last; c: elements take no bytes."""

    FIELD = scanning.FIELD
    """A field of the top-level record ends here."""
    BOOLEAN = scanning.BOOLEAN
    INT = scanning.INT
    """A number of 32 bits between a and b."""
    LONG = scanning.LONG
    """A number of 64 bits between a and b. In cuttings: any number."""
    BYTES = scanning.BYTES
    """A length and as many bytes."""
    STRING = scanning.STRING
    """UTF-8; its bounds are remembered in slot a (0: nowhere)."""
    ENUM = scanning.ENUM
    """An index below a."""
    DECIMAL = scanning.DECIMAL
    """One to eight bytes: a number between a and b, its highest byte first."""
    LONG_DECIMAL = scanning.LONG_DECIMAL
    """One to b bytes: a number between the two of b bytes at a in the pool."""
    FIXED_DECIMAL = scanning.FIXED_DECIMAL
    """c bytes: a number between the two of b bytes at a in the pool."""
    UUID = scanning.UUID
    """A string of a UUID's form."""

    DROP = cutting.DROP
    """What follows is not kept."""
    KEEP = cutting.KEEP
    """What follows is kept."""
    PUT = cutting.PUT
    """Write the pool's bytes from a to b."""
    SHOWN = cutting.SHOWN
    """A string of which a characters at the start and b at the end are kept."""
    FIRST = cutting.FIRST
    """A string of which a characters at the start are kept and no others."""
    DATE = cutting.DATE
    """A time, to year or month (a); a day is b of its units, its clock is c of them ahead."""
    BAND = cutting.BAND
    """A number, to the lower end of its band of width a, at least b."""
    DECIMAL_BAND = cutting.DECIMAL_BAND
    """The same for a decimal."""
    PSEUDONYM = cutting.PSEUDONYM
    """A string, to its keyed hash."""
    FOUND = cutting.FOUND
    """What is looked for is here."""
    ABSENT = cutting.ABSENT
    """What is looked for is not in this record."""
    REAL_BAND = cutting.REAL_BAND
    """A float or a double (b: its bytes), to the least value of its band of width a."""


_FLOW = {Op.SKIP, Op.JUMP, Op.NEXT, Op.CALL, Op.RETURN, Op.UNION, Op.ARRAY}
_SCANNING = _FLOW | {
    Op.END, Op.FIELD, Op.BOOLEAN, Op.INT, Op.LONG, Op.BYTES, Op.STRING, Op.ENUM,
    Op.DECIMAL, Op.LONG_DECIMAL, Op.FIXED_DECIMAL, Op.UUID,
}  # fmt: skip
_STEPPING = _FLOW | {Op.LONG, Op.BYTES}
_WRITING = _STEPPING | {
    Op.END, Op.DROP, Op.KEEP, Op.PUT, Op.SHOWN, Op.FIRST, Op.DATE, Op.BAND, Op.DECIMAL_BAND,
    Op.REAL_BAND, Op.PSEUDONYM,
}  # fmt: skip
_SEARCHING = _STEPPING | {Op.FOUND, Op.ABSENT}


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Verified instructions that scan payloads of one schema.

    Args:
        code: the instructions, `WIDTH` numbers each; jumps are positions in it.
        targets: where the branches of unions start.
        pool: the bounds of long decimals.
        fields: names of the top-level fields, in order.
        stride: how deep arrays lie inside each other, outside of calls.
        routines: where what is called starts, in order.
        has_key_item: whether the plan remembers the bounds of the key item.

    Raises:
        InvalidPolicy: the plan is too large, or is not one that can run safely.
    """

    code: Longs
    targets: Longs
    pool: Bytes
    fields: tuple[str, ...]
    stride: int
    routines: tuple[int, ...]
    has_key_item: bool

    def __post_init__(self) -> None:
        sections = [Section(0, frozenset({Op.END})), *_called(self.routines)]
        jumps = verify(self.code, self.targets, self.stride, sections, _SCANNING, self.pool)
        ops = self.code.reshape(-1, scanning.WIDTH).tolist()
        if sum(op == Op.FIELD for op, *_ in ops) != len(self.fields):
            raise InvalidPolicy("the plan for a schema can't run: fields don't end")
        _check_slots(ops, jumps, self.routines, self.has_key_item)


@dataclass(frozen=True, slots=True, eq=False)
class Cutting:
    """Verified instructions that write again what a view gets of some fields.

    Args:
        code: as in a plan.
        targets: as in a plan.
        pool: the constants that are written.
        stride: as in a plan.
        starts: where the instructions for each of these fields start, in order.
        routines: where what is called starts, in order, behind all of them.

    Raises:
        InvalidPolicy: the cutting is too large, or is not one that can run safely.
    """

    code: Longs
    targets: Longs
    pool: Bytes
    stride: int
    starts: tuple[int, ...]
    routines: tuple[int, ...]

    def __post_init__(self) -> None:
        sections = [Section(start, frozenset({Op.END})) for start in self.starts]
        sections += _called(self.routines)
        if sections:
            verify(self.code, self.targets, self.stride, sections, _WRITING, self.pool)
        elif self.code.size:
            raise InvalidPolicy("the plan for a policy can't run: nothing starts it")


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Verified instructions that find a value in a field.

    Args:
        code: as in a plan.
        targets: as in a plan.
        stride: as in a plan.
        routines: as in a plan.

    Raises:
        InvalidPolicy: the search is too large, or is not one that can run safely.
    """

    code: Longs
    targets: Longs
    stride: int
    routines: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sections = [Section(0, frozenset({Op.FOUND, Op.ABSENT})), *_called(self.routines)]
        verify(self.code, self.targets, self.stride, sections, _SEARCHING, np.empty(0, np.uint8))


def _called(routines: Sequence[int]) -> list[Section]:
    return [Section(start, frozenset({Op.RETURN})) for start in routines]


def _check_slots(
    ops: Sequence[Sequence[int]],
    jumps: Sequence[tuple[int, int]],
    routines: Sequence[int],
    has_key_item: bool,
) -> None:
    """See that each claim is remembered exactly once, and that no jump passes it by."""
    strings = [(i, a) for i, (op, a, _, _) in enumerate(ops) if op == Op.STRING and a]
    wanted = [scanning.SOURCE, scanning.RESOURCE] + [scanning.KEY] * has_key_item
    if sorted(slot for _, slot in strings) != wanted:
        raise InvalidPolicy("the plan for a schema can't run: claims are not remembered once each")
    first_routine = routines[0] // scanning.WIDTH if routines else len(ops)
    for position, _ in strings:
        passed_by = any(start < position < goal for start, goal in jumps)
        in_array = any(
            op == Op.NEXT and a // scanning.WIDTH < position < end
            for end, (op, a, _, _) in enumerate(ops)
        )
        if passed_by or in_array or position > first_routine:
            raise InvalidPolicy("the plan for a schema can't run: a claim may be passed by")


def _check_numbers() -> None:
    """Refuse to load a kernel whose numbers are not the reasons', or not each other's."""
    for reason in Reason:
        for part in (octets, scanning):
            if getattr(part, reason.name, reason.value) != reason.value:
                raise RuntimeError(f"the kernel has another number for the reason {reason.text}")
    for op in Op:
        own = {"END": "DONE", "LONG": "NUMBER", "BYTES": "TEXT"}.get(op.name, op.name)
        if getattr(cutting, own, op.value) != op.value:
            raise RuntimeError(f"the kernel has two numbers for the operation {op.name}")
    if len({octets.FULL, masks.BROKEN, cutting.NOWHERE}) != 3:
        raise RuntimeError("the kernel has one number for two outcomes")


_check_numbers()
