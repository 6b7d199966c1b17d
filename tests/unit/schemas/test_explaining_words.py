"""Codes have Chinese words, all of them: actions, sharing, purposes, why a record is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumers.commands.request import _PURPOSES
from schemas.catalogue import BasisLevel, ShareType, packaged_resource
from schemas.catalogue.checks import _OF_ROWS, _PLAIN, length_check, pattern_check, range_check
from schemas.catalogue.packaged import packaged_resources
from schemas.explaining.words import BASES, PURPOSES, SHARES, STATUSES, told_reason
from schemas.ledger.subjects import GrantStatus
from schemas.policy import Reason, parse_policy
from schemas.policy.wording import action_words

CHINESE = re.compile(r"[\u4e00-\u9fff]")
RAISED = re.compile(r"(?:refuse|InvalidRecord)\(\s*f?\"([^\"]+)\"")
NOT_OF_JSON = {
    "no CSV: {error}",
    "{len(row)} columns instead of {len(self._columns)}",
    "no-json",
    "no-json-object",
    "no-key",
}
"""What only other formats are refused for, and what `given_record` tells as an error of its own."""


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("keep", "保留"),
        ("pseudonym", "假名化"),
        ({"mask": {"first": 3, "last": 4}}, "遮蔽（保留前3后4位）"),
        ({"mask": {"first": 1}}, "遮蔽（保留前1位）"),
        ({"mask": {"last": 2}}, "遮蔽（保留后2位）"),
        ({"mask": {"constant": "某"}}, "遮蔽（固定值 某）"),
        ({"mask": {"constant": 7}}, "遮蔽（固定值 7）"),
        ({"mask": {"constant": True}}, "遮蔽（固定值 是）"),
        ({"mask": {"constant": "unknown"}}, "遮蔽（固定值 未知（unknown））"),
        ({"mask": {"date": "year"}}, "遮蔽（到年）"),
        ({"mask": {"date": "month"}}, "遮蔽（到月）"),
        ({"mask": {"digits": 4}}, "遮蔽（前4位）"),
        ({"mask": {"band": 100}}, "遮蔽（按100分档）"),
    ],
)
def test_each_action_is_told(action: Any, told: str) -> None:
    audience = {"department": "health", "key_version": 1}
    policy = parse_policy({"resource": "a.b", "items": {"item": action}, "audience": audience})
    ((_, read),) = policy.actions
    assert action_words(read, symbols={"unknown": "未知"}) == told


def test_digits_of_a_division_are_told_as_one() -> None:
    policy = parse_policy({"resource": "a.b", "items": {"item": {"mask": {"digits": 4}}}})
    assert action_words(policy.actions[0][1], is_division=True) == "遮蔽（前4位区划）"


def test_every_reason_of_the_bus_has_its_own_meaning() -> None:
    """A reason that is added without one fails here."""
    told = [told_reason(reason.text) for reason in Reason]
    assert all(map(CHINESE.search, told))
    assert len(set(told)) == len(told)


def test_no_meaning_is_of_a_reason_that_the_bus_has_not() -> None:
    known = yaml.safe_load(Path("schemas/rules/reasons.yaml").read_text("utf-8"))
    assert set(known["bus"]) == {reason.text for reason in Reason}


def publisher_reasons() -> set[str]:
    """Return every reason that the producers' code can give, its parts filled in."""
    files = [*Path("producers").glob("*.py"), *Path("producers/sources").glob("*.py")]
    written = {code for file in files for code in RAISED.findall(file.read_text("utf-8"))}
    filled = {
        re.sub(r"\{[^{}]*(\{[^{}]*\})?[^{}]*\}", "12", code) for code in written - NOT_OF_JSON
    }
    checks = [range_check(0, 1), length_check(0, 5), length_check(2, 5), pattern_check("a")]
    contracts = [packaged_resource(resource)[0] for resource in packaged_resources()]
    of_items = {c.reason for each in contracts for item in each.items for c in item.checks}
    of_rows = {check.reason for each in contracts for check in each.row_checks}
    plain = {f"no-{kind}" for kind in _PLAIN} | {f"not-{kind}" for kind in _OF_ROWS}
    shaped = {"not-one-of a|b", "not-a-record-of a|b", "more-than-2-digits", "longer-than-5"}
    return filled | of_items | of_rows | plain | shaped | {check.reason for check in checks}


def test_every_reason_of_a_publisher_has_a_meaning() -> None:
    """What `sharebus publish` refuses a row for, by code and by the contract's checks."""
    reasons = publisher_reasons()
    assert {"must-not-be-null", "larger-than-12-bytes", "not-in-gb-t-3304"} <= reasons
    without = [r for r in reasons if not CHINESE.search(told_reason(r, by_publisher=True))]
    assert without == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("not-2-to-18-long", "长度不在 2 至 18 个字之间"),
        ("not-in-gb-t-3304", "不在代码表 gb-t-3304 中"),
        ("not-in-order", "与前一信息项的先后次序颠倒"),
        ("not-one-of male|female", "不是所列代码之一：male|female"),
        ("finer-than-3-digits", "秒的小数多于 3 位"),
    ],
)
def test_what_varies_in_a_reason_is_told_too(reason: str, told: str) -> None:
    assert told_reason(reason, by_publisher=True) == told


def test_a_reason_without_meaning_is_told_as_it_is() -> None:
    assert told_reason("of-a-later-version") == "of-a-later-version"


def test_each_other_closed_list_has_all_its_words() -> None:
    assert set(SHARES) == set(ShareType)
    assert set(BASES) == set(BasisLevel)
    assert set(STATUSES) == set(GrantStatus)
    assert set(PURPOSES) == set(_PURPOSES)
