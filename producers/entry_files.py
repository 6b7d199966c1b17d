"""Reads catalogue entries from files: an ODCS document in YAML, its Avro schema beside it.

What comes with the project is found by its id. An entry is only read here; whether it may be
published is the ledger's to say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from schemas.catalogue import Contract, packaged_resource, parse_contract
from schemas.catalogue.packaged import packaged_document
from schemas.errors import InvalidInput
from schemas.strict_json import read_json

EXAMPLES = "An entry is an ODCS v3.1 document in YAML; schemas/resources/ has five to learn from"


def find_document(entry: str) -> tuple[Any, str]:
    """Return an entry's document and where it lies: a file, or one that comes with the project.

    Raises:
        InvalidInput: the file can't be read, or is no YAML.
        UnknownName: it is no file, and nothing of that name comes with the project.
    """
    file = Path(entry)
    if file.suffix not in (".yaml", ".yml", ".json") and not file.exists():
        return packaged_document(entry)
    return _document(file), str(file)


def read_entry(resource: str, file: Path | None) -> tuple[Contract, dict[str, Any]]:
    """Return contract and schema of what is going to be published.

    Args:
        resource: its id.
        file: with the contract, which names its schema's file beside it; without one, what comes
            with the project.

    Raises:
        UnknownName: nothing of that name comes with the project.
        InvalidInput: a file can't be read, or the entry is another resource's.
        InvalidContract: it breaks the rules of an entry.
    """
    if file is None:
        return packaged_resource(resource)
    contract = parse_contract(_as_json(_document(file), file), str(file))
    if contract.resource != resource:
        raise InvalidInput(
            f"the entry is of {contract.resource}, not of {resource}",
            where=str(file),
            remedy=f"Run: sharebus catalogue publish {contract.resource} --file {file}",
        )
    beside = file.parent / contract.schema_file
    return contract, _schema(beside)


def _document(file: Path) -> Any:
    text = _text(file)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f"{file}, line {place.line + 1}" if place else str(file)
        raise InvalidInput("the file is no YAML", where=where, remedy=EXAMPLES) from error


def _schema(file: Path) -> dict[str, Any]:
    text = _text(file)
    try:
        schema = read_json(text)
    except InvalidInput as error:
        raise InvalidInput(error.problem, where=str(file), remedy=error.remedy) from error
    if not isinstance(schema, dict):
        raise InvalidInput("the schema is no Avro record", where=str(file))
    return schema


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(
            f"the file can't be read: {error.strerror}", where=str(file), remedy=EXAMPLES
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput("the file is not UTF-8", where=str(file), remedy=EXAMPLES) from error


def _as_json(document: Any, file: Path) -> Any:
    """Return a document as the ledger keeps it: YAML also has dates, which become texts."""
    try:
        return json.loads(json.dumps(document, default=str))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("the file says what JSON can't", where=str(file)) from error
