"""A policy in Chinese words: what is done to an item, and which rows there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, assert_never

from schemas.policy.actions import (
    Action,
    Band,
    Constant,
    DateTo,
    DateUnit,
    Digits,
    Keep,
    Pseudonym,
    Scalar,
    Shown,
)
from schemas.policy.policy import Policy
from schemas.policy.rows import Match, RowFilter

KEPT: Final = "保留"
ABSENT: Final = "不提供"
PSEUDONYM: Final = "假名化"


def action_words(
    action: Action, *, is_division: bool = False, symbols: Mapping[str, str] | None = None
) -> str:
    """Say what an action does to an item.

    Args:
        action: of the policy.
        is_division: whether the item is a code of an administrative division.
        symbols: titles of an enum's symbols.
    """
    match action:
        case Keep():
            return KEPT
        case Pseudonym():
            return PSEUDONYM
        case Constant(value=value):
            return f"遮蔽（固定值 {scalar_words(value, symbols)}）"
        case Shown(first=first, last=last):
            ends = [f"前{first}"] * bool(first) + [f"后{last}"] * bool(last)
            return f"遮蔽（保留{''.join(ends)}位）"
        case DateTo(unit=unit):
            return f"遮蔽（到{'年' if unit is DateUnit.YEAR else '月'}）"
        case Digits(count=count):
            return f"遮蔽（前{count}位{'区划' if is_division else ''}）"
        case Band(width=width):
            return f"遮蔽（按{width}分档）"
    assert_never(action)


def changes(policy: Policy) -> list[str]:
    """Say of each item that isn't kept as it is what is done to it."""
    return [f"{path} {action_words(it)}" for path, it in policy.actions if it != Keep()]


def item_words(policy: Policy, item: str) -> str:
    """Say what is done to one of a resource's items; what is inside it is named.

    Args:
        policy: what is let through.
        item: name of an item of the resource; one that isn't let through is 不提供.
    """
    inside = {
        path.removeprefix(f"{item}."): action_words(action)
        for path, action in policy.actions
        if path.startswith(f"{item}.")
    }
    whole = dict(policy.actions).get(item)
    if whole is not None:
        return action_words(whole)
    return "；".join(f"{path} {words}" for path, words in inside.items()) or ABSENT


def row_words(row: RowFilter) -> str:
    """Say what one condition demands, such as `code` 以 44、31 开头."""
    values = "、".join(map(scalar_words, row.values))
    match row.match:
        case Match.IN:
            return f"{row.item} 为 {values}"
        case Match.PREFIX:
            return f"{row.item} 以 {values} 开头"
    ends = (("从", row.low), ("到", row.high))
    return (
        f"{row.item} {' '.join(f'{end} {scalar_words(it)}' for end, it in ends if it is not None)}"
    )


def rows_words(policy: Policy) -> str:
    """Say which rows are let through; 全部 where there is no condition."""
    return "，且 ".join(map(row_words, policy.rows)) or "全部"


def scalar_words(value: Scalar, symbols: Mapping[str, str] | None = None) -> str:
    """Say a value of a policy; an enum's symbol with its title."""
    if isinstance(value, bool):
        return "是" if value else "否"
    title = (symbols or {}).get(str(value))
    return f"{title}（{value}）" if title else str(value)
