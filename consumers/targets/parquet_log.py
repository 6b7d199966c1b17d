"""A folder of Parquet files with a view's changes, each once; readers see whole files only.

Files are `changes-00000001.parquet` and so on. A file gets its name when it is complete and on the
disk, and holds the position behind it in its metadata (`sharebus.holding`): the newest file says
where to go on, and nothing else has to be kept. What a killed process had not finished is removed.
`.lock` keeps a second process away, which would remove what the first one has not finished yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from consumers.records import Record
from consumers.targets.columns import (
    ENVELOPE,
    OPERATION,
    Column,
    Kind,
    envelope_values,
    item_values,
)
from consumers.targets.file_lock import lock_target
from consumers.targets.port import Holding, read_holding
from schemas.clock import Clock
from schemas.errors import InvalidInput, Unavailable

ROWS: Final = 200_000
AGE: Final = timedelta(minutes=5)
"""A file is finished with so many rows, or so long after its first."""

STILL: Final = timedelta(days=1)
"""So often a view without changes gets an empty file, which says that it was read meanwhile."""

_KEY: Final = b"sharebus.holding"
_NAME: Final = re.compile(r"changes-(\d{8})\.parquet")
_UNFINISHED: Final = "unfinished.tmp"
_TYPES: Final = {
    Kind.TEXT: pa.string(),
    Kind.WHOLE: pa.int64(),
    Kind.REAL: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.LOCAL_TIME: pa.timestamp("us"),
    Kind.JSON: pa.string(),
}


def open_parquet(folder: Path, columns: tuple[Column, ...], clock: Clock) -> ParquetLog:
    """Make the folder when it is not there, and keep others from it.

    Raises:
        AlreadyRunning: another process writes it.
        Unavailable: it can't be made or written.
    """
    with _translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return ParquetLog(folder, columns, clock, lock_target(folder, folder / ".lock"))


class ParquetLog:
    """A target of the port: a folder, file after file.

    Args:
        folder: is there.
        columns: of the items.
        clock: tells a file's age.
        lock: descriptor of the folder's lock; it is closed with the target.
    """

    def __init__(self, folder: Path, columns: tuple[Column, ...], clock: Clock, lock: int) -> None:
        self._folder, self._columns, self._clock = folder, columns, clock
        self._lock = lock
        all_columns = (OPERATION, *ENVELOPE, *columns)
        self._schema = pa.schema([(column.name, _type(column)) for column in all_columns])
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0
        self._number = 0
        self._begun_at = self._written_at = clock()
        self._held: Holding | None = None

    def holding(self) -> Holding | None:
        """Return what the newest file says, and remove what was not finished."""
        with _translated(self._folder):
            (self._folder / _UNFINISHED).unlink(missing_ok=True)
            found = [_NAME.fullmatch(file.name) for file in self._folder.iterdir()]
            numbers = [int(match[1]) for match in found if match]
            if not numbers:
                return None
            self._number = max(numbers)
            file = self._file(self._number)
            metadata = pq.read_metadata(file).metadata or {}
            if _KEY not in metadata:
                raise InvalidInput(
                    "the newest file is not one of a copy's",
                    where=str(file),
                    remedy="Name another folder, new or empty",
                )
            return read_holding(metadata[_KEY], str(file))

    def begin(self, holding: Holding) -> None:
        """Write an empty file, from which the generation goes on."""
        with _translated(self._folder):
            self._write([], holding)
            self._finish_file()

    def store(self, records: Sequence[Record], holding: Holding, *, sweep: bool) -> bool:
        """Add rows to the present file, and finish it when it is large or old enough."""
        with _translated(self._folder):
            still = self._writer is None and self._clock() - self._written_at < STILL
            if not records and not sweep and still:
                return True
            self._write(records, holding)
            if self._rows >= ROWS or self._clock() - self._begun_at >= AGE or not self._rows:
                self._finish_file()
            return self._writer is None

    def finish(self) -> None:
        """Finish the present file."""
        with _translated(self._folder):
            self._finish_file()

    def close(self) -> None:
        """Leave what is not finished, then let others have the folder."""
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            os.close(self._lock)

    def _write(self, records: Sequence[Record], holding: Holding) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._folder / _UNFINISHED, self._schema, compression="zstd"
            )
            self._rows, self._begun_at = 0, self._clock()
        rows = [
            (
                "delete" if record.items is None else "upsert",
                *envelope_values(record, holding.generation),
                *item_values(record, self._columns),
            )
            for record in records
        ]
        if rows:
            arrays = [
                pa.array(values, field.type)
                for values, field in zip(zip(*rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows += len(rows)
        self._held = holding

    def _finish_file(self) -> None:
        if self._writer is None or self._held is None:
            return
        self._writer.add_key_value_metadata({_KEY: self._held.to_json().encode()})
        self._writer.close()
        self._writer = None
        _sync(self._folder / _UNFINISHED)
        self._number += 1
        os.replace(self._folder / _UNFINISHED, self._file(self._number))
        _sync(self._folder)
        self._written_at = self._clock()

    def _file(self, number: int) -> Path:
        return self._folder / f"changes-{number:08d}.parquet"


def _type(column: Column) -> Any:
    if column.kind is Kind.DECIMAL:
        return pa.decimal128(column.precision, column.scale)
    return _TYPES[column.kind]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the folder can't be written or read: {error.strerror or type(error).__name__}",
            where=str(folder),
            remedy="Look at the folder and at free space; then start again: it goes on where it "
            "stopped",
        ) from error
    except pa.ArrowException as error:
        # Its message may quote a value.
        raise InvalidInput(
            "Parquet refuses what was asked", where=f"{folder}, {type(error).__name__}"
        ) from error
