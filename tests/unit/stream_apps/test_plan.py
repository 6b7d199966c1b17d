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
from stream_apps.enforcement.compiler import compile_event
from stream_apps.enforcement.kernel import cutting, masks, scanning
from stream_apps.enforcement.plan import Cutting, Op, Plan, Search

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
        "pool": sound.pool,
        "stride": sound.stride,
        "routines": sound.routines,
        "has_key_item": sound.has_key_item,
    }
    return Plan(**given | changes)


def test_a_compiled_plan_is_sound_and_cannot_be_changed() -> None:
    """What the compiler writes passes, and stays as it was verified."""
    sound = plan()
    assert sound.fields == ("envelope", "code", "choice", "many", "nulls")
    assert sound.stride == 2
    changed(sound)
    with pytest.raises(ValueError, match="read-only"):
        sound.code[0] = Op.END


def test_any_jump_that_is_moved_is_refused() -> None:
    """A jump to before itself, outside, into or out of an array or field never runs."""
    sound = plan()
    rows = sound.code.reshape(-1, scanning.WIDTH).tolist()
    places = [*range(-scanning.WIDTH, len(rows) * scanning.WIDTH + 1, scanning.WIDTH), 1, 2**62, -1]
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
    return {i * scanning.WIDTH for i in range(union + 1, end + 1)}


@pytest.mark.parametrize(
    ("op", "operands"),
    [
        (Op.SKIP, (-1, 0, 0)),
        (Op.STRING, (scanning.SLOTS, 0, 0)),
        (Op.STRING, (-1, 0, 0)),
        (Op.STRING, (scanning.SOURCE, 0, 0)),
        (Op.ENUM, (0, 0, 0)),
        (Op.UNION, (0, 0, 0)),
        (Op.UNION, (4, 0, 0)),
        (Op.UNION, (3, -1, 0)),
        (Op.UNION, (2, 2**62, 0)),
        (Op.ARRAY, (0, 9, 1)),
        (Op.NEXT, (0, 0, 0)),
        (Op.END, (0, 0, 0)),
        (Op.FIELD, (0, 0, 0)),
        (Op.CALL, (0, 0, 0)),
        (Op.CALL, (2**62, 0, 0)),
        (Op.RETURN, (0, 0, 0)),
        (Op.LONG_DECIMAL, (0, 1, 0)),
        (Op.FIXED_DECIMAL, (-1, 0, 0)),
        (Op.DROP, (0, 0, 0)),
        (Op.PSEUDONYM, (0, 0, 0)),
        (31, (0, 0, 0)),
        (-1, (0, 0, 0)),
    ],
)
def test_an_instruction_that_is_not_one_is_refused(op: int, operands: tuple[int, ...]) -> None:
    """Unknown operations, operands out of range, and a second claim to a slot never run."""
    sound = plan()
    rows = sound.code.reshape(-1, scanning.WIDTH).tolist()
    skip = next(i for i, row in enumerate(rows) if row[0] == Op.SKIP)
    rows[skip] = [op, *operands]
    with pytest.raises(InvalidPolicy):
        changed(sound, rows)


def test_a_plan_of_another_form_is_refused() -> None:
    """Numbers of another width, pieces of instructions, and no end are no plan."""
    sound = plan()
    rows = sound.code.reshape(-1, scanning.WIDTH).tolist()
    broken: list[dict[str, Any]] = [
        {"code": sound.code.astype(np.int32)},
        {"code": sound.code[:-1].copy()},
        {"code": sound.code[: -scanning.WIDTH].copy()},
        {"code": np.empty(0, np.int64)},
        {"targets": sound.targets.astype(np.float64)},
        {"targets": sound.targets[:-1].copy()},
        {"fields": sound.fields[:-1]},
        {"stride": 1},
        {"stride": 10_000},
        {"has_key_item": False},
        {"code": np.array(rows * 20_000, np.int64).reshape(-1)},
    ]
    for change in broken:
        with pytest.raises(InvalidPolicy):
            changed(sound, **change)


def test_a_claim_that_a_branch_could_pass_by_is_refused() -> None:
    """A slot that one record leaves as another set it would let a claim of that one through."""
    sound = plan()
    rows = sound.code.reshape(-1, scanning.WIDTH).tolist()
    at = next(i for i, row in enumerate(rows) if row[0] == Op.STRING)
    rows[at - 1] = [Op.JUMP, (at + 1) * scanning.WIDTH, 0, 0]
    with pytest.raises(InvalidPolicy, match="passed by"):
        changed(sound, rows)


def test_an_item_of_the_envelopes_type_is_no_second_envelope() -> None:
    """Only the first field's claims are compared, whatever else has that type."""
    again = {"name": "earlier", "type": "sharebus.events.Envelope"}
    schema = SCHEMA | {"fields": [*SCHEMA["fields"], again]}
    assert plan(schema).fields[-1] == "earlier"


