"""Rows in files: JSON Lines, CSV, Avro container and Parquet, as `sharebus publish` takes them.

Dates and times are ISO 8601 text, decimals text, bytes hexadecimal, where a format has no type for
them. In CSV an empty cell is null, arrays are joined by `/`, and records are JSON. A deletion is
`{"$delete": KEY}` in JSON Lines; the other formats have no place for one.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

from producers.simulator.change import Row
from schemas.errors import InvalidInput, Unavailable

DELETE: Final = "$delete"
ARRAY_SEPARATOR: Final = "/"
_BATCH: Final = 10_000


class RowFile(Protocol):
    """A file that takes rows."""

    def write(self, row: Row) -> None:
        """Add a row."""

    def delete(self, key: str) -> None:
        """Say that a row is no more."""

    def close(self) -> None:
        """Write what is left."""


def make_folder(folder: Path) -> None:
    """Make a folder, unless it is there.

    Raises:
        Unavailable: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the folder can't be made: {error.strerror}",
            where=str(folder),
            remedy="Check the path and its permissions",
        ) from error


@contextmanager
def new_row_file(path: Path, kind: str, schema: Mapping[str, Any]) -> Iterator[RowFile]:
    """Make a file of rows; it appears, or takes another's place, only when all are written.

    Args:
        path: of the file.
        kind: `jsonl`, `csv`, `avro` or `parquet`.
        schema: Avro schema of the resource's change events; files carry its items only.

    Raises:
        Unavailable: the disk doesn't take it.
    """
    items = [field for field in schema["fields"] if field["name"] != "envelope"]
    part = path.with_name(f".{path.name}.part")
    try:
        with ExitStack() as cleanup:
            cleanup.callback(part.unlink, missing_ok=True)
            file = _KINDS[kind](part, dict(schema) | {"fields": items})
            cleanup.callback(file.close)
            yield file
            file.close()
            os.replace(part, path)
    except OSError as error:
        raise Unavailable(
            f"the file can't be written: {error.strerror or 'the disk refuses it'}",
            where=str(path),
            remedy="Check its folder, its permissions, and the space that is left",
        ) from error


class _JsonLines:
    def __init__(self, path: Path, schema: Mapping[str, Any]) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="\n")

    def write(self, row: Row) -> None:
        self._stream.write(_as_json(row) + "\n")

    def delete(self, key: str) -> None:
        self._stream.write(_as_json({DELETE: key}) + "\n")

    def close(self) -> None:
        self._stream.close()


class _OnlyRows:
    def delete(self, key: str) -> None:
        raise InvalidInput("only JSON Lines has a place for deletions", remedy="Use --to jsonl")


class _Csv(_OnlyRows):
    def __init__(self, path: Path, schema: Mapping[str, Any]) -> None:
        self._names = [field["name"] for field in schema["fields"]]
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        self._writer.writerow(self._names)

    def write(self, row: Row) -> None:
        self._writer.writerow([_cell(row[name]) for name in self._names])

    def close(self) -> None:
        self._stream.close()


class _Avro(_OnlyRows):
    def __init__(self, path: Path, schema: Mapping[str, Any]) -> None:
        from fastavro.write import Writer

        self._stream = path.open("wb")
        # The container's marker is random by default; the same rows give the same bytes here.
        self._writer = Writer(
            self._stream,
            dict(schema),
            "deflate",
            sync_marker=b"sharebus" * 2,
            options={"strict": True},
        )

    def write(self, row: Row) -> None:
        self._writer.write(row)

    def close(self) -> None:
        if not self._stream.closed:
            self._writer.flush()
            self._stream.close()


class _Parquet(_OnlyRows):
    def __init__(self, path: Path, schema: Mapping[str, Any]) -> None:
        import pyarrow.parquet

        self._arrow = pyarrow
        self._schema = pyarrow.schema([_arrow_field(field) for field in schema["fields"]])
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= _BATCH:
            self._flush()

    def close(self) -> None:
        if self._writer.is_open:
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            table = self._arrow.Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table)
            self._rows = []


_KINDS: Final[Mapping[str, Any]] = {
    "jsonl": _JsonLines,
    "csv": _Csv,
    "avro": _Avro,
    "parquet": _Parquet,
}


def _arrow_field(field: Mapping[str, Any]) -> Any:
    import pyarrow

    avro = field["type"]
    null = isinstance(avro, list)
    inner = next(branch for branch in avro if branch != "null") if null else avro
    return pyarrow.field(field["name"], _arrow_type(inner), nullable=null)


def _arrow_type(avro: Any) -> Any:
    """Return the Arrow type that has the values of an Avro type, unions apart."""
    import pyarrow

    kind = avro if isinstance(avro, str) else avro.get("logicalType", avro["type"])
    match kind:
        case "decimal":
            return pyarrow.decimal128(avro["precision"], avro["scale"])
        case "array":
            return pyarrow.list_(_arrow_type(avro["items"]))
        case "record":
            return pyarrow.struct([_arrow_field(field) for field in avro["fields"]])
        case "fixed":
            return pyarrow.binary(avro["size"])
        case _:
            return {
                "string": pyarrow.string(),
                "enum": pyarrow.string(),
                "int": pyarrow.int32(),
                "long": pyarrow.int64(),
                "double": pyarrow.float64(),
                "date": pyarrow.date32(),
                "timestamp-millis": pyarrow.timestamp("ms", "UTC"),
            }[kind]


def _plain(value: Any) -> str:
    """Return the text of a value that JSON has no type for."""
    if isinstance(value, date):  # and times, which are dates too
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


_as_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case dict():
            return _as_json(value)
        case list():
            return ARRAY_SEPARATOR.join(value)
        case date() | bytes() | Decimal():
            return _plain(value)
        case _:
            return str(value)
