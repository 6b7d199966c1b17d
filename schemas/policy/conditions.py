"""What a policy's row filters mean for a schema: the way to each value, and what it must be.

`condition_reading` makes them; `fulfils` decides on a decoded record, and the kernel's compiler
makes instructions of them. From the change event on, each step is

    Within    a field of a record; go on there
    Either    a union; go on in the branch that is there
    Out       null, or a branch without the item: the row is out
    Test      the value, which must be as the filter says

Values are in a form that can be compared: a text is its UTF-8 bytes, a date its days, a timestamp
its millis or micros since 1970, a decimal its digits as one number, a float or a double itself, an
enum's symbol its index, false and true are 0 and 1. They are sorted, each is there once, and
prefixes don't cover each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from schemas.policy.avro_types import AvroType, Record, Symbols, Union
from schemas.policy.decoding import Chosen, Real, Value
from schemas.policy.rows import Match
from schemas.policy.shaping import Leaf

Comparable: TypeAlias = bytes | int | float


class Sort(Enum):
    """How a value is to be read before it is compared."""

    TEXT = auto()
    NUMBER = auto()
    """An int or a long, also one that is a date or a timestamp."""
    DECIMAL = auto()
    """Bytes, the highest first, in two's complement."""
    SYMBOL = auto()
    """The index of an enum's symbol."""
    BOOLEAN = auto()
    FLOAT = auto()
    DOUBLE = auto()
    """Both as IEEE 754 orders them: 0 and -0 are equal, and a NaN lies in no range."""


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """The value must be one of the values, begin with one, or lie in the range, ends included.

    `values` is empty for a range; `low` and `high` are None where it is open, and otherwise.
    """

    type: Leaf
    sort: Sort
    match: Match
    values: tuple[Comparable, ...]
    low: Comparable | None
    high: Comparable | None


@dataclass(frozen=True, slots=True, eq=False)
class Out:
    """The row is out."""

    type: AvroType


@dataclass(frozen=True, slots=True, eq=False)
class Within:
    """Go on in a field, whose place among the record's fields is `index`."""

    type: Record
    index: int
    then: Step


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """Go on in the branch that is there."""

    type: Union
    branches: tuple[Step, ...]


Step: TypeAlias = Test | Out | Within | Either


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """All of which a row must fulfil.

    Args:
        each: one for each of the policy's row filters, in their order; on the change event.
        by_key: whether all of them are on the key item, so that the key alone decides, and a delete
            goes where its key belongs. Also where there are none.
    """

    each: tuple[Within, ...]
    by_key: bool


def fulfils(step: Step, value: Value) -> bool:
    """Tell whether a decoded value fulfils one condition."""
    match step, value:
        case Out(), _:
            return False
        case Within(), dict():
            return fulfils(step.then, value[step.type.fields[step.index].name])
        case Either(), Chosen():
            return fulfils(step.branches[value.branch], value.value)
        case Test(), _:
            return _passes(step, _comparable(step, value))
    raise TypeError(f"a value does not fit {type(step).__name__}")


def _comparable(test: Test, value: Value) -> Comparable:
    match test.sort, value:
        case Sort.TEXT, str():
            return value.encode()
        case Sort.DECIMAL, bytes():
            return int.from_bytes(value, "big", signed=True)
        case Sort.SYMBOL, str():
            assert isinstance(test.type, Symbols)
            return test.type.names.index(value)
        case ((Sort.NUMBER | Sort.BOOLEAN), int()):
            return int(value)
        case ((Sort.FLOAT | Sort.DOUBLE), Real()):
            return value.number
    raise TypeError(f"a value does not fit {test.sort.name}")


def _passes(test: Test, value: Comparable) -> bool:
    match test.match:
        case Match.IN:
            return value in test.values
        case Match.PREFIX:
            assert isinstance(value, bytes)
            return any(isinstance(it, bytes) and value.startswith(it) for it in test.values)
    return is_ordered(test.low, value) and is_ordered(value, test.high)


def is_ordered(low: Comparable | None, high: Comparable | None) -> bool:
    """Tell whether a value is not above another; None is an end that is open."""
    match low, high:
        case bytes(), bytes():
            return low <= high
        case ((int() | float()), (int() | float())):
            return low <= high
    return True
