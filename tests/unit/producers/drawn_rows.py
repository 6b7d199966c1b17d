"""Values that fit an Avro type, drawn."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from schemas.catalogue.avro import type_name

FIRST = datetime(1970, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone


def values(avro: Any, names: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Draw Python values of an Avro type."""
    if isinstance(avro, list):
        return st.one_of([values(branch, names) for branch in avro])
    kind = type_name(avro)
    if isinstance(avro, dict) and "name" in avro:
        names[avro["name"]] = avro
    match kind:
        case "null":
            return st.none()
        case "string":
            return st.text(max_size=8)
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case "long":
            return st.integers(-(2**63), 2**63 - 1)
        case "double":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "date":
            return st.dates()
        case "timestamp-millis":
            times = st.datetimes(min_value=FIRST, timezones=st.just(UTC))
            return times.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
        case "decimal":
            most = 10 ** avro["precision"] - 1
            whole = st.integers(-most, most)
            return whole.map(lambda digits: Decimal(digits).scaleb(-avro["scale"]))
        case "enum":
            return st.sampled_from(avro["symbols"])
        case "fixed":
            return st.binary(min_size=avro["size"], max_size=avro["size"])
        case "array":
            return st.lists(values(avro["items"], names), max_size=3)
        case "record":
            fields = {f["name"]: values(f["type"], names) for f in avro["fields"]}
            return st.fixed_dictionaries(fields)
    raise AssertionError(kind)
