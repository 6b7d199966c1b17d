"""Rows of a CSV file as items of a resource: UTF-8, a header that names every item, `/` in arrays.

A row that can't be read is yielded as an error with its line, so that the good ones go on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from schemas.catalogue import Contract
from schemas.errors import InvalidInput, InvalidRecord

Parse = Callable[[str], Any]
ARRAY_SEPARATOR = "/"


class CsvSource:
    """One CSV file of one resource.

    Raises:
        InvalidInput: the file can't be opened, is empty, or its header is another one.
    """

    def __init__(self, file: Path, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._file = file
        self._parsers = {
            field["name"]: _parser(field["type"])
            for field in schema["fields"]
            if field["name"] != "envelope"
        }
        with self._open() as stream:
            header = self._header(stream)
        self._check_header(header, [item.name for item in contract.items])
        self.size = file.stat().st_size
        self.position = 0

    def rows(self) -> Iterator[tuple[int, dict[str, Any] | InvalidRecord]]:
        """Yield line number and items, or what is wrong with the line; `position` says how far."""
        with self._open() as stream:
            reader = self._reader(stream)
            header: list[str] = next(reader, [])
            while True:
                begins = reader.line_num + 1
                try:
                    row = next(reader, None)
                except csv.Error as error:
                    # Its text names the rule that was broken, and never a cell. The reader goes on
                    # with the next line; a quote that is never closed has swallowed the rest.
                    yield begins, InvalidRecord(f"no CSV: {error}")
                    continue
                if row is None:
                    return
                if row:
                    yield begins, self._parse(header, row)
                self.position = stream.buffer.tell()  # type: ignore[attr-defined]

    def _parse(self, header: list[str], row: list[str]) -> dict[str, Any] | InvalidRecord:
        if len(row) != len(header):
            return InvalidRecord(f"{len(row)} columns instead of {len(header)}")
        items: dict[str, Any] = {}
        for name, text in zip(header, row, strict=True):
            try:
                items[name] = self._parsers[name](text)
            except ValueError:
                return InvalidRecord("not-a-number", where=name)
        return items

    @contextmanager
    def _open(self) -> Iterator[IO[str]]:
        try:
            with self._file.open(encoding="utf-8-sig", newline="") as stream:
                yield stream
        except UnicodeDecodeError as error:
            raise InvalidInput(
                "the file is not UTF-8", where=str(self._file), remedy="Save it as UTF-8"
            ) from error
        except OSError as error:
            raise InvalidInput(
                f"the file can't be read: {error.strerror}",
                where=str(self._file),
                remedy="Check its path and its permissions",
            ) from error

    def _header(self, stream: IO[str]) -> list[str] | None:
        try:
            return next(self._reader(stream), None)
        except csv.Error as error:
            raise InvalidInput(f"the header is no CSV: {error}", where=str(self._file)) from error

    def _reader(self, stream: IO[str]) -> Any:
        return csv.reader(stream, strict=True)

    def _check_header(self, header: list[str] | None, expected: list[str]) -> None:
        wanted = f"The first line must be: {','.join(expected)}"
        if not header:
            raise InvalidInput("the file is empty", where=str(self._file), remedy=wanted)
        if sorted(header) != sorted(expected):
            missing = sorted(set(expected) - set(header))
            surplus = sorted(set(header) - set(expected))
            parts = [
                f"lacks {', '.join(missing)}" if missing else "",
                f"has unknown {', '.join(surplus)}" if surplus else "",
            ]
            problem = " and ".join(part for part in parts if part) or "names a column twice"
            raise InvalidInput(f"the header {problem}", where=str(self._file), remedy=wanted)


def _parser(avro: Any) -> Parse:
    """Return how a cell becomes a value of an Avro type; an empty cell is null where it may be."""
    if isinstance(avro, list):
        inner = _parser(next(branch for branch in avro if branch != "null"))
        return lambda text: inner(text) if text else None
    if isinstance(avro, dict) and avro["type"] == "array":
        inner = _parser(avro["items"])
        return lambda text: [inner(part) for part in text.split(ARRAY_SEPARATOR)] if text else []
    if avro in ("int", "long"):
        return _number(int)
    if avro in ("float", "double"):
        return _number(float)
    return str


def _number(kind: Callable[[str], Any]) -> Parse:
    def parse(text: str) -> Any:
        if "_" in text:  # Python reads 1_000; nobody else does
            raise ValueError
        return kind(text)

    return parse
