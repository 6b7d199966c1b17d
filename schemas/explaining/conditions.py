"""A policy's row filters in plain Chinese, and which of them a decoded record fulfils."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.catalogue import Contract
from schemas.policy import Match, Policy, RowFilter
from schemas.policy.avro_types import Primitive, Record
from schemas.policy.condition_reading import conditions
from schemas.policy.conditions import Either, Out, Step, Test, Within, fulfils
from schemas.policy.decoding import Chosen, Value
from schemas.policy.wording import scalar_words

_SHOWN: Final = 5
"""Values of a condition that are told; of others their number."""


@dataclass(frozen=True, slots=True)
class ConditionTold:
    """One condition.

    Attributes:
        item: path of the item that decides.
        told: the condition in Chinese.
        condition: as the policy's JSON has it.
    """

    item: str
    told: str
    condition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConditionJudged:
    """Whether a record fulfils one condition; `absent` where it has no value that could."""

    item: str
    told: str
    fulfilled: bool
    absent: bool


def told_conditions(
    policy: Policy, contract: Contract, record: Record
) -> tuple[ConditionTold, ...]:
    """Say each of a policy's conditions, in the policy's order; all of them must hold.

    Args:
        policy: of the contract's resource.
        contract: gives the items' Chinese names.
        record: the type of the change events.

    Raises:
        InvalidPolicy: a condition can't be decided on this type.
    """
    found = conditions(policy, record, contract.key).each
    return tuple(
        ConditionTold(row.item, _told(row, step, contract), row.document())
        for row, step in zip(policy.rows, found, strict=True)
    )


def judged_conditions(
    policy: Policy, contract: Contract, record: Record, value: Value
) -> tuple[ConditionJudged, ...]:
    """Say of each condition whether a decoded record fulfils it; raises like `told_conditions`."""
    found = conditions(policy, record, contract.key).each
    return tuple(
        ConditionJudged(
            row.item, _told(row, step, contract), fulfils(step, value), _is_absent(step, value)
        )
        for row, step in zip(policy.rows, found, strict=True)
    )


def named(path: str, contract: Contract) -> str:
    """Say an item's Chinese name; of what lies inside one, its path there, and a space behind."""
    top, _, below = path.partition(".")
    return f"{contract.item(top).title}·{below} " if below else contract.item(top).title


def _told(row: RowFilter, step: Step, contract: Contract) -> str:
    name = named(row.item, contract)
    symbols = contract.item(row.item).symbols if "." not in row.item else None
    values = [scalar_words(value, symbols) for value in row.values]
    listed = f"{'、'.join(values[:_SHOWN])} "
    if len(values) > 1:
        listed += "之一" if len(values) <= _SHOWN else f"等 {len(values)} 个值之一"
    match row.match:
        case Match.IN:
            return f"{name}为 {listed.rstrip()}"
        case Match.PREFIX:
            return f"{name}以 {listed}开头"
    least, most = ("不早于", "不晚于") if _is_of_time(step) else ("不小于", "不大于")
    if row.low is None or row.high is None:
        bound = row.high if row.low is None else row.low
        return f"{name}{most if row.low is None else least} {bound}"
    return f"{name}在 {row.low} 至 {row.high}（含两端）"


def _is_of_time(step: Step) -> bool:
    return any(
        isinstance(test.type, Primitive)
        and (test.type.logical == "date" or "timestamp-" in test.type.logical)
        for test in _tests(step)
    )


def _tests(step: Step) -> Iterator[Test]:
    match step:
        case Test():
            yield step
        case Within():
            yield from _tests(step.then)
        case Either():
            for branch in step.branches:
                yield from _tests(branch)


def _is_absent(step: Step, value: Value) -> bool:
    match step, value:
        case Within(), dict():
            return _is_absent(step.then, value[step.type.fields[step.index].name])
        case Either(), Chosen():
            return _is_absent(step.branches[value.branch], value.value)
    return isinstance(step, Out)
