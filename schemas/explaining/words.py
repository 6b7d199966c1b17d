"""The Chinese words for what the bus knows by codes: sharing, purposes, actions, reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, assert_never

import yaml

from schemas.catalogue import BasisLevel, ShareType
from schemas.ledger.state import GrantStatus
from schemas.policy import (
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

SHARES: Final[Mapping[ShareType, str]] = {
    ShareType.UNCONDITIONAL: "无条件共享",
    ShareType.CONDITIONAL: "有条件共享",
    ShareType.NOT_SHARED: "不予共享",
}
BASES: Final[Mapping[BasisLevel, str]] = {
    BasisLevel.LAW: "法律",
    BasisLevel.ADMINISTRATIVE_REGULATION: "行政法规",
    BasisLevel.CENTRAL_POLICY: "党中央、国务院政策",
}
"""What may justify not sharing (R10.1)."""

STATUSES: Final[Mapping[GrantStatus, str]] = {
    GrantStatus.GRANTED: "已授权，尚未开通",
    GrantStatus.ACTIVE: "有效",
    GrantStatus.REVOKED: "已撤销，尚未切断",
    GrantStatus.ENDED: "已终止",
}
PURPOSES: Final[Mapping[str, str]] = {
    "administrative_basis": "行政依据",
    "work_reference": "工作参考",
    "verification": "数据校核",
    "collaboration": "业务协同",
    "other": "其他",
}
"""R12.4."""

KEPT: Final = "保留"
PARTLY: Final = "部分提供"
ABSENT: Final = "不提供"
PSEUDONYM: Final = "假名化"


def told_action(
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
            return f"遮蔽（固定值 {told_value(value, symbols)}）"
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


def told_value(value: Scalar, symbols: Mapping[str, str] | None = None) -> str:
    """Say a value of a policy; an enum's symbol with its title."""
    if isinstance(value, bool):
        return "是" if value else "否"
    title = (symbols or {}).get(str(value))
    return f"{title}（{value}）" if title else str(value)


def told_reason(code: str, *, by_publisher: bool = False) -> str:
    """Say what a reason code means; the code itself where no meaning is known.

    Args:
        code: of `schemas.policy.reasons`, or a publisher's.
        by_publisher: whether a publisher said it, and sent nothing.
    """
    for form, meaning in _reasons()["publisher" if by_publisher else "bus"]:
        found = form.fullmatch(code)
        if found:
            for part in found.groups():
                meaning = meaning.replace("*", part, 1)
            return meaning
    return code


@cache
def _reasons() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    text = files("schemas").joinpath("rules/reasons.yaml").read_text("utf-8")
    return {
        side: [
            (re.compile(re.escape(code).replace(r"\*", "(.+)"), re.DOTALL), meaning)
            for code, meaning in meanings.items()
        ]
        for side, meanings in yaml.safe_load(text).items()
    }
