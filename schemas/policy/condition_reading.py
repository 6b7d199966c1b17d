"""Making of a policy's row filters what they mean for a schema, refusing what can't be decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from schemas.errors import InvalidPolicy
from schemas.policy.actions import Scalar
from schemas.policy.application import bounds_of, is_calculable_decimal
from schemas.policy.avro_types import (
    Again,
    Array,
    AvroType,
    Kind,
    Primitive,
    Record,
    Symbols,
    Union,
)
from schemas.policy.conditions import (
    Comparable,
    Conditions,
    Either,
    Out,
    Sort,
    Step,
    Test,
    Within,
    is_ordered,
)
from schemas.policy.literals import read_number, write_number
from schemas.policy.policy import Policy
from schemas.policy.rows import Match, RowFilter
from schemas.policy.shaping import Leaf


def conditions(policy: Policy, record: Record, key_item: str) -> Conditions:
    """Give what a policy's row filters mean for a change event's type.

    Raises:
        InvalidPolicy: an item is not there, lies in an array, a map or a recursive type, or may be
            of a type that the filter can't be decided on, or of several that compare differently;
            a value is none of its type; or a range lets nothing through.
    """
    by_key = all(row.item == key_item for row in policy.rows)
    return Conditions(tuple(_condition(row, record) for row in policy.rows), by_key)


def settled(policy: Policy, record: Record) -> Policy:
    """Give the policy with each value of its row filters in its one form.

    Policies that differ only in how they write an instant or a decimal let the same through; only
    in this form do they have the same digest.

    Raises:
        InvalidPolicy: as `conditions`.
    """
    return replace(policy, rows=tuple(_settled(row, record) for row in policy.rows))


def _condition(row: RowFilter, record: Record) -> Within:
    step = _step(row, record, row.item.split("."))
    if not isinstance(step, Within):
        raise _refused(row, "is not there", "Take the names from the schema")
    return step


def _step(row: RowFilter, avro: AvroType, path: list[str]) -> Step:
    match avro:
        case Union():
            branches = tuple(_step(row, branch, path) for branch in avro.branches)
            return _either(row, avro, branches)
        case Primitive(kind=Kind.NULL):
            return Out(avro)
        case Array():
            raise _refused(
                row, "lies in an array or a map", "Filter by an item that each row has once"
            )
        case Record(recursive=True) | Again() if path:
            raise _refused(row, "lies in a recursive type", "Filter by an item outside it")
        case Record() if path:
            return _within(row, avro, path)
        case Primitive() | Symbols() if not path:
            return _test(row, avro)
    if path:
        return Out(avro)
    raise _refused(row, "may be of a type that rows can't be filtered by", _TYPES)


def _either(row: RowFilter, avro: Union, branches: tuple[Step, ...]) -> Step:
    """Give the step of a union; all values that it leads to must compare alike.

    The kernel makes one comparison a condition, wherever it found the value.
    """
    comparisons = {
        (test.sort, test.values, test.low, test.high) for it in branches for test in _tests(it)
    }
    if len(comparisons) > 1:
        raise _refused(
            row, "may be of several types that compare differently", "Filter by another item"
        )
    return Either(avro, branches) if comparisons else Out(avro)


def _tests(step: Step) -> Iterator[Test]:
    match step:
        case Test():
            yield step
        case Within(then=then):
            yield from _tests(then)
        case Either(branches=branches):
            for branch in branches:
                yield from _tests(branch)


def _within(row: RowFilter, avro: Record, path: list[str]) -> Step:
    for index, field in enumerate(avro.fields):
        if field.name == path[0]:
            then = _step(row, field.type, path[1:])
            return Out(avro) if isinstance(then, Out) else Within(avro, index, then)
    return Out(avro)


def _test(row: RowFilter, avro: Leaf) -> Test:
    sort = _sort(row, avro)
    if row.match not in _MATCHES[sort]:
        able = ", ".join(_MATCHES[sort])
        raise _refused(row, f"can't be filtered by {row.match}", f"Its operators are {able}")
    values = {
        _read(avro, sort, value, f"rows.{row.match}[{i}]") for i, value in enumerate(row.values)
    }
    low = None if row.low is None else _read(avro, sort, row.low, "rows.range.from")
    high = None if row.high is None else _read(avro, sort, row.high, "rows.range.to")
    if not is_ordered(low, high):
        raise _refused(
            row, "can't lie in a range that ends before it begins", "Turn the ends round"
        )
    # All values are of one kind, so they can be sorted; a prefix stays free of the others.
    return Test(avro, sort, row.match, tuple(sorted(values)), low, high)


def _sort(row: RowFilter, avro: Leaf) -> Sort:
    if isinstance(avro, Symbols):
        return Sort.SYMBOL
    if avro.kind is Kind.STRING:
        return Sort.TEXT
    if avro.kind is Kind.BOOLEAN:
        return Sort.BOOLEAN
    if avro.kind in (Kind.INT, Kind.LONG) and not avro.logical.startswith("time-"):
        return Sort.NUMBER
    if avro.kind is Kind.FLOAT:
        return Sort.FLOAT
    if avro.kind is Kind.DOUBLE:
        return Sort.DOUBLE
    if is_calculable_decimal(avro):
        return Sort.DECIMAL
    raise _refused(row, "may be of a type that rows can't be filtered by", _TYPES)


def _read(avro: Leaf, sort: Sort, value: Scalar, where: str) -> Comparable:
    read: Comparable | None = None
    if isinstance(avro, Symbols):
        read = avro.names.index(value) if value in avro.names else None
    elif sort is Sort.TEXT:
        read = value.encode() if isinstance(value, str) else None
    elif sort is Sort.BOOLEAN:
        read = int(value) if isinstance(value, bool) else None
    elif avro.logical:
        read = read_number(avro, value, where) if isinstance(value, str) else None
    elif isinstance(value, int) and not isinstance(value, bool):
        read = value
    is_number = sort in (Sort.NUMBER, Sort.DECIMAL)
    if is_number and isinstance(avro, Primitive) and isinstance(read, int):
        least, most = bounds_of(avro)
        read = read if least <= read <= most else None
    if read is None:
        # The value itself stays out of the message: it may be somebody's identity number (R5.4).
        raise InvalidPolicy("a value is none of the item's type", where=where, remedy=_TYPES)
    return read


def _settled(row: RowFilter, record: Record) -> RowFilter:
    for avro in (test.type for test in _tests(_condition(row, record))):
        if isinstance(avro, Primitive) and avro.logical not in ("", "uuid"):

            def settle(value: Scalar, avro: Primitive = avro) -> Scalar:
                return write_number(avro, read_number(avro, str(value), "rows"))

            low, high = (None if it is None else settle(it) for it in (row.low, row.high))
            row = replace(row, values=tuple(map(settle, row.values)), low=low, high=high)
    return row


def _refused(row: RowFilter, problem: str, remedy: str) -> InvalidPolicy:
    return InvalidPolicy(f"{row.item} {problem}", where=f"rows.{row.item}", remedy=remedy)


_MATCHES = {
    Sort.TEXT: (Match.IN, Match.PREFIX, Match.RANGE),
    Sort.NUMBER: (Match.IN, Match.RANGE),
    Sort.DECIMAL: (Match.IN, Match.RANGE),
    Sort.SYMBOL: (Match.IN,),
    Sort.BOOLEAN: (Match.IN,),
    # Whoever asks for one exact floating number nearly always gets no row, and wonders why.
    Sort.FLOAT: (Match.RANGE,),
    Sort.DOUBLE: (Match.RANGE,),
}
_TYPES = (
    "Rows are filtered by texts, whole numbers, dates and timestamps, decimals of up to 18 digits "
    "in bytes, enums' symbols, true or false, and ranges, with whole ends, of floats and doubles"
)
