"""What the kernel executes: instructions for one schema, verified before they run.

An instruction is four numbers: an operation and its operands. A plan walks one payload from its
first byte to its last; it knows nothing of policies, which choose among the spans afterwards.
`compiler` makes plans. A kernel that runs a broken plan could read outside its buffers, so a plan
that was not verified can't be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import MAX_DEPTH
from schemas.policy.reasons import Reason
from stream_apps.enforcement import kernel
from stream_apps.enforcement.layouts import Longs

MAX_INSTRUCTIONS = 100_000


class Op(IntEnum):
    """The operations."""

    END = kernel.END
    """The payload must end here."""
    FIELD = kernel.FIELD
    """A field of the top-level record ends here."""
    BOOLEAN = kernel.BOOLEAN
    INT = kernel.INT
    """A number of 32 bits between a and b."""
    LONG = kernel.LONG
    """A number of 64 bits between a and b."""
    SKIP = kernel.SKIP
    """a bytes."""
    BYTES = kernel.BYTES
    DECIMAL = kernel.DECIMAL
    """One to eight bytes: a number between a and b, its highest byte first."""
    STRING = kernel.STRING
    """UTF-8; its bounds are remembered in slot a (0: nowhere)."""
    ENUM = kernel.ENUM
    """An index below a."""
    UNION = kernel.UNION
    """An index below a; go on at targets[b + index]."""
    JUMP = kernel.JUMP
    """Go on at a."""
    ARRAY = kernel.ARRAY
    """The head of a block at nesting b; go on at a after the last; c: elements take no bytes."""
    NEXT = kernel.NEXT
    """The end of an element of the array whose head is at a, at nesting b."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Verified instructions for one schema.

    Args:
        code: the instructions, `kernel.WIDTH` numbers each; jumps are positions in it.
        targets: where the branches of unions start.
        fields: names of the top-level fields, in order.
        depth: how deep arrays lie inside each other.
        has_key_item: whether the plan remembers the bounds of the key item.

    Raises:
        InvalidPolicy: the plan is too large, or is not one that can run safely.
    """

    code: Longs
    targets: Longs
    fields: tuple[str, ...]
    depth: int
    has_key_item: bool

    def __post_init__(self) -> None:
        _Verification(self).run()
        self.code.flags.writeable = False
        self.targets.flags.writeable = False


class _Verification:
    """One pass over the instructions, in the order in which they stand.

    Every jump goes forward and stays in its array and in its field, except NEXT, which goes back to
    the head of its own array; so every instruction that runs is one that was looked at, loops
    always consume a count, and each field's span is noted exactly once.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ops = plan.code.reshape(-1, kernel.WIDTH).tolist() if _has_form(plan) else []
        self._targets = plan.targets.tolist()
        self._place: list[tuple[int, int]] = []  # of each instruction: its field, its array's head
        self._open: list[int] = []  # heads of the arrays around the instruction
        self._jumps: list[tuple[int, int]] = []
        self._field = 0

    def run(self) -> None:
        if not self._ops or self._ops[-1][0] != Op.END:
            _refuse("it doesn't end")
        for position, (op, a, b, c) in enumerate(self._ops):
            if op == Op.NEXT:
                self._close(a, b, position)
            self._place.append((self._field, self._open[-1] if self._open else -1))
            self._check_operands(op, a, b, c, position)
            if op == Op.ARRAY and not c:
                self._open.append(position)
            elif op == Op.FIELD:
                self._field += 1
        if self._open or self._field != len(self._plan.fields):
            _refuse("arrays or fields don't end")
        self._check_jumps()
        self._check_slots()

    def _check_operands(self, op: int, a: int, b: int, c: int, position: int) -> None:
        top_level = not self._open
        valid = {
            Op.END: top_level and position == len(self._ops) - 1,
            Op.FIELD: top_level,
            Op.SKIP: a >= 0,
            Op.STRING: 0 <= a < kernel.SLOTS and (a == 0 or top_level),
            Op.ENUM: a > 0,
            Op.UNION: a > 0 and b >= 0 and b + a <= len(self._targets),
            Op.ARRAY: b == len(self._open) < self._plan.depth
            and (c == 0 or (c == 1 and a == (position + 1) * kernel.WIDTH)),
        }
        if op not in set(Op) or not valid.get(Op(op), True):
            _refuse(f"instruction {position} is not one")

    def _close(self, a: int, b: int, position: int) -> None:
        head = self._open.pop() if self._open else -1
        if a != head * kernel.WIDTH or b != len(self._open):
            _refuse(f"instruction {position} ends another array than its own")
        if self._ops[head][1] != (position + 1) * kernel.WIDTH:
            _refuse(f"the array at instruction {head} goes on elsewhere than behind its end")

    def _check_jumps(self) -> None:
        for position, (op, a, b, _) in enumerate(self._ops):
            if op == Op.JUMP:
                self._check_inside(position, a)
            elif op == Op.UNION:
                for target in self._targets[b : b + a]:
                    self._check_inside(position, target)

    def _check_jump(self, target: int, position: int) -> None:
        if target % kernel.WIDTH or not position < target // kernel.WIDTH < len(self._ops):
            _refuse(f"instruction {position} goes on outside the plan, or backwards")

    def _check_inside(self, position: int, target: int) -> None:
        self._check_jump(target, position)
        goal = target // kernel.WIDTH
        self._jumps.append((position, goal))
        # The end of an array's body is its NEXT, which counts as outside: jumping there is right.
        head = self._place[position][1]
        own_end = head >= 0 and self._ops[goal][:2] == [Op.NEXT, head * kernel.WIDTH]
        if self._place[goal] != self._place[position] and not own_end:
            _refuse(f"instruction {position} leaves its array or its field")

    def _check_slots(self) -> None:
        """See that each claim is remembered exactly once, and that no jump passes it by."""
        strings = [(i, a) for i, (op, a, _, _) in enumerate(self._ops) if op == Op.STRING and a]
        wanted = [kernel.SOURCE, kernel.RESOURCE] + [kernel.KEY] * self._plan.has_key_item
        if sorted(slot for _, slot in strings) != wanted:
            _refuse("the claims are not remembered once each")
        for position, _ in strings:
            if any(start < position < goal for start, goal in self._jumps):
                _refuse("a claim may be passed by")


def _has_form(plan: Plan) -> bool:
    arrays = (plan.code, plan.targets)
    return (
        all(array.dtype == np.int64 and array.ndim == 1 for array in arrays)
        and all(array.flags.c_contiguous for array in arrays)
        and plan.code.size % kernel.WIDTH == 0
        and plan.code.size <= MAX_INSTRUCTIONS * kernel.WIDTH
        and 0 <= plan.depth <= MAX_DEPTH
    )


def _refuse(problem: str) -> None:
    raise InvalidPolicy(f"the plan for a schema can't run: {problem}")


def _check_reasons() -> None:
    """Refuse to load a kernel whose numbers are not the reasons' (see there why it has its own)."""
    for reason in Reason:
        if getattr(kernel, reason.name, reason.value) != reason.value:
            raise RuntimeError(f"the kernel has another number for the reason {reason.text}")


_check_reasons()
