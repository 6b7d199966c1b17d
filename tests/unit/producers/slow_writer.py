"""What the compiled row writer must do, item by item: its law, slow and plain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from producers.encoding import Encoders, refuse
from schemas.catalogue import Contract, Item
from schemas.catalogue.avro import nullable, type_name, without_null
from schemas.policy.schema_reading import full_name, namespace_of


def write_slowly(contract: Contract, schema: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
    """Return a row's encoding, or refuse its first bad item for the first reason."""
    names = {item.name for item in contract.items}
    if row.keys() != names:
        refuse("missing-or-unknown-item", ", ".join(sorted(row.keys() ^ names)))
    types = {field["name"]: field["type"] for field in schema["fields"]}
    encoders, namespace = Encoders(), namespace_of(full_name(schema, ""))
    encoders.of(types["envelope"], "envelope", namespace)
    written = b""
    for item in contract.items:
        value = row[item.name]
        encode = encoders.of(types[item.name], item.name, namespace)
        if item.name == contract.key and (type(value) is not str or not value):
            refuse("empty-key", item.name)
        if value is None and not nullable(types[item.name]):
            refuse("must-not-be-null", item.name)
        if value is not None:
            _hold(item, type_name(without_null(types[item.name])), value)
        written += encode(value)
        if value is not None:
            _check(item, value)
    for check in contract.row_checks:
        if not check.check(row):
            refuse(check.reason, check.items[-1])
    return written


def _hold(item: Item, kind: str, value: Any) -> None:
    """Hold a text to its length before its encoding, which may be long."""
    if kind == "string" and type(value) is str:
        for check in item.checks:
            if check.kind == "length" and not check.holds(value):
                refuse(check.reason, item.name)


def _check(item: Item, value: Any) -> None:
    for check in item.checks:
        if not check.holds(value):
            refuse(check.reason, item.name)
