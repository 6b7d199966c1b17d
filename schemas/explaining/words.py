"""The Chinese words for what the bus knows by codes: sharing, purposes, actions, reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from schemas.catalogue import BasisLevel, ShareType
from schemas.ledger.subjects import GrantStatus

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

PARTLY: Final = "部分提供"


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
