"""A provider publishes the next version of an entry, and writes with one version or another."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from infra.clock import EventIds, system_micros
from producers.change_events import ChangeEvents
from producers.entry_files import find_document, read_entry
from schemas.codec import read_frame
from schemas.errors import InvalidContract, InvalidInput, InvalidRecord, UnknownName
from schemas.ledger.published import Version
from tests.unit.ledger_story import LATER_ITEM, RESOURCE, next_version, published_twice

ROW: dict[str, Any] = {
    "code": "4401",
    "name": "广州市",
    "level": "prefecture",
    "parent": "44",
    "path": ["广东省", "广州市"],
    "area": None,
    "population": 15_000_000,
}
FIRST, SECOND = published_twice().state.resources[RESOURCE].versions


def events_of(version: Version) -> ChangeEvents:
    """Return what makes events with one version."""
    return ChangeEvents(
        version.contract,
        version.schema,
        version.schema_id,
        "civil-affairs",
        clock=system_micros,
        event_ids=EventIds(),
    )


def read(value: bytes, version: Version, reader: Version | None = None) -> tuple[int, Any]:
    """Return the schema's id and the items, as a stock decoder reads them."""
    number, payload = read_frame(value)
    writer, wanted = dict(version.schema), dict((reader or version).schema)
    event: Any = fastavro.schemaless_reader(io.BytesIO(payload), writer, wanted)
    del event["envelope"]
    return number, event


@pytest.mark.parametrize("later", ["510000", None])
def test_events_carry_the_id_of_the_version_that_they_are_written_with(later: str | None) -> None:
    """Its default is no value: what is null is written as null."""
    row = ROW | {LATER_ITEM: later}
    _, value = events_of(SECOND).upsert(row)
    assert read(value, SECOND) == (12, row)
    _, value = events_of(FIRST).upsert(ROW)
    assert read(value, FIRST) == (11, ROW)
    assert read(value, FIRST, SECOND) == (11, ROW | {LATER_ITEM: None})


@pytest.mark.parametrize(("version", "row"), [(SECOND, ROW), (FIRST, ROW | {LATER_ITEM: None})])
def test_a_row_has_the_items_of_its_version(version: Version, row: dict[str, Any]) -> None:
    """R13: an item that a program doesn't know of yet is not taken to be null."""
    with pytest.raises(InvalidRecord) as refusal:
        events_of(version).upsert(row)
    assert (refusal.value.reason, refusal.value.where) == ("missing-or-unknown-item", LATER_ITEM)


def written(folder: Path, **changes: Any) -> Path:
    """Write the second version into a folder, as a department keeps it; return the contract."""
    entry = next_version(**changes)
    document = json.loads(entry.contract)
    file = folder / "entry.yaml"
    file.write_text(entry.contract, "utf-8")
    (folder / document["schema"][0]["physicalName"]).write_text(entry.schema, "utf-8")
    return file


def test_an_entry_is_read_from_its_file_and_the_schema_beside_it(tmp_path: Path) -> None:
    """R7: a department keeps its entries where it likes."""
    file = written(tmp_path)
    contract, schema = read_entry(RESOURCE, file)
    assert contract.document == SECOND.contract.document
    assert schema == SECOND.schema
    assert find_document(str(file)) == (contract.document, str(file))


def test_a_date_without_quotes_is_a_text_in_the_ledger(tmp_path: Path) -> None:
    """YAML has dates and JSON has none."""
    file = written(tmp_path)
    text = file.read_text("utf-8")
    assert '"2026-01-05"' in text
    file.write_text(text.replace('"2026-01-05"', "2026-01-05"), "utf-8")
    assert read_entry(RESOURCE, file)[0].document == SECOND.contract.document


def test_what_comes_with_the_project_needs_no_file() -> None:
    """R7: the base resources are at hand."""
    contract, schema = read_entry(RESOURCE, None)
    assert (contract.resource, schema) == (RESOURCE, FIRST.schema)
    with pytest.raises(UnknownName, match="no resource"):
        read_entry("geography.lake", None)


def _spoil(folder: Path, name: str, content: bytes | None) -> None:
    file = folder / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "kind", "where"),
    [
        ("entry.yaml", None, InvalidInput, "entry.yaml"),
        ("entry.yaml", b"\xff", InvalidInput, "entry.yaml"),
        ("entry.yaml", b"id: [", InvalidInput, "entry.yaml, line 1"),
        ("entry.yaml", b"a: &x [*x]", InvalidInput, "entry.yaml"),
        ("entry.yaml", b"id: x", InvalidContract, "entry.yaml"),
        ("v1.avsc", None, InvalidInput, "v1.avsc"),
        ("v1.avsc", b"\xff", InvalidInput, "v1.avsc"),
        ("v1.avsc", b"[]", InvalidInput, "v1.avsc"),
        ("v1.avsc", b"{", InvalidInput, "v1.avsc"),
    ],
)
def test_a_file_that_cant_be_used_is_named(
    tmp_path: Path, name: str, content: bytes | None, kind: type[InvalidInput], where: str
) -> None:
    """The error says which of the two files it is, and where in it."""
    file = written(tmp_path)
    _spoil(tmp_path, name, content)
    with pytest.raises(kind) as error:
        read_entry(RESOURCE, file)
    assert where in str(error.value)


def test_another_resource_s_file_is_told(tmp_path: Path) -> None:
    """A slip in the file must not become another resource's version."""
    file = written(tmp_path, id="geography.street")
    with pytest.raises(InvalidInput, match=r"geography\.street, not of geography\.division"):
        read_entry(RESOURCE, file)
