"""JSON Lines: an object of all items a line; `{"$delete": "<key>"}` says that a row is no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from producers.sources.content import Content, encoding_of
from producers.sources.source import Deletion, Mark, Row
from producers.sources.values import Converters, read_object
from schemas.errors import InvalidInput, InvalidRecord

DELETE: Final = "$delete"


class JsonLinesFile:
    """One JSON Lines file of one resource.

    Raises:
        InvalidInput: the file can't be opened, is empty, or doesn't begin with an object.
    """

    unit = "line"

    def __init__(self, file: Path, schema: Mapping[str, Any]) -> None:
        self._convert = Converters(schema, from_text=False).by_item
        self._encoding = encoding_of(file)
        self.note = "" if self._encoding == "utf-8" else "read as GB18030, because it is not UTF-8"
        self._check_begin(file)
        self._content = Content(file)
        self.size = self._content.size

    @property
    def position(self) -> int:
        """How far reading is, in bytes of the file."""
        return self._content.position

    def rows(self) -> Iterator[tuple[int, Row | Deletion | InvalidRecord]]:
        """Yield line number and items or key, or what is wrong with the line."""
        for line in self._content.lines():
            self._content.number += 1
            text = line.decode(self._encoding, "replace").removeprefix("\ufeff").strip()
            if text:
                yield self._content.number, self._row(text)

    def mark(self) -> Mark:
        """Return the mark behind the row that was yielded last."""
        return self._content.mark()

    def go_on(self, mark: Mark) -> bool:
        """Go behind a mark; False if another file stands before it."""
        return self._content.pass_lines(mark)

    def _row(self, text: str) -> Row | Deletion | InvalidRecord:
        try:
            value = read_object(text)
            if not isinstance(value, dict):
                return InvalidRecord("no-json-object")
            if value.keys() == {DELETE}:
                key = value[DELETE]
                return Deletion(key) if isinstance(key, str) else InvalidRecord("no-key")
            if value.keys() != self._convert.keys():
                # Names nobody knows may be values: only those of items are told.
                missing = ", ".join(name for name in self._convert if name not in value)
                return InvalidRecord("missing-or-unknown-item", where=missing)
            return {name: self._convert[name](part) for name, part in value.items()}
        except InvalidRecord as error:
            return error

    def _check_begin(self, file: Path) -> None:
        content = Content(file)
        try:
            begin = next((line for line in content.lines() if line.strip()), b"")
        finally:
            content.close()
        if not begin.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            problem = "the file is no JSON Lines" if begin else "the file is empty"
            example = ", ".join(f'"{name}": …' for name in self._convert)
            raise InvalidInput(
                problem, where=str(file), remedy=f"Each line is an object: {{{example}}}"
            )
