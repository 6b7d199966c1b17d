"""Item checks of a contract: what is wrong, by item and reason, never by value."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from schemas.catalogue import Contract
from schemas.catalogue.checks import ItemCheck
from schemas.errors import InvalidRecord


class ItemChecks:
    """Checks the items of one resource before they are encoded.

    Args:
        contract: gives names and lengths.
        schema: gives enums and what may be null.
    """

    def __init__(self, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._contract = contract
        self._names = {item.name for item in contract.items}
        self._types = {field["name"]: field["type"] for field in schema["fields"]}
        self._integers = {
            name
            for name, avro in self._types.items()
            if {"int", "long"} & {str(t) for t in (avro if isinstance(avro, list) else [avro])}
        }

    def check(self, items: Mapping[str, Any]) -> None:
        """Accept a row, or raise InvalidRecord naming the first bad item and the reason."""
        if items.keys() != self._names:
            wrong = sorted(items.keys() ^ self._names)
            raise InvalidRecord("missing-or-unknown-item", where=", ".join(map(str, wrong)))
        self.check_key(items[self._contract.key])
        for item in self._contract.items:
            value, avro = items[item.name], self._types[item.name]
            if value is None:
                if item.required:
                    raise InvalidRecord("must-not-be-null", where=item.name)
                continue
            if isinstance(value, float) and not isfinite(value):
                raise InvalidRecord("not-a-finite-number", where=item.name)
            if item.name in self._integers and type(value) is not int:
                # The encoder would cut 1.5 down to 1, and take True for 1.
                raise InvalidRecord("not-an-integer", where=item.name)
            if isinstance(avro, dict) and avro["type"] == "enum" and value not in avro["symbols"]:
                raise InvalidRecord(f"not-one-of {'|'.join(avro['symbols'])}", where=item.name)
            for check in item.checks:
                if not _holds(check, value):
                    raise InvalidRecord(check.reason, where=item.name)
        for row_check in self._contract.row_checks:
            if not row_check.check(items):
                raise InvalidRecord(row_check.reason, where=row_check.items[-1])

    def check_key(self, key: object) -> None:
        """Accept a key, or raise InvalidRecord."""
        if not isinstance(key, str) or not key:
            raise InvalidRecord("empty-key", where=self._contract.key)


def _holds(check: ItemCheck, value: Any) -> bool:
    try:
        return check.holds(value)
    except (TypeError, AttributeError, LookupError):
        return False  # of another type than the check is for
