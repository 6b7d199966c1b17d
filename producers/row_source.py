"""Writes the function that checks and encodes a row of one contract: items, then the row's checks.

The first bad item is told, and of an item the first reason: null, type, length, then the declared
checks in their order. What a value's type needs is `value_source`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, NoReturn

from producers.encoding import refuse
from producers.value_source import Lines, ValueSource, Written, indented
from schemas.catalogue import Contract, Item
from schemas.catalogue.avro import nullable, type_name, without_null
from schemas.policy.decoding import varint
from schemas.policy.schema_reading import full_name, namespace_of

_FEW: Final = frozenset({"code-list", "division-code"})
"""Checks of items that have some thousands of values in use: what has passed is remembered."""


class RowSource:
    """The text of one function, `write`, and what it calls.

    Attributes:
        text: it.
        scope: the names that it uses.
    """

    def __init__(self, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._contract = contract
        self._types = {field["name"]: field["type"] for field in schema["fields"]}
        names = {item.name for item in contract.items}
        self.scope: dict[str, Any] = {"refuse": refuse, "misfit": lambda row: _misfit(row, names)}
        self._namespace = namespace_of(full_name(schema, ""))
        self._values = ValueSource(self.scope)
        self._values.name("envelope", self._types["envelope"], "envelope", self._namespace)
        self.text = "\n".join(["def write(row):", *indented(self._body())]) + "\n"

    def _body(self) -> Lines:
        items = self._contract.items
        lines = [
            f"if len(row) != {len(items)}: misfit(row)",
            "try:",
            *(f"    v{place} = row[{item.name!r}]" for place, item in enumerate(items)),
            "except KeyError: misfit(row)",
        ]
        pieces: list[str] = []
        for place, item in enumerate(items):
            own, its = self._item(f"v{place}", item)
            lines += own
            pieces += its
        return [*lines, *self._row_checks(), f"return key, b''.join(({', '.join(pieces)},))"]

    def _item(self, value: str, item: Item) -> Written:
        avro = self._types[item.name]
        lines, pieces = self._present(value, item)
        if item.name == self._contract.key:
            empty = f"if {value}.__class__ is not str or not {value}: "
            return [
                f"{empty}refuse('empty-key', {item.name!r})",
                *lines,
                f"key = {pieces[-1]}",
            ], pieces
        if not nullable(avro):
            null = f"if {value} is None: refuse('must-not-be-null', {item.name!r})"
            return [null, *lines], pieces
        null = f"{pieces[0]} = {varint(avro.index('null'))!r}"
        nothing = [f"{piece} = b''" for piece in pieces[1:]]
        return [
            f"if {value} is None: {'; '.join([null, *nothing])}",
            "else:",
            *indented(lines),
        ], pieces

    def _present(self, value: str, item: Item) -> Written:
        """Write what is done with a value that is not null."""
        avro = self._types[item.name]
        inner = without_null(avro)
        head = varint(avro.index(inner)) if inner is not avro and inner in avro else b""
        kind, checks = type_name(inner), list(item.checks)
        if kind == "string":
            bounds = next((check for check in checks if check.kind == "length"), None)
            least, most, reason = 0, item.length, f"longer-than-{item.length}"
            if bounds is not None:
                checks.remove(bounds)
                (least, most), reason = map(int, bounds.arguments), bounds.reason
            lines, pieces = self._values.text(value, item.name, head, (least, most, reason))
        elif kind == "enum":
            lines, pieces = self._values.enum(value, item.name, head, inner, self._namespace)
        else:
            # A union of several types writes its index itself.
            typed = inner if head else avro
            lines, pieces = self._values.write(value, item.name, head, typed, self._namespace)
        for number, check in enumerate(checks):
            self.scope[f"{value}_holds{number}"] = check.holds
            lines.append(f"if not {value}_holds{number}({value}):")
            lines.append(f"    refuse({check.reason!r}, {item.name!r})")
        if kind == "date":
            return self._values.remembered(value, date, (lines, pieces))
        if item.name != self._contract.key and any(check.kind in _FEW for check in checks):
            return self._values.remembered(value, str, (lines, pieces))
        return lines, pieces

    def _row_checks(self) -> Lines:
        lines = []
        places = {item.name: place for place, item in enumerate(self._contract.items)}
        for number, check in enumerate(self._contract.row_checks):
            self.scope[f"row_holds{number}"] = check.holds
            present = [f"v{places[it]} is not None" for it in check.items if self._may_be_null(it)]
            values = ", ".join(f"v{places[name]}" for name in check.items)
            condition = " and ".join([*present, f"not row_holds{number}({values})"])
            lines.append(f"if {condition}:")
            lines.append(f"    refuse({check.reason!r}, {check.items[-1]!r})")
        return lines

    def _may_be_null(self, item: str) -> bool:
        return nullable(self._types[item])


def _misfit(row: Mapping[str, Any], names: set[str]) -> NoReturn:
    wrong = sorted(map(str, row.keys() ^ names))
    refuse("missing-or-unknown-item", ", ".join(wrong))
