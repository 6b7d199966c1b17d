"""A decoded value as JSON has it: dates and decimals as texts, bytes as hex digits."""

from __future__ import annotations

from typing import Any

from schemas.policy.avro_types import Again, Array, AvroType, Kind, Primitive, Record, Union
from schemas.policy.decoding import Blocks, Chosen, Real, Value
from schemas.policy.literals import write_number


def readable(avro: AvroType, value: Value) -> Any:
    """Give a decoded value in the form that publishing takes it in; a map as an object.

    Args:
        avro: its type.
        value: as the strict reference decodes it.
    """
    match avro, value:
        case Union(), Chosen():
            return readable(avro.branches[value.branch], value.value)
        case Again(), _:
            return readable(avro.record, value)
        case Record(), dict():
            return {field.name: readable(field.type, value[field.name]) for field in avro.fields}
        case Array(), Blocks():
            parts = [readable(avro.items, item) for block in value.blocks for item in block]
            return {each["key"]: each["value"] for each in parts} if avro.is_map else parts
        case Primitive(logical="decimal"), bytes():
            return _decimal(int.from_bytes(value, "big", signed=True), avro.scale)
        case Primitive(kind=Kind.INT | Kind.LONG), int() if _is_dated(avro):
            return write_number(avro, value)
        case _, Real():
            return value.number
        case _, bytes():
            return value.hex()
    return value


def _is_dated(avro: Primitive) -> bool:
    return avro.logical == "date" or "timestamp-" in avro.logical


def _decimal(number: int, scale: int) -> str:
    digits = str(abs(number)).rjust(scale + 1, "0")
    whole, places = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return f"{'-' if number < 0 else ''}{whole}{'.' if places else ''}{places}"
