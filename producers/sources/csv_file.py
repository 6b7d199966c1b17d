"""CSV (RFC 4180): a header that names every item; UTF-8 or GB18030.

An empty cell is null where the item may be null; arrays are joined by `/` or written as JSON,
nested records are JSON. A row that can't be read is yielded as an error with its line, so that the
good ones go on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from producers.sources.content import Content, encoding_of
from producers.sources.source import Deletion, Mark, Row, check_names
from producers.sources.values import Converters
from schemas.errors import InvalidInput, InvalidRecord

_LONGEST_CELL = 1_048_576  # more than a record may have


class CsvFile:
    """One CSV file of one resource.

    Raises:
        InvalidInput: the file can't be opened, is empty, or its header is another one.
    """

    unit = "line"

    def __init__(self, file: Path, schema: Mapping[str, Any]) -> None:
        csv.field_size_limit(_LONGEST_CELL)
        self._convert = Converters(schema, from_text=True).by_item
        self._encoding = encoding_of(file)
        self.note = "" if self._encoding == "utf-8" else "read as GB18030, because it is not UTF-8"
        self._content = Content(file)
        self.size = self._content.size
        self._header = self._read_header(file)
        self._columns = [(name, self._convert[name]) for name in self._header]

    @property
    def position(self) -> int:
        """How far reading is, in bytes of the file."""
        return self._content.position

    def rows(self) -> Iterator[tuple[int, Row | Deletion | InvalidRecord]]:
        """Yield line number and items, or what is wrong with the line."""
        before = self._content.number
        reader = csv.reader(self._texts(), strict=True)
        while True:
            begins = before + reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                # Its text names the rule that was broken, and never a cell. The reader goes on
                # with the next line; a quote that is never closed has swallowed the rest.
                self._content.number = before + reader.line_num
                yield begins, InvalidRecord(f"no CSV: {error}")
                continue
            self._content.number = before + reader.line_num
            if row is None:
                return
            if row:
                yield begins, self._items(row)

    def mark(self) -> Mark:
        """Return the mark behind the row that was yielded last."""
        return self._content.mark()

    def go_on(self, mark: Mark) -> bool:
        """Go behind a mark; False if another file stands before it."""
        return self._content.pass_lines(mark)

    def _items(self, row: list[str]) -> Row | InvalidRecord:
        if len(row) != len(self._columns):
            return InvalidRecord(f"{len(row)} columns instead of {len(self._columns)}")
        try:
            return {
                name: convert(text)
                for (name, convert), text in zip(self._columns, row, strict=True)
            }
        except InvalidRecord as error:
            return error

    def _read_header(self, file: Path) -> list[str]:
        reader = csv.reader(self._texts(), strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            raise InvalidInput(f"the header is no CSV: {error}", where=str(file)) from error
        if not header:
            wanted = f"The first line must be: {','.join(self._convert)}"
            raise InvalidInput("the file is empty", where=str(file), remedy=wanted)
        check_names(header, list(self._convert), file, "header")
        self._content.number = reader.line_num
        return header

    def _texts(self) -> Iterator[str]:
        encoding = self._encoding
        for line in self._content.lines():
            # Decoded before: it only fails where the file was changed meanwhile.
            text = line.decode(encoding, "replace")
            yield text.removeprefix("\ufeff") if len(line) == self._content.count else text
