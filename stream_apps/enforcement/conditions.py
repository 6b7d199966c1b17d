"""Makes what the kernel needs to tell whether a record meets a policy's row filters."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from schemas.policy.condition_reading import conditions
from schemas.policy.conditions import Comparable, Either, Out, Sort, Step, Test, Within
from schemas.policy.policy import Policy
from schemas.policy.rows import Match
from stream_apps.enforcement.kernel import rows
from stream_apps.enforcement.layouts import Bytes, Condition, Longs
from stream_apps.enforcement.plan import Op, Search
from stream_apps.enforcement.ranks import ranks
from stream_apps.enforcement.scanner import RecordScanner, joined
from stream_apps.enforcement.scopes import key_condition
from stream_apps.enforcement.writing import Writing

_LEAST, _MOST = -(2**63), 2**63 - 1
_TESTS: Final = {Match.IN: rows.IN, Match.PREFIX: rows.PREFIX, Match.RANGE: rows.RANGE}
_LEAVES: Final = {
    Sort.TEXT: rows.TEXT,
    Sort.NUMBER: rows.NUMBER,
    Sort.SYMBOL: rows.NUMBER,
    Sort.DECIMAL: rows.DECIMAL,
    Sort.BOOLEAN: rows.BOOLEAN,
    Sort.FLOAT: rows.FLOAT,
    Sort.DOUBLE: rows.DOUBLE,
}


def compile_conditions(policy: Policy, scanner: RecordScanner) -> list[Condition]:
    """Make the conditions that a record must meet, all of them, for a view to have it.

    Raises:
        InvalidPolicy: one can't be applied to the scanner's schema.
    """
    assert scanner.key_item is not None
    meant = conditions(policy, scanner.record, scanner.key_item)
    return [
        key_condition(row) if row.item == scanner.key_item else _condition(each, scanner)
        for row, each in zip(policy.rows, meant.each, strict=True)
    ]


def _condition(within: Within, scanner: RecordScanner) -> Condition:
    searching = _Searching()
    search = searching.search(within.then)
    test = searching.test
    number, texts, bounds, numbers = _values(test)
    return Condition(
        fields=len(scanner.plan.fields),
        field=within.index,
        code=search.code.copy(),
        targets=search.targets.copy(),
        stride=search.stride,
        max_depth=scanner.limits.max_depth,
        leaf=_LEAVES[test.sort],
        test=number,
        texts=texts,
        bounds=bounds,
        numbers=numbers,
    )


def _values(test: Test) -> tuple[int, Bytes, Longs, Longs]:
    """Give a test's number, and its values as the kernel compares them."""
    number = _TESTS[test.match]
    given: list[Comparable] = list(test.values)
    if test.match is Match.RANGE and test.sort is Sort.TEXT:
        given = [b"" if test.low is None else test.low]
        if test.high is None:
            number = rows.RANGE_FROM
        else:
            given.append(test.high)
    elif test.sort in (Sort.FLOAT, Sort.DOUBLE):
        given = [*ranks(test.sort, test.low, test.high)]
    elif test.match is Match.RANGE:
        low, high = test.low, test.high
        given = [_LEAST if low is None else low, _MOST if high is None else high]
    texts, bounds = joined([value for value in given if isinstance(value, bytes)])
    numbers = np.array([value for value in given if isinstance(value, int)], np.int64)
    return number, texts, bounds, numbers


class _Searching(Writing):
    """Finds the value that one condition tests; of a union's branches each may have one.

    All of them compare alike: a filter's values are of one kind, and mean the same for each branch
    that takes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tests: list[Test] = []

    @property
    def test(self) -> Test:
        """What the value must be, once the search is made."""
        return self._tests[0]

    def search(self, step: Step) -> Search:
        """Make the instructions that go from a field to the value."""
        self._find(step)
        self.add(Op.ABSENT)  # where a union's branches would go on
        parts = self.finish()
        return Search(**parts)

    def _find(self, step: Step) -> None:
        match step:
            case Test():
                self._tests.append(step)
                self.add(Op.FOUND)
            case Out():
                self.add(Op.ABSENT)
            case Within(type=record, index=index, then=then):
                for field in record.fields[:index]:
                    self.write(field.type)
                self._find(then)
            case Either(branches=branches):
                self.union([partial(self._find, branch) for branch in branches])
