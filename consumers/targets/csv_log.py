"""A CSV file that a view's changes are appended to, each once.

RFC 4180, UTF-8. As in PostgreSQL's CSV, an empty field is null and `""` is an empty text; times are
ISO 8601, bytes base64, arrays and records JSON. Position and size stand in `FILE.position` beside
the file: what a killed process wrote behind that size is cut off, and is read again. Whoever reads
the file meanwhile may see the last rows come twice; whoever reads it afterwards doesn't. A second
process, which would cut off what the first one is writing, is kept away by `FILE.lock`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from consumers.records import Record
from consumers.targets.columns import (
    ENVELOPE,
    OPERATION,
    Column,
    as_text,
    envelope_values,
    item_values,
)
from consumers.targets.file_lock import lock_target
from consumers.targets.port import Holding, read_holding
from infra.home import write_private
from schemas.errors import InvalidInput, Unavailable


def open_csv(file: Path, columns: tuple[Column, ...]) -> CsvLog:
    """Keep others from the file; it is made with its header when the copy begins.

    Raises:
        AlreadyRunning: another process writes it.
        Unavailable: its folder can't be written.
    """
    return CsvLog(file, columns, lock_target(file, file.with_name(file.name + ".lock")))


class CsvLog:
    """A target of the port: a file that grows, and its position beside it.

    Args:
        file: is made with its header when it is not there.
        columns: of the items.
        lock: descriptor of the file's lock; it is closed with the target.
    """

    def __init__(self, file: Path, columns: tuple[Column, ...], lock: int) -> None:
        self._file, self._columns, self._lock = file, columns, lock
        self._position = file.with_name(file.name + ".position")
        self._stream: BinaryIO | None = None

    def holding(self) -> Holding | None:
        """Return the position, and cut off what was written behind it."""
        with _translated(self._file):
            if not self._position.exists():
                if self._file.exists() and self._file.stat().st_size:
                    raise InvalidInput(
                        "the file holds something, and there is no position beside it",
                        where=str(self._file),
                        remedy="Give another file",
                    )
                return None
            document = _read(self._position)
            held = read_holding(json.dumps(document["holding"]), str(self._position))
            size = int(document["size"])
            if not self._file.exists() or self._file.stat().st_size < size:
                raise InvalidInput(
                    "the file is shorter than its position says",
                    where=str(self._file),
                    remedy=f"Restore it, or remove {self._position} as well and begin anew",
                )
            self._open().truncate(size)
            self._open().seek(0, os.SEEK_END)
            return held

    def begin(self, holding: Holding) -> None:
        """Write the header into a new file; a later generation just goes on."""
        with _translated(self._file):
            stream = self._open()
            if not stream.tell():
                names = [column.name for column in (OPERATION, *ENVELOPE, *self._columns)]
                stream.write(_line(names))
            self._save(holding)

    def store(self, records: Sequence[Record], holding: Holding, *, sweep: bool) -> bool:
        """Append a row a record, then move the position."""
        rows = [
            _line(
                [
                    "delete" if record.items is None else "upsert",
                    *envelope_values(record, holding.generation),
                    *item_values(record, self._columns),
                ]
            )
            for record in records
        ]
        with _translated(self._file):
            self._open().writelines(rows)
            self._save(holding)
        return True

    def finish(self) -> None:
        """Everything taken is durable already."""

    def close(self) -> None:
        """Close the file, then let others have it."""
        try:
            if self._stream is not None:
                self._stream.close()
        finally:
            os.close(self._lock)

    def _open(self) -> BinaryIO:
        if self._stream is None:
            self._stream = self._file.open("ab")
        return self._stream

    def _save(self, holding: Holding) -> None:
        stream = self._open()
        stream.flush()
        os.fsync(stream.fileno())
        document = {"size": stream.tell(), "holding": json.loads(holding.to_json())}
        write_private(self._position, json.dumps(document) + "\n")


def _read(file: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return {"holding": document["holding"], "size": document["size"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            "the stored position can't be read",
            where=str(file),
            remedy="Give another file: it is filled from the start",
        ) from error


def _line(values: Iterable[Any]) -> bytes:
    # The csv module can't tell a null from an empty text before Python 3.12.
    return (",".join(_field(value) for value in values) + "\r\n").encode()


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return as_text(value)


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"the file can't be written: {error.strerror}",
            where=str(file),
            remedy="Look at its folder and at free space; then start again: it goes on where it "
            "stopped",
        ) from error
