"""Writes the lines that check and encode one value: texts, enums and records; the rest by a call.

Each method gives the lines and the names of the pieces of bytes that they make. `encoding` is the
law: what it takes is written alike, what it refuses is refused for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from producers.encoding import LENGTHS, Encoders, lengths_behind
from schemas.catalogue.avro import type_name
from schemas.policy.decoding import varint
from schemas.policy.schema_reading import full_name, namespace_of

Lines = list[str]
Written = tuple[Lines, list[str]]
Bounds = tuple[int, int, str]
"""Of a text: least and most characters, and the reason of one that is shorter or longer."""

KNOWN: Final = 65_536
"""Values of an item that are remembered at most; a century has 36,525 days."""


def indented(lines: Iterable[str]) -> Lines:
    """Return lines one level deeper."""
    return [f"    {line}" for line in lines]


class ValueSource:
    """Writes lines for the values of one schema.

    Args:
        scope: gets the names that the lines use.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self._scope = scope
        self._encoders = Encoders()
        scope.update(date=date, varint=varint)

    def name(self, value: str, avro: Any, where: str, namespace: str) -> None:
        """Give a type's encoder a name in the scope; what it defines can be referred to then."""
        self._scope[f"encode_{value}"] = self._encoders.of(avro, where, namespace)

    def write(self, value: str, where: str, head: bytes, avro: Any, namespace: str) -> Written:
        """Write a value of any type behind a head, such as a union's index."""
        kind = type_name(avro)
        if kind == "string":
            return self.text(value, where, head)
        self.name(value, avro, where, namespace)
        if kind == "record" and avro["fields"]:
            return self._record(value, where, head, avro, namespace)
        encoded = f"encode_{value}({value})"
        piece = f"{value}_bytes"
        return [f"{piece} = {f'{head!r} + {encoded}' if head else encoded}"], [piece]

    def text(self, value: str, where: str, head: bytes, bounds: Bounds | None = None) -> Written:
        """Write a text's length and UTF-8."""
        length, text, lengths = f"{value}_length", f"{value}_text", f"lengths_{head.hex()}"
        self._scope[lengths] = lengths_behind(head)
        lines = [f"if {value}.__class__ is not str: refuse('not-a-text', {where!r})"]
        found = f"{lengths}[len({text})]"
        if bounds is not None:
            least, most, reason = bounds
            lines.append(f"if not {least} <= len({value}) <= {most}: refuse({reason!r}, {where!r})")
        if bounds is None or 4 * bounds[1] >= len(LENGTHS):
            found += f" if len({text}) < {len(LENGTHS)} else {head!r} + varint(len({text}))"
        return [
            *lines,
            f"try: {text} = {value}.encode()",
            f"except UnicodeEncodeError: refuse('not-unicode', {where!r})",
            f"{length} = {found}",
        ], [length, text]

    def enum(
        self, value: str, where: str, head: bytes, avro: Mapping[str, Any], namespace: str
    ) -> Written:
        """Write an enum's symbol; a StrEnum's member is one, too."""
        self.name(value, avro, where, namespace)
        symbols = avro["symbols"]
        self._scope[f"symbols_{value}"] = {s: head + varint(i) for i, s in enumerate(symbols)}
        reason = f"not-one-of {'|'.join(symbols)}"
        return [
            f"try: {value}_symbol = symbols_{value}[{value}]",
            f"except (KeyError, TypeError): refuse({reason!r}, {where!r})",
        ], [f"{value}_symbol"]

    def remembered(self, value: str, of: type, written: Written) -> Written:
        """Write the look-up of a value of one class in front of its lines, which it then skips."""
        lines, pieces = written
        piece, known = f"{value}_bytes", f"known_{value}"
        self._scope[known] = {}
        joined = [] if pieces == [piece] else [f"{piece} = {' + '.join(pieces)}"]
        return [
            f"{piece} = {known}.get({value}) if {value}.__class__ is {of.__name__} else None",
            f"if {piece} is None:",
            *indented([*lines, *joined]),
            f"    if len({known}) < {KNOWN}: {known}[{value}] = {piece}",
        ], [piece]

    def _record(
        self, value: str, where: str, head: bytes, avro: Mapping[str, Any], namespace: str
    ) -> Written:
        fields = avro["fields"]
        within = namespace_of(full_name(avro, namespace))
        # The record's own encoder refuses what is none, and takes other mappings than dicts.
        parts = [(f"{value}_{place}", field) for place, field in enumerate(fields)]
        lines = [
            f"if {value}.__class__ is not dict or len({value}) != {len(fields)}:",
            f"    encode_{value}({value})",
            "try:",
            *(f"    {part} = {value}[{field['name']!r}]" for part, field in parts),
            "except KeyError:",
            f"    encode_{value}({value})",
        ]
        pieces = [f"{value}_head"] if head else []
        lines += [f"{piece} = {head!r}" for piece in pieces]
        for part, field in parts:
            own, its = self.write(part, f"{where}.{field['name']}", b"", field["type"], within)
            lines += own
            pieces += its
        return lines, pieces
