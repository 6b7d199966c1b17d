"""`sharebus simulate` writes files that belong together and can be read back."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow.parquet
import pytest

import sharebus
from producers.simulator import Row, World, packaged_divisions, read_divisions, standard_sizes
from producers.simulator.change import DIVISION, LICENCE, ORGANISATION, PARCEL, PERSON
from producers.simulator.row_files import new_row_file
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput, Unavailable

KINDS = {
    "persons": PERSON,
    "organisations": ORGANISATION,
    "parcels": PARCEL,
    "licences": LICENCE,
}
Simulate = Callable[..., None]
OWN_DIVISIONS = "code,name\n44,甲省\n440199,乙县\n440199007,丙镇\n"


@pytest.fixture
def simulate() -> Simulate:
    """Run the command in this process."""

    def run(*arguments: object) -> None:
        sharebus.app(["simulate", *map(str, arguments)], standalone_mode=False)

    return run


def expected(resource: str, count: int) -> list[Row]:
    """Return the rows that the command writes."""
    sizes = standard_sizes(resource, count)
    counties = packaged_divisions().counties
    as_of = date(2026, 1, 1)
    return list(World.of_sizes(4, counties, sizes, as_of=as_of).rows(resource))


@pytest.mark.parametrize("what", KINDS)
def test_avro_and_parquet_give_the_rows_back(what: str, simulate: Simulate, tmp_path: Path) -> None:
    """Both have a type for every value; neither carries an envelope."""
    rows = expected(KINDS[what], 150)
    for kind in ("avro", "parquet"):
        simulate(what, tmp_path / kind, "--count", 150, "--seed", 4, "--to", kind)
    with (tmp_path / "avro").open("rb") as stream:
        assert list(fastavro.reader(stream)) == rows
    assert pyarrow.parquet.read_table(tmp_path / "parquet").to_pylist() == rows


@pytest.mark.parametrize("what", KINDS)
def test_json_lines_have_text_where_json_has_no_type(
    what: str, simulate: Simulate, tmp_path: Path
) -> None:
    def text(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: text(part) for name, part in value.items()}
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, bytes):
            return value.hex()
        return str(value) if isinstance(value, Decimal) else value

    simulate(what, tmp_path / "file", "--count", 150, "--seed", 4)
    lines = (tmp_path / "file").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [text(r) for r in expected(KINDS[what], 150)]


def test_csv_has_a_header_and_cells_of_text(simulate: Simulate, tmp_path: Path) -> None:
    simulate("licences", tmp_path / "licences", "--count", 50, "--seed", 4, "--to", "csv")
    simulate("parcels", tmp_path / "parcels", "--count", 50, "--seed", 4, "--to", "csv")
    with (tmp_path / "licences").open(encoding="utf-8", newline="") as stream:
        licences = list(csv.DictReader(stream))
    for cells, row in zip(licences, expected(LICENCE, 50), strict=True):
        assert list(cells) == list(row)
        assert cells["issued_on"] == row["issued_on"].isoformat()
        assert cells["file_digest"] == (row["file_digest"] or b"").hex()
    with (tmp_path / "parcels").open(encoding="utf-8", newline="") as stream:
        parcels = list(csv.DictReader(stream))
    for cells, row in zip(parcels, expected(PARCEL, 50), strict=True):
        assert Decimal(cells["area"]) == row["area"]
        assert json.loads(cells["polygon"]) == row["polygon"]
        assert (json.loads(cells["holder"]) if cells["holder"] else None) == row["holder"]


def test_divisions_have_their_path_joined_in_one_cell(simulate: Simulate, tmp_path: Path) -> None:
    simulate("divisions", tmp_path / "divisions.csv", "--to", "csv")
    with (tmp_path / "divisions.csv").open(encoding="utf-8", newline="") as stream:
        read = {cells["code"]: cells for cells in csv.DictReader(stream)}
    assert len(read) == 44_703
    assert read["440103"] == {
        "code": "440103",
        "name": "荔湾区",
        "level": "county",
        "parent": "4401",
        "path": "广东省/广州市/荔湾区",
        "area": "",
        "population": "",
    }


def test_changes_follow_with_deletions(simulate: Simulate, tmp_path: Path) -> None:
    file = tmp_path / "persons.jsonl"
    simulate("persons", file, "--count", 500, "--seed", 4, "--changes", 400)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(lines) == 900
    keys: set[str] = set()
    deleted = 0
    for line in lines:
        if "$delete" in line:
            assert list(line) == ["$delete"]
            keys.remove(line["$delete"])
            deleted += 1
        else:
            keys.add(line["citizen_number"])
    assert deleted > 5


def test_all_writes_a_file_for_each_department_and_holders_are_in_them(
    simulate: Simulate, tmp_path: Path
) -> None:
    own = tmp_path / "own.csv"
    own.write_text(OWN_DIVISIONS, "utf-8")
    simulate("all", tmp_path / "country", "--count", 580, "--seed", 4, "--divisions", own)
    rows = defaultdict(list)
    for file in (tmp_path / "country").iterdir():
        for line in file.read_text("utf-8").splitlines():
            rows[file.name].append(json.loads(line))
    licences = [row for name in rows if name.startswith(LICENCE) for row in rows[name]]
    counts = {name: len(found) for name, found in rows.items() if not name.startswith(LICENCE)}
    assert len(licences) == 200
    assert counts == {
        f"{DIVISION}.civil-affairs.jsonl": 3,
        f"{PERSON}.public-security.jsonl": 260,
        f"{ORGANISATION}.market-regulation.jsonl": 40,
        f"{PARCEL}.natural-resources.jsonl": 80,
    }
    for first, issuer in enumerate(("public-security", "market-regulation", "natural-resources")):
        numbers = {row["licence_number"][0] for row in rows[f"{LICENCE}.{issuer}.jsonl"]}
        assert numbers == {str(1 + first)}
    persons = {row["citizen_number"] for row in rows[f"{PERSON}.public-security.jsonl"]}
    assert {row["holder_number"] for row in licences if row["holder_kind"] == "person"} <= persons


def test_one_issuer_gets_its_own_licences(simulate: Simulate, tmp_path: Path) -> None:
    file = tmp_path / "licences.jsonl"
    simulate("licences", file, "--count", 200, "--seed", 4, "--source", "public-security")
    numbers = [json.loads(line)["licence_number"] for line in file.read_text().splitlines()]
    assert numbers == [
        row["licence_number"] for row in expected(LICENCE, 200) if row["type_code"][0] == "1"
    ]


@pytest.mark.parametrize("kind", ["jsonl", "avro"])
def test_the_same_seed_gives_the_same_bytes_in_another_process(
    kind: str, simulate: Simulate, tmp_path: Path
) -> None:
    """Nothing depends on a clock, on the order of sets, or on what ran before."""
    more = ["--count", "200", "--to", kind, *(["--changes", "300"] if kind == "jsonl" else [])]
    for seed in (4, 5):
        simulate("parcels", tmp_path / f"{seed}", "--seed", seed, *more)
    command = [sys.executable, "-m", "sharebus", "simulate", "parcels", str(tmp_path / "again")]
    environment = os.environ | {"PYTHONHASHSEED": "3"}
    subprocess.run(
        [*command, "--seed", "4", *more], check=True, capture_output=True, env=environment
    )
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert written["again"] == written["4"] != written["5"]


def test_divisions_of_ones_own_are_lived_in(simulate: Simulate, tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_text(OWN_DIVISIONS, "utf-8")
    simulate("persons", tmp_path / "file", "--count", 60, "--divisions", own)
    rows = [json.loads(line) for line in (tmp_path / "file").read_text("utf-8").splitlines()]
    assert {row["registered_division"] for row in rows} == {"440199"}
    addresses = {row["registered_address"]["division"] for row in rows if row["registered_address"]}
    assert addresses == {"440199007"}


def test_divisions_that_are_none_are_told_by_line(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("code,name\n44,甲省\nxx,乙县\n", "utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_divisions(file)
    assert caught.value.where.endswith("line 3")
    file.write_bytes(b"\x1f\x8b broken")
    with pytest.raises(InvalidInput, match="no CSV"):
        read_divisions(file)


def test_only_json_lines_take_changes(simulate: Simulate, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="deletions"):
        simulate("persons", tmp_path / "file", "--changes", 5, "--to", "csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["jsonl", "csv", "avro", "parquet"])
def test_what_was_interrupted_leaves_the_old_file_and_no_half_one(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    schema = packaged_resource(PERSON)[1]

    def interrupted() -> None:
        with new_row_file(file, kind, schema) as rows:
            rows.write(expected(PERSON, 1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert file.read_text() == "old"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    schema = packaged_resource(PERSON)[1]
    missing = tmp_path / "missing" / "file"
    with pytest.raises(Unavailable) as caught, new_row_file(missing, "csv", schema):
        pass
    assert caught.value.where == str(missing)


@pytest.mark.parametrize(
    ("name", "first"),
    [("a.csv", b"code,"), ("a.avro", b"Obj"), ("a.parquet", b"PAR1"), ("a", b"{")],
)
def test_the_file_s_name_says_its_format(
    simulate: Simulate, tmp_path: Path, name: str, first: bytes
) -> None:
    """Who writes people.csv expects CSV in it."""
    simulate("divisions", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(first)