RECURSIVE = SCHEMA | {
    "fields": [
        *SCHEMA["fields"],
        {
            "name": "tree",
            "type": {
                "type": "record",
                "name": "Node",
                "fields": [{"name": "children", "type": {"type": "array", "items": "Node"}}],
            },
        },
    ]
}


def test_what_calls_goes_where_something_returns() -> None:
    """A call anywhere else, or into nothing that returns, never runs."""
    sound = plan(RECURSIVE)
    (routine,) = sound.routines
    rows = sound.code.reshape(-1, scanning.WIDTH).tolist()
    calls = [i for i, row in enumerate(rows) if row[0] == Op.CALL]
    assert [rows[i][1] for i in calls] == [routine, routine]
    for place in range(-scanning.WIDTH, len(rows) * scanning.WIDTH, scanning.WIDTH):
        if place != routine:
            with pytest.raises(InvalidPolicy):
                changed(
                    sound,
                    [[*row[:1], place, *row[2:]] if row[0] == Op.CALL else row for row in rows],
                )
    for routines in ((), (routine - scanning.WIDTH,), (0, routine), (routine, routine), (2**62,)):
        with pytest.raises(InvalidPolicy):
            changed(sound, routines=routines)


def cut(code: list[list[int]], targets: tuple[int, ...] = (), **changes: Any) -> Cutting:
    given: dict[str, Any] = {
        "code": np.array(code, np.int64).reshape(-1),
        "targets": np.array(targets, np.int64),
        "pool": np.zeros(8, np.uint8),
        "stride": 1,
        "starts": (0,),
        "routines": (),
    }
    return Cutting(**given | changes)


@pytest.mark.parametrize(
    "instruction",
    [
        [Op.PUT, 0, 9, 0],
        [Op.PUT, 5, 4, 0],
        [Op.PUT, -1, 4, 0],
        [Op.SHOWN, -1, 4, 0],
        [Op.SHOWN, 1, 2**31, 0],
        [Op.FIRST, -1, 0, 0],
        [Op.DATE, 2, 1, 0],
        [Op.DATE, masks.YEAR, 0, 0],
        [Op.DATE, masks.MONTH, 1, 2],
        [Op.BAND, 0, -1, 0],
        [Op.DECIMAL_BAND, 10, 1, 0],
        [Op.REAL_BAND, 0, 8, 0],
        [Op.REAL_BAND, 2**53, 8, 0],
        [Op.REAL_BAND, 10, 5, 0],
        [Op.STRING, 0, 0, 0],
        [Op.FOUND, 0, 0, 0],
        [Op.END, 0, 0, 0],
    ],
)
def test_a_cutting_with_an_instruction_that_cannot_run_is_refused(instruction: list[int]) -> None:
    """Constants outside the pool, bands of no width, days of no length never run."""
    end = [Op.END, 0, 0, 0]
    cut([[Op.PSEUDONYM, 0, 0, 0], end])
    with pytest.raises(InvalidPolicy):
        cut([instruction, end])


def test_each_field_s_instructions_keep_to_themselves() -> None:
    """None of them may go on in the next one's, or not end."""
    end, step = [Op.END, 0, 0, 0], [Op.LONG, 0, 0, 0]
    apart = [step, end, step, end]
    width = scanning.WIDTH
    cut(apart, starts=(0, 2 * width))
    for starts in ((), (2 * width,), (0, width), (0, 3), (0, 4 * width), (2 * width, 0)):
        with pytest.raises(InvalidPolicy):
            cut(apart, starts=starts)
    with pytest.raises(InvalidPolicy):
        cut([[Op.JUMP, 2 * width, 0, 0], end, step, end], starts=(0, 2 * width))
    with pytest.raises(InvalidPolicy):
        cut([step, step, step, end], starts=(0, 2 * width))


def test_a_search_writes_nothing() -> None:
    """What looks for a value only steps, and comes to a result."""
    found = [Op.FOUND, 0, 0, 0]
    none = np.empty(0, np.int64)
    Search(np.array([[Op.BYTES, 0, 0, 0], found], np.int64).reshape(-1), none, 0)
    for wrong in ([Op.DROP, 0, 0, 0], [Op.PSEUDONYM, 0, 0, 0], [Op.END, 0, 0, 0]):
        with pytest.raises(InvalidPolicy):
            Search(np.array([wrong, found], np.int64).reshape(-1), none, 0)
    with pytest.raises(InvalidPolicy):
        Search(np.array([[Op.BYTES, 0, 0, 0]], np.int64).reshape(-1), none, 0)


def test_the_kernel_has_a_number_for_every_operation() -> None:
    """And no two operations have the same."""
    names = {name for part in (scanning, cutting) for name in vars(part)}
    assert {op.name for op in Op} <= names
    assert len({op.value for op in Op}) == len(Op)
