"""What a policy does to the value of an item that it names: keep it, mask it, or pseudonymise it.

These are values with a canonical form in JSON; what they mean is `masking`, and which types they
may be applied to is `application`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from schemas.errors import InvalidPolicy

Scalar: TypeAlias = str | int | bool
"""A value in a policy: a text, a whole number or a truth value."""

EXACT = 2**53 - 1
"""The greatest whole number that every reader of JSON holds exactly (RFC 8785, 3.2.2.3)."""

MAX_CONSTANT_BYTES = 32
"""Bytes of UTF-8 in a constant: as many as a pseudonym has."""


class DateUnit(StrEnum):
    """What a date is taken back to the beginning of."""

    YEAR = "year"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Keep:
    """The value as it is; a record, array or union whole."""

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return "keep"


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A text becomes 32 lower-case hex digits, the same for the same text within one policy."""

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return "pseudonym"


@dataclass(frozen=True, slots=True)
class Constant:
    """Every value becomes this one.

    Args:
        value: a text of at most 32 bytes of UTF-8, a whole number or a truth value.

    Raises:
        InvalidPolicy: it is longer, no Unicode text, or a number that JSON doesn't hold exactly.
    """

    value: Scalar
    kind: type = field(init=False, repr=False)
    """Of the value: a part of equality, because Python's `1 == True`."""

    def __post_init__(self) -> None:
        check_scalar(self.value, where="mask.constant")
        if isinstance(self.value, str) and len(self.value.encode()) > MAX_CONSTANT_BYTES:
            raise InvalidPolicy(
                f"a constant is longer than {MAX_CONSTANT_BYTES} bytes of UTF-8",
                where="mask.constant",
                remedy="Choose a shorter one",
            )
        object.__setattr__(self, "kind", type(self.value))

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return {"mask": {"constant": self.value}}


@dataclass(frozen=True, slots=True)
class Shown:
    """A text's first and last characters stay, each of the others becomes `*`.

    Args:
        first: how many stay at the beginning.
        last: how many stay at the end; at least one stays in all.

    Raises:
        InvalidPolicy: a number is out of range.
    """

    first: int = 0
    last: int = 0

    def __post_init__(self) -> None:
        check_count(self.first, 0, "mask.first")
        check_count(self.last, 0, "mask.last")
        if self.first + self.last < 1:
            raise InvalidPolicy(
                "a mask that shows no character",
                where="mask",
                remedy='Give "first" or "last" at least 1, or use a constant',
            )

    def document(self) -> object:
        """Give the action as a policy's JSON has it; a zero is left out."""
        shown = {"first": self.first, "last": self.last}
        return {"mask": {name: count for name, count in shown.items() if count}}


@dataclass(frozen=True, slots=True)
class DateTo:
    """A date or a timestamp becomes the beginning of its year or month."""

    unit: DateUnit

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return {"mask": {"date": str(self.unit)}}


@dataclass(frozen=True, slots=True)
class Digits:
    """A text's first characters stay and the rest goes: a division code's are the region around.

    Args:
        count: how many stay, at least one.

    Raises:
        InvalidPolicy: it is out of range.
    """

    count: int

    def __post_init__(self) -> None:
        check_count(self.count, 1, "mask.digits")

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return {"mask": {"digits": self.count}}


@dataclass(frozen=True, slots=True)
class Band:
    """A number becomes the least one of its band; bands begin with the multiples of a width.

    Args:
        width: at least one; of a decimal, a float or a double in whole units.

    Raises:
        InvalidPolicy: it is out of range.
    """

    width: int

    def __post_init__(self) -> None:
        check_count(self.width, 1, "mask.band")

    def document(self) -> object:
        """Give the action as a policy's JSON has it."""
        return {"mask": {"band": self.width}}


Action: TypeAlias = Keep | Pseudonym | Constant | Shown | DateTo | Digits | Band


def check_count(value: object, least: int, where: str) -> None:
    """Refuse what is no whole number from `least` on, or none that JSON holds exactly."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= EXACT:
        raise InvalidPolicy(f"a whole number from {least} to {EXACT} is expected", where=where)


def check_scalar(value: object, *, where: str) -> None:
    """Refuse what is no value of a policy.

    The value itself stays out of the message: it may be somebody's identity number (R5.4).
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            # The error would carry the value along, so it is not chained.
            raise InvalidPolicy("a value is not Unicode text", where=where) from None
    elif not isinstance(value, int):
        raise InvalidPolicy("a text, a whole number or true or false is expected", where=where)
    elif not -EXACT <= value <= EXACT:
        raise InvalidPolicy(
            "a number is larger than every reader of JSON holds exactly",
            where=where,
            remedy=f"Stay between -{EXACT} and {EXACT}",
        )
