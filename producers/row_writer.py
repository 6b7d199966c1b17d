"""Checks and encodes the rows of one resource, by a function that is written for its contract.

Interpreting contract and schema for every row costs more than the work itself, so both are
compiled once into a Python function: straight code, an item after the other, that checks (R13) and
encodes. `source` shows what was written. Flat texts, enums and dates are written inline; other
types are `encoding`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, NoReturn

from producers.encoding import LENGTHS, Encoders, encode_date, refuse, text_bytes
from schemas.catalogue import Contract, Item
from schemas.catalogue.avro import nullable, type_name, without_null
from schemas.policy.decoding import varint
from schemas.policy.schema_reading import full_name, namespace_of

WriteRow = Callable[[Mapping[str, Any]], bytes]
_LONGEST_INLINE: Final = len(LENGTHS) // 4 - 1
"""Characters of a text whose UTF-8 surely finds its length in the table."""


class RowWriter:
    """Writes rows of one resource.

    Args:
        contract: names, checks and key.
        schema: the Avro schema of the change events; the envelope is left to others.

    Attributes:
        write: takes a value for every item of the contract, returns their Avro encoding, or raises
            InvalidRecord naming the first bad item and the reason.
        source: the function's text.
    """

    def __init__(self, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._key = contract.key
        self._writing = _Writing(contract, schema)
        self.source = self._writing.text()
        scope = self._writing.scope
        # The text is ours: names come from the contract as literals, and nothing else of it.
        exec(compile(self.source, f"<rows of {contract.resource}>", "exec"), scope)  # noqa: S102
        self.write: WriteRow = scope["write"]

    def check_key(self, key: object) -> None:
        """Accept a key, or raise InvalidRecord."""
        if not isinstance(key, str) or not key:
            refuse("empty-key", self._key)


class _Writing:
    def __init__(self, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._contract = contract
        self._types = {field["name"]: field["type"] for field in schema["fields"]}
        self._namespace = namespace_of(full_name(schema, ""))
        self._encoders = Encoders()
        self._encoders.of(self._types["envelope"], "envelope", self._namespace)
        self._lines: list[str] = []
        names = {item.name for item in contract.items}
        self.scope: dict[str, Any] = {
            "refuse": refuse,
            "misfit": lambda row: _misfit(row, names),
            "date": date,
            "day": lru_cache(100_000)(encode_date),
            "LENGTHS": LENGTHS,
            "text": text_bytes,
        }

    def text(self) -> str:
        items = self._contract.items
        self._add(0, "def write(row):")
        self._add(1, f"if len(row) != {len(items)}: misfit(row)")
        self._add(1, "try:")
        for place, item in enumerate(items):
            self._add(2, f"v{place} = row[{item.name!r}]")
        self._add(1, "except KeyError:")
        self._add(2, "misfit(row)")
        for place, item in enumerate(items):
            self._item(place, item)
        for number, check in enumerate(self._contract.row_checks):
            self.scope[f"row_check{number}"] = check.holds
            names = [item.name for item in items]
            values = [f"v{names.index(name)}" for name in check.items]
            present = " and ".join(f"{value} is not None" for value in values)
            self._add(1, f"if {present} and not row_check{number}({', '.join(values)}):")
            self._add(2, f"refuse({check.reason!r}, {check.items[-1]!r})")
        self._add(1, f"return b''.join(({', '.join(f'h{i}, p{i}' for i in range(len(items)))}))")
        return "\n".join(self._lines) + "\n"

    def _add(self, depth: int, line: str) -> None:
        self._lines.append("    " * depth + line)

    def _item(self, place: int, item: Item) -> None:
        avro = self._types[item.name]
        value = f"v{place}"
        if item.name == self._contract.key:
            self._add(1, f"if {value}.__class__ is not str or not {value}:")
            self._add(2, f"refuse('empty-key', {item.name!r})")
        if nullable(avro):
            null = varint(avro.index("null"))
            self._add(1, f"if {value} is None:")
            self._add(2, f"h{place} = {null!r}; p{place} = b''")
            self._add(1, "else:")
            self._value(2, place, item, avro)
        else:
            self._add(1, f"if {value} is None: refuse('must-not-be-null', {item.name!r})")
            self._value(1, place, item, avro)

    def _value(self, depth: int, place: int, item: Item, avro: Any) -> None:
        inner = without_null(avro)
        head = varint(avro.index(inner)) if inner is not avro and inner in avro else b""
        kind = type_name(inner)
        if kind == "string" and item.length <= _LONGEST_INLINE:
            self._text(depth, place, item, head)
        elif kind == "date":
            self._add(depth, f"if v{place}.__class__ is not date:")
            self._add(depth + 1, f"refuse('not-a-date', {item.name!r})")
            self._add(depth, f"h{place} = {head!r}; p{place} = day(v{place})")
        elif kind == "enum":
            self._enum(depth, place, item, inner, head)
        else:
            # A union of several types writes its index itself.
            encode = avro if inner not in (avro if isinstance(avro, list) else [avro]) else inner
            self.scope[f"encode{place}"] = self._encoders.of(encode, item.name, self._namespace)
            self._add(depth, f"h{place} = {head!r}; p{place} = encode{place}(v{place})")
        self._checks(depth, place, item)

    def _text(self, depth: int, place: int, item: Item, head: bytes) -> None:
        value = f"v{place}"
        self._add(depth, f"if {value}.__class__ is not str: refuse('not-a-text', {item.name!r})")
        bounds = next((check for check in item.checks if check.kind == "length"), None)
        least, most = bounds.arguments if bounds else ("0", str(item.length))
        reason = bounds.reason if bounds else f"longer-than-{item.length}"
        self._add(depth, f"if not {least} <= len({value}) <= {most}:")
        self._add(depth + 1, f"refuse({reason!r}, {item.name!r})")
        self._add(depth, "try:")
        self._add(depth + 1, f"p{place} = {value}.encode()")
        self._add(depth, "except UnicodeEncodeError:")
        self._add(depth + 1, f"refuse('not-unicode', {item.name!r})")
        length = f"LENGTHS[len(p{place})]"
        self._add(depth, f"h{place} = {f'{head!r} + {length}' if head else length}")

    def _enum(
        self, depth: int, place: int, item: Item, avro: Mapping[str, Any], head: bytes
    ) -> None:
        self._encoders.of(avro, item.name, self._namespace)  # so that later references find it
        symbols = avro["symbols"]
        self.scope[f"symbols{place}"] = {s: varint(i) for i, s in enumerate(symbols)}
        reason = f"not-one-of {'|'.join(symbols)}"
        self._add(depth, f"h{place} = {head!r}")
        self._add(depth, f"try: p{place} = symbols{place}[v{place}]")
        self._add(depth, f"except (KeyError, TypeError): refuse({reason!r}, {item.name!r})")

    def _checks(self, depth: int, place: int, item: Item) -> None:
        is_text = type_name(without_null(self._types[item.name])) == "string"
        for number, check in enumerate(item.checks):
            if check.kind == "length" and is_text and item.length <= _LONGEST_INLINE:
                continue
            self.scope[f"check{place}_{number}"] = check.holds
            self._add(depth, f"if not check{place}_{number}(v{place}):")
            self._add(depth + 1, f"refuse({check.reason!r}, {item.name!r})")


def _misfit(row: Mapping[str, Any], names: set[str]) -> NoReturn:
    wrong = sorted(map(str, row.keys() ^ names))
    refuse("missing-or-unknown-item", ", ".join(wrong))
