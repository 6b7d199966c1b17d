"""Values that nobody has, one for each type, to show on them what a mask makes of a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

from schemas.catalogue import Item
from schemas.catalogue.code_lists import code_list
from schemas.catalogue.identifiers import citizen_check_character, credit_code_check_character
from schemas.explaining.readable import readable
from schemas.policy import Pseudonym
from schemas.policy.application import bounds_of
from schemas.policy.avro_types import Kind, Primitive, Symbols, bytes_needed
from schemas.policy.decoding import DOUBLE, SINGLE, Real, Value
from schemas.policy.masking import masked
from schemas.policy.shaping import Leaf, Masked

T = TypeVar("T")
_CITIZEN: Final = "11010119900307000"  # the sequence 000 is never allotted
_CREDIT: Final = "91440103000000001"
_TEXTS: Final = (
    "甲乙丙丁戊己庚辛壬癸",
    "甲乙",
    "13800000000",
    "440103",
    "440103001",
    _CITIZEN + citizen_check_character(_CITIZEN),
    _CREDIT + credit_code_check_character(_CREDIT),
)
_NUMBERS: Final = (12_345, 45, 1)
_REALS: Final = (12_345.5, 45.5, 0.5)
_DAY: Final = date(1990, 3, 7).toordinal() - date(1970, 1, 1).toordinal()
_MORNING: Final = 30_600
"""Seconds: half past eight."""


def example_of(node: Masked, item: Item | None, pseudonym_key: bytes | None) -> str:
    """Show what an item's action makes of a made-up value of its type, by the strict reference.

    Args:
        node: the leaf with its action.
        item: whose checks the value shall pass; None inside an item, where there are none.
        pseudonym_key: the policy's; None where it is not at hand, so that no pseudonym is shown.
    """
    value = example_value(node.type, item)
    before = _told(node.type, value)
    if isinstance(node.action, Pseudonym) and pseudonym_key is None:
        return f"{before} → 32 位十六进制假名"
    return f"{before} → {_told(node.type, masked(node, value, pseudonym_key))}"


def example_value(avro: Leaf, item: Item | None) -> Value:
    """Give a made-up value of a type that can be masked; if possible one that passes the checks."""
    if isinstance(avro, Symbols):
        return avro.names[0]
    if avro.logical == "decimal":
        return _decimal(avro, item)
    if avro.logical:
        return _dated(avro)
    match avro.kind:
        case Kind.STRING:
            return _first(_texts(item), item)
        case Kind.INT | Kind.LONG:
            return _first(_NUMBERS, item)
        case Kind.FLOAT:
            return Real.of(_first(_REALS, item), SINGLE)
        case Kind.DOUBLE:
            return Real.of(_first(_REALS, item), DOUBLE)
        case Kind.BOOLEAN:
            return True
    return None


def _texts(item: Item | None) -> Iterator[str]:
    if item is not None:
        for check in item.checks:
            if check.kind == "code-list":
                yield next(iter(code_list(check.arguments[0]).titles))
    yield from (text for text in _TEXTS if item is None or len(text) <= item.length)
    yield "甲"


def _decimal(avro: Primitive, item: Item | None) -> bytes:
    units = _first(_NUMBERS, item, Decimal)
    digits: int = min(units * 10**avro.scale, bounds_of(avro)[1])
    return digits.to_bytes(bytes_needed(digits), "big", signed=True)


def _dated(avro: Primitive) -> Value:
    if avro.logical == "date":
        return _DAY
    seconds = _MORNING if avro.logical.startswith("time-") else _DAY * 86_400 + _MORNING
    return seconds * (1000 if avro.logical.endswith("millis") else 1_000_000)


def _first(values: Iterable[T], item: Item | None, form: Callable[[T], Any] = lambda it: it) -> T:
    given = list(values)
    checks = item.checks if item is not None else ()
    fitting = (it for it in given if all(check.holds(form(it)) for check in checks))
    return next(fitting, given[0])


def _told(avro: Leaf, value: Value) -> str:
    shown = readable(avro, value)
    if isinstance(shown, bool):
        return "是" if shown else "否"
    return str(shown)
