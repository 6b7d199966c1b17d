"""Plans are verified before they run, because a broken one could read outside its buffers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import InvalidPolicy
from schemas.policy.change_event import change_event
from schemas.policy.schema_reading import read_record
from stream_apps.enforcement import kernel
from stream_apps.enforcement.compiler import compile_event
from stream_apps.enforcement.plan import Op, Plan

ENVELOPE = json.loads(Path("schemas/events/envelope.avsc").read_text())
SCHEMA = {
    "type": "record",
    "name": "Thing",
    "fields": [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "code", "type": "string"},
        {"name": "choice", "type": ["null", "boolean", {"type": "array", "items": "int"}]},
        {"name": "many", "type": {"type": "array", "items": {"type": "map", "values": "long"}}},
        {"name": "nulls", "type": {"type": "array", "items": "null"}},
    ],
}


def plan(schema: Any = SCHEMA, key_item: str | None = "code") -> Plan:
    return compile_event(change_event(read_record(schema), key_item))


def changed(sound: Plan, code: Any = None, **changes: Any) -> Plan:
    code = sound.code.copy() if code is None else code
    given: dict[str, Any] = {
        "code": np.array(code, np.int64).reshape(-1) if isinstance(code, list) else code,
        "targets": sound.targets.copy(),
        "fields": sound.fields,
        "depth": sound.depth,
        "has_key_item": sound.has_key_item,
    }
    return Plan(**given | changes)


def test_a_compiled_plan_is_sound_and_cannot_be_changed() -> None:
    """What the compiler writes passes, and stays as it was verified."""
    sound = plan()
    assert sound.fields == ("envelope", "code", "choice", "many", "nulls")
    assert sound.depth == 2
    changed(sound)
    with pytest.raises(ValueError, match="read-only"):
        sound.code[0] = Op.END


def test_any_jump_that_is_moved_is_refused() -> None:
    """A jump to before itself, outside, into or out of an array or field never runs."""
    sound = plan()
    rows = sound.code.reshape(-1, kernel.WIDTH).tolist()
    places = [*range(-kernel.WIDTH, len(rows) * kernel.WIDTH + 1, kernel.WIDTH), 1, 2**62, -1]
    for position, (op, goal, *_) in enumerate(rows):
        if op not in (Op.ARRAY, Op.NEXT):
            continue
        for place in places:
            moved = [list(row) for row in rows]
            moved[position][1] = place
            if place != goal:
                with pytest.raises(InvalidPolicy):
                    changed(sound, moved)
    own_field = _jumps_within_their_field(rows)
    for index, goal in enumerate(sound.targets.tolist()):
        for place in places:
            targets = sound.targets.copy()
            targets[index] = place
            if place != goal and place not in own_field:
                with pytest.raises(InvalidPolicy):
                    changed(sound, targets=targets)


def _jumps_within_their_field(rows: list[list[int]]) -> set[int]:
    """Give the places behind the union in its own field: wrong to go to, but not unsafe."""
    union = next(i for i, row in enumerate(rows) if row[0] == Op.UNION)
    end = next(i for i in range(union, len(rows)) if rows[i][0] == Op.FIELD)
    return {i * kernel.WIDTH for i in range(union + 1, end + 1)}


@pytest.mark.parametrize(
    ("op", "operands"),
    [
        (Op.SKIP, (-1, 0, 0)),
        (Op.STRING, (kernel.SLOTS, 0, 0)),
        (Op.STRING, (-1, 0, 0)),
        (Op.STRING, (kernel.SOURCE, 0, 0)),
        (Op.ENUM, (0, 0, 0)),
        (Op.UNION, (0, 0, 0)),
        (Op.UNION, (4, 0, 0)),
        (Op.UNION, (3, -1, 0)),
        (Op.UNION, (2, 2**62, 0)),
        (Op.ARRAY, (0, 9, 1)),
        (Op.NEXT, (0, 0, 0)),
        (Op.END, (0, 0, 0)),
        (Op.FIELD, (0, 0, 0)),
        (14, (0, 0, 0)),
        (-1, (0, 0, 0)),
    ],
)
def test_an_instruction_that_is_not_one_is_refused(op: int, operands: tuple[int, ...]) -> None:
    """Unknown operations, operands out of range, and a second claim to a slot never run."""
    sound = plan()
    rows = sound.code.reshape(-1, kernel.WIDTH).tolist()
    skip = next(i for i, row in enumerate(rows) if row[0] == Op.SKIP)
    rows[skip] = [op, *operands]
    with pytest.raises(InvalidPolicy):
        changed(sound, rows)


def test_a_plan_of_another_form_is_refused() -> None:
    """Numbers of another width, pieces of instructions, and no end are no plan."""
    sound = plan()
    rows = sound.code.reshape(-1, kernel.WIDTH).tolist()
    broken: list[dict[str, Any]] = [
        {"code": sound.code.astype(np.int32)},
        {"code": sound.code[:-1].copy()},
        {"code": sound.code[: -kernel.WIDTH].copy()},
        {"code": np.empty(0, np.int64)},
        {"targets": sound.targets.astype(np.float64)},
        {"targets": sound.targets[:-1].copy()},
        {"fields": sound.fields[:-1]},
        {"depth": 1},
        {"depth": 10_000},
        {"has_key_item": False},
        {"code": np.array(rows * 20_000, np.int64).reshape(-1)},
    ]
    for change in broken:
        with pytest.raises(InvalidPolicy):
            changed(sound, **change)


def test_a_claim_that_a_branch_could_pass_by_is_refused() -> None:
    """A slot that one record leaves as another set it would let a claim of that one through."""
    sound = plan()
    rows = sound.code.reshape(-1, kernel.WIDTH).tolist()
    at = next(i for i, row in enumerate(rows) if row[0] == Op.STRING)
    rows[at - 1] = [Op.JUMP, (at + 1) * kernel.WIDTH, 0, 0]
    with pytest.raises(InvalidPolicy, match="passed by"):
        changed(sound, rows)


def test_an_item_of_the_envelopes_type_is_no_second_envelope() -> None:
    """Only the first field's claims are compared, whatever else has that type."""
    again = {"name": "earlier", "type": "sharebus.events.Envelope"}
    schema = SCHEMA | {"fields": [*SCHEMA["fields"], again]}
    assert plan(schema).fields[-1] == "earlier"


def test_the_kernel_has_the_numbers_of_every_reason_it_gives() -> None:
    """The kernel's own copy of the reasons' numbers is complete for what it gives."""
    given = {Op(op).name for op in range(kernel.END, kernel.DECIMAL + 1)}
    assert given == {op.name for op in Op}
