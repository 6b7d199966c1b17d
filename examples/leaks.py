"""Looks for values of persons in texts where none may be.

Every value is looked for, also as part of a longer text, and also where the text has it escaped
(JSON's and Python's escapes, percent signs). A date is looked for in its usual spellings:
1990-03-07, 19900307, and as Python shows it.

What can't tell a person, or stands in such texts for another reason, is left out:

- what is shorter than six bytes: codes of sex, ethnicity and relation; a name has six or more;
- numbers of six digits: divisions, which policies and requests name;
- the words of the list of sexes;
- what stood there before the first record came (`leave_out`): a law may be called as somebody is,
  and whoever was born on the day of a log has it in each line.

A number of 7 to 12 digits counts only where no digit stands before or behind it: a clock reading of
sixteen digits would else hold somebody's birthday every now and then.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import unquote_to_bytes

SHORTEST: Final = 6
"""In bytes: two Chinese characters. Each value is found by its first six."""
LONGEST_CODE: Final = 6
LONGEST_ALONE: Final = 12
_WORDS: Final = frozenset({"female", "unknown", "unspecified"})
_ESCAPED: Final = re.compile(rb"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Leak:
    """A value that was found. The value itself is not shown."""

    place: str
    at: int


class Values:
    """Values that must not be found."""

    def __init__(self) -> None:
        self._alone: dict[bytes, bool] = {}
        self._lengths: dict[bytes, set[int]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._alone)

    def add(self, value: Any) -> None:
        """Add a row, or what one holds, nested values too."""
        if isinstance(value, Mapping):
            for part in value.values():
                self.add(part)
        elif isinstance(value, (list, tuple)):
            for part in value:
                self.add(part)
        elif isinstance(value, date):
            shown = f"date({value.year}, {value.month}, {value.day})"
            for text in (value.isoformat(), f"{value:%Y%m%d}", shown):
                self._add(text)
        elif isinstance(value, str) and value not in _WORDS:
            self._add(value)

    def _add(self, text: str) -> None:
        content = text.encode()
        if len(content) < SHORTEST or (content.isdigit() and len(content) <= LONGEST_CODE):
            return
        self._alone[content] = content.isdigit() and len(content) <= LONGEST_ALONE
        self._lengths[content[:SHORTEST]].add(len(content))

    def leave_out(self, content: bytes) -> None:
        """Look no more for what stands in a text that is older than every record."""
        for text in _readings(content):
            for start, end in list(self._places(text)):
                self._alone.pop(text[start:end], None)

    def search(self, place: str, content: bytes) -> list[Leak]:
        """Return where the content holds a value; counted in bytes, escapes undone."""
        return [Leak(place, at) for text in _readings(content) for at, _ in self._places(text)]

    def _places(self, text: bytes) -> Iterator[tuple[int, int]]:
        lengths, alone = self._lengths, self._alone
        for at in range(len(text) - SHORTEST + 1):
            beginning = text[at : at + SHORTEST]
            if beginning in lengths:
                for end in (at + length for length in lengths[beginning]):
                    found = alone.get(text[at:end]) if end <= len(text) else None
                    if found is False or (found and _is_alone(text, at, end)):
                        yield at, end


def _is_alone(text: bytes, start: int, end: int) -> bool:
    return not (text[max(0, start - 1) : start].isdigit() or text[end : end + 1].isdigit())


def _readings(content: bytes) -> Iterable[bytes]:
    """Yield a text as it stands, and once more for each way of escaping that it may have."""
    yield content
    if b"\\u" in content or b"\\x" in content:
        yield _ESCAPED.sub(_unescaped, content)
    if b"%" in content:
        yield unquote_to_bytes(content)


def _unescaped(found: re.Match[bytes]) -> bytes:
    escaped = found[0].decode()
    if escaped[1] == "x":
        return bytes.fromhex(escaped[2:])
    # JSON joins the two halves of a character beyond the first 65,536.
    text: str = json.loads(f'"{escaped}"')
    return text.encode("utf-8", "replace")
