"""Finds the format of a file by its name, and opens it as a source of a resource's rows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from producers.sources.content import explained
from producers.sources.source import Source
from schemas.errors import InvalidInput


class Format(StrEnum):
    """What a file may be."""

    CSV = "csv"
    JSONL = "jsonl"
    AVRO = "avro"
    PARQUET = "parquet"


_SUFFIXES = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".avro": Format.AVRO,
    ".parquet": Format.PARQUET,
}


def format_of(file: Path) -> Format:
    """Return the format that a file's name says; `.gz` behind it is passed over.

    Raises:
        InvalidInput: it says none.
    """
    name = file.name.lower().removesuffix(".gz")
    found = _SUFFIXES.get(Path(name).suffix)
    if found is None:
        raise InvalidInput(
            "the file's name does not say its format",
            where=str(file),
            remedy=f"Say it with --format, one of: {', '.join(Format)}",
        )
    return found


def check_file(file: Path, form: Format | None = None) -> Format:
    """Return a file's format, having seen that it can be opened.

    Raises:
        InvalidInput: the file is missing, no file or unreadable, or its name says no format.
    """
    if file.is_dir():
        raise InvalidInput(
            "the file can't be read: it is a folder", where=str(file), remedy="Name one file"
        )
    with explained(file), file.open("rb"):
        return form or format_of(file)


def open_source(file: Path, schema: Mapping[str, Any], form: Format | None = None) -> Source:
    """Open a file as a source; the format is its name's if left out.

    Raises:
        InvalidInput: the file is missing, no file, unreadable, empty, or of another format.
    """
    form = check_file(file, form)
    if form is Format.CSV:
        from producers.sources.csv_file import CsvFile

        return CsvFile(file, schema)
    if form is Format.JSONL:
        from producers.sources.json_lines import JsonLinesFile

        return JsonLinesFile(file, schema)
    if form is Format.AVRO:
        from producers.sources.avro_container import AvroContainer

        return AvroContainer(file, schema)
    from producers.sources.parquet_file import ParquetFile

    return ParquetFile(file, schema)
