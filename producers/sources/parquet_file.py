"""Parquet: a column an item, streamed row group by row group; any row may be gone on from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from producers.sources.content import explained
from producers.sources.source import Deletion, Mark, Row, check_names
from producers.sources.values import Converters
from schemas.errors import InvalidInput, InvalidRecord

_BATCH: Final = 2048


class ParquetFile:
    """One Parquet file of one resource; whatever is written anew is another file.

    Raises:
        InvalidInput: the file can't be opened, is no Parquet, or its columns are others.
    """

    unit = "row"
    note = ""

    def __init__(self, file: Path, schema: Mapping[str, Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._convert = Converters(schema, from_text=False).by_item
        self._file = file
        with explained(file), file.open("rb") as stream:
            self._digest = hashlib.file_digest(stream, "sha256").hexdigest()
            self._bytes = file.stat().st_size
        if not self._bytes:
            raise InvalidInput("the file is empty", where=str(file))
        try:
            self._parquet = pq.ParquetFile(file, memory_map=False, buffer_size=1 << 20)
            names = [name for name in self._parquet.schema_arrow.names if name != "envelope"]
        except (pa.ArrowException, ValueError, OSError) as error:
            raise self._damaged("the file is no Parquet") from error
        check_names(names, list(self._convert), file, "schema")
        self.size = self._parquet.metadata.num_rows
        self._done = 0

    @property
    def position(self) -> int:
        """How many rows were read."""
        return self._done

    def rows(self) -> Iterator[tuple[int, Row | Deletion | InvalidRecord]]:
        """Yield row number and items, or what is wrong with the row."""
        first = 0
        for group in range(self._parquet.num_row_groups):
            count = self._parquet.metadata.row_group(group).num_rows
            if first + count > self._done:
                yield from self._group(group, first)
            first += count

    def mark(self) -> Mark:
        """Return the mark behind the row that was yielded last."""
        return Mark(self._bytes, self._done, self._digest)

    def go_on(self, mark: Mark) -> bool:
        """Go behind a mark; False if another file has it."""
        self._done = mark.number
        return self.mark() == mark and self._done <= self.size

    def _group(self, group: int, number: int) -> Iterator[tuple[int, Row | InvalidRecord]]:
        import pyarrow as pa

        batches = self._parquet.iter_batches(
            _BATCH, row_groups=[group], columns=list(self._convert)
        )
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                rows = self._plain(batch)
            except (pa.ArrowException, ValueError, OSError) as error:
                raise self._damaged(f"the file is damaged in row group {group + 1}") from error
            for row in rows:
                number += 1
                if number > self._done:
                    self._done = number
                    yield number, self._items(row)

    def _items(self, row: dict[str, Any]) -> Row | InvalidRecord:
        try:
            return {name: convert(row[name]) for name, convert in self._convert.items()}
        except InvalidRecord as error:
            return error

    def _plain(self, batch: Any) -> list[dict[str, Any]]:
        """Return rows of Python values; nanoseconds become microseconds, where nothing is lost."""
        import pyarrow as pa

        for place, field in enumerate(batch.schema):
            if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
                micros = pa.timestamp("us", field.type.tz)
                column = batch.column(place).cast(micros, safe=False)
                if not column.cast(field.type).equals(batch.column(place)):
                    raise self._damaged(f"{field.name} has times finer than a microsecond")
                batch = batch.set_column(place, field.name, column)
        found: list[dict[str, Any]] = batch.to_pylist()
        return found

    def _damaged(self, problem: str) -> InvalidInput:
        packed = self._file.suffix.lower() == ".gz"
        remedy = "Unpack it: Parquet is compressed within" if packed else "Write the file anew"
        return InvalidInput(problem, where=str(self._file), remedy=remedy)
