"""The same rows in every format: read alike, gone on from anywhere, told apart when changed."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.sources.avro_container import LARGEST_BLOCK
from producers.sources.choosing import Format, open_source
from producers.sources.source import Deletion, Source
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput, InvalidRecord

SCHEMA = packaged_resource("licence.certificate")[1]
NAMES = [field["name"] for field in SCHEMA["fields"]][1:]
COUNT = 300


def certificate(number: int) -> dict[str, Any]:
    """Return a certificate as the publisher takes it."""
    return {
        "licence_number": f"合成{number:06d}",
        "type_code": "100",
        "holder_kind": "person",
        "holder_number": "x",
        "issuer": "y",
        "issued_on": date(2020, 1, 1 + number % 28),
        "expires_on": None if number % 2 else date(2030, 1, 1),
        "status": "valid",
        "file_digest": None if number % 3 else bytes([number % 256]) * 32,
        "file_location": None,
    }


ROWS = [certificate(number) for number in range(COUNT)]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it."""

    def text(value: Any) -> Any:
        return value.hex() if isinstance(value, bytes) else value and str(value)

    return {name: text(value) for name, value in row.items()}


def csv_bytes(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(plain(row)[name] or "" for name in NAMES) for row in rows]
    return "\n".join([",".join(NAMES), *lines, ""]).encode()


def json_bytes(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows).encode()


def write_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_bytes(csv_bytes(rows))


def write_csv_gz(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_bytes(gzip.compress(csv_bytes(rows)))


def write_jsonl(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_bytes(json_bytes(rows))


def write_jsonl_gz(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_bytes(gzip.compress(json_bytes(rows)))


ITEMS_SCHEMA = {**SCHEMA, "fields": SCHEMA["fields"][1:]}


def write_avro(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("wb") as stream:
        fastavro.writer(stream, ITEMS_SCHEMA, rows, codec="deflate", sync_interval=1000)


def write_parquet(file: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), file, row_group_size=70)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "csv": write_csv,
    "csv.gz": write_csv_gz,
    "jsonl": write_jsonl,
    "jsonl.gz": write_jsonl_gz,
    "avro": write_avro,
    "parquet": write_parquet,
}
GROWING = ["csv", "csv.gz", "jsonl", "jsonl.gz", "avro"]


@pytest.fixture(params=list(WRITERS))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of the rows, in each format."""
    file = tmp_path / f"rows.{request.param}"
    WRITERS[request.param](file, ROWS)
    return file


def read(source: Source, count: int | None = None) -> list[Any]:
    """Return the next rows, all if no count is given."""
    found = []
    for _, row in source.rows():
        found.append(row)
        if len(found) == count:
            break
    return found


def test_every_format_gives_the_same_rows(written: Path) -> None:
    """Dates, bytes and nulls are the schema's, and each row has its place."""
    source = open_source(written, SCHEMA)
    first = 2 if ".csv" in written.name else 1
    assert list(source.rows()) == [(number + first, row) for number, row in enumerate(ROWS)]


def test_the_position_goes_from_nothing_to_the_size(written: Path) -> None:
    """A progress bar is truthful also for what is compressed."""
    source = open_source(written, SCHEMA)
    begin, positions = source.position, []
    for _ in source.rows():
        positions.append(source.position)
    assert positions == sorted(positions)
    assert begin <= positions[0]
    assert positions[-1] == source.size == source.position


@pytest.mark.parametrize("count", [1, 17, COUNT - 1, COUNT])
def test_reading_goes_on_behind_a_mark(written: Path, count: int) -> None:
    """What was read before and what comes behind are the file's rows, each once."""
    source = open_source(written, SCHEMA)
    before = read(source, count)
    again = open_source(written, SCHEMA)
    assert again.go_on(source.mark())
    numbered = list(again.rows())
    assert before + [row for _, row in numbered] == ROWS
    assert [n for n, _ in numbered] == [
        n for n, _ in list(open_source(written, SCHEMA).rows())[count:]
    ]
    assert again.mark() == next(marks_of_all(written))


def marks_of_all(file: Path) -> Any:
    """Yield the mark behind the file's last row."""
    source = open_source(file, SCHEMA)
    read(source)
    yield source.mark()


def test_another_file_is_told_from_the_one_marked(written: Path) -> None:
    """Also where only one value before the mark is another, of the same length."""
    source = open_source(written, SCHEMA)
    read(source, 200)
    suffix = written.name.removeprefix("rows.")
    WRITERS[suffix](written, [*ROWS[:100], ROWS[100] | {"issuer": "z"}, *ROWS[101:]])
    assert not open_source(written, SCHEMA).go_on(source.mark())
    WRITERS[suffix](written, ROWS[:150])
    assert not open_source(written, SCHEMA).go_on(source.mark())


@pytest.mark.parametrize("suffix", GROWING)
def test_a_file_that_grew_is_the_same(tmp_path: Path, suffix: str) -> None:
    """What was appended is all there is to read."""
    file = tmp_path / f"rows.{suffix}"
    if suffix == "avro":
        write_avro(file, ROWS[:200])
        mark = next(marks_of_all(file))
        with file.open("a+b") as stream:
            fastavro.writer(stream, ITEMS_SCHEMA, ROWS[200:])
    else:
        WRITERS[suffix](file, ROWS[:200])
        mark = next(marks_of_all(file))
        WRITERS[suffix](file, ROWS)
    source = open_source(file, SCHEMA)
    assert source.go_on(mark)
    assert read(source) == ROWS[200:]


@pytest.mark.parametrize("begin", ["\n", "\r\n"])
def test_a_last_line_may_get_its_end_later(tmp_path: Path, begin: str) -> None:
    """A file without a final end of line is complete; one that goes on in its last row is not."""
    file = tmp_path / "rows.csv"
    file.write_bytes(csv_bytes(ROWS[:3]).rstrip())
    mark = next(marks_of_all(file))
    more = csv_bytes(ROWS).splitlines()[4]
    file.write_bytes(csv_bytes(ROWS[:3]).rstrip() + begin.encode() + more)
    source = open_source(file, SCHEMA)
    assert source.go_on(mark)
    assert list(source.rows()) == [(5, ROWS[3])]
    file.write_bytes(csv_bytes(ROWS[:3]).rstrip() + b"more")
    assert not open_source(file, SCHEMA).go_on(mark)


def test_json_lines_say_deletions_and_bad_lines(tmp_path: Path) -> None:
    """A bad line is named, never quoted, and the others go on."""
    file = tmp_path / "rows.jsonl"
    lines = ['{"$delete": "合成1"}', "", "{", "[1]", '{"$delete": 1}', '{"secret": 1}']
    file.write_text("\n".join([*lines, json_bytes(ROWS[:1]).decode()]), "utf-8")
    rows = dict(open_source(file, SCHEMA).rows())
    assert rows[1] == Deletion("合成1")
    assert rows[7] == ROWS[0]
    told = {n: r.reason for n, r in rows.items() if isinstance(r, InvalidRecord)}
    assert told == {
        3: "no-json",
        4: "no-json-object",
        5: "no-key",
        6: "missing-or-unknown-item",
    }
    assert "secret" not in str(rows[6])


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", b"x", "does not say its format"),
        ("a.csv", None, "No such file"),
        ("a.jsonl", b"", "empty"),
        ("a.jsonl", b"licence_number,x\n", "no JSON Lines"),
        ("a.avro", b"", "empty"),
        ("a.avro", b"PAR1" * 10, "no Avro container"),
        ("a.parquet", b"", "empty"),
        ("a.parquet", b"Obj\x01" * 10, "no Parquet"),
        ("a.csv.gz", gzip.compress(csv_bytes(ROWS))[:-20], "gzip"),
        ("a.csv", b"PAR1\xff\xff", "UTF-8"),
    ],
)
def test_a_file_that_is_none_is_explained(
    tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    """The error names the file and what is wrong with it, and quotes nothing of it."""
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput, match=problem) as caught:
        read(open_source(file, SCHEMA))
    assert caught.value.where == str(file)


def test_a_folder_and_a_named_format(tmp_path: Path) -> None:
    """--format says what the name does not."""
    with pytest.raises(InvalidInput, match="folder"):
        open_source(tmp_path, SCHEMA, Format.CSV)
    (tmp_path / "export").write_bytes(csv_bytes(ROWS))
    assert read(open_source(tmp_path / "export", SCHEMA, Format.CSV)) == ROWS


def container(schema: Any, *blocks: tuple[int, bytes]) -> bytes:
    """Return a container file with blocks as they are given."""

    def long(number: int) -> bytes:
        number = (number << 1) ^ (number >> 63)
        out = bytearray()
        while number > 127:
            out.append(number & 127 | 128)
            number >>= 7
        return bytes([*out, number])

    text = json.dumps(schema).encode()
    meta = long(1) + long(11) + b"avro.schema" + long(len(text)) + text + long(0)
    sync = b"s" * 16
    body = b"".join(long(count) + long(len(data)) + data + sync for count, data in blocks)
    return b"Obj\x01" + meta + sync + body


RECURSIVE = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": name, "type": ["null", "R"] if name == NAMES[0] else "string"} for name in NAMES
    ],
}
EMPTIES = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": n, "type": {"type": "array", "items": "null"} if n == NAMES[0] else "string"}
        for n in NAMES
    ],
}
TEXTS = {"type": "record", "name": "R", "fields": [{"name": n, "type": "string"} for n in NAMES]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (container(RECURSIVE, (1, b"\x02" * 5000)), "recursive"),
        (container(EMPTIES, (1, b"\xfe\xff\xff\xff\x7f\x00")), "elements without bytes"),
        (container(TEXTS, (1 << 40, b"")), "out of bounds"),
        (container(TEXTS, (-1, b"")), "out of bounds"),
        (container(TEXTS, (3, b"\x00" * 10)), "no Avro"),
        (container(TEXTS, (1, b"\x00" * 11)), "more bytes than rows"),
        (container(TEXTS, (1, b"\x00" * 10))[:-1], "ends too early"),
        (container(TEXTS, (1, b"\x00" * 10))[:-1] + b"x", "end where it says"),
        (b"Obj\x01" + b"\xff" * 20, "too early"),
        (container({"type": "string"}, (1, b"\x00")), "no records"),
        (container({**TEXTS, "fields": TEXTS["fields"][1:]}), "lacks licence_number"),
    ],
)
def test_hostile_containers_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    """No length, count or schema of a file makes reading crash or grow."""
    file = tmp_path / "a.avro"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=problem):
        read(open_source(file, SCHEMA))


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "xz"])
def test_a_block_unpacks_to_a_bounded_size(tmp_path: Path, codec: str) -> None:
    """A small block that is a gigabyte inside is refused before it is one."""
    file = tmp_path / "a.avro"
    row = dict.fromkeys(NAMES, "")
    with file.open("wb") as stream:
        fastavro.writer(stream, TEXTS, [row | {NAMES[0]: "x" * (LARGEST_BLOCK + 10)}], codec=codec)
    assert file.stat().st_size < 100_000
    with pytest.raises(InvalidInput, match="unpacks to more"):
        read(open_source(file, SCHEMA))


@pytest.mark.parametrize("codec", ["snappy", "zstandard"])
def test_the_codecs_of_other_systems_are_read(tmp_path: Path, codec: str) -> None:
    """Snappy and zstandard are what Spark and Hive write."""
    buffer = tmp_path / "plain.avro"
    with buffer.open("wb") as stream:
        fastavro.writer(stream, ITEMS_SCHEMA, ROWS[:5], sync_marker=b"s" * 16)
    raw = buffer.read_bytes()
    header, _, rest = raw.partition(b"s" * 16)
    body = rest[:-16]
    stream_ = io.BytesIO(body)
    count, size = _long(stream_), _long(stream_)
    data = stream_.read(size)
    if codec == "snappy":
        packed = pa.Codec("snappy").compress(data, asbytes=True)
        packed += zlib.crc32(data).to_bytes(4, "big")
    else:
        packed = pa.Codec("zstd").compress(data, asbytes=True)
    head = header.replace(b"\x08null", bytes([2 * len(codec)]) + codec.encode())
    file = tmp_path / "a.avro"
    file.write_bytes(head + b"s" * 16 + _zigzag(count) + _zigzag(len(packed)) + packed + b"s" * 16)
    assert read(open_source(file, SCHEMA)) == ROWS[:5]


def _long(stream: io.BytesIO) -> int:
    number = shift = 0
    while True:
        byte = stream.read(1)[0]
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (number >> 1) ^ -(number & 1)


def _zigzag(number: int) -> bytes:
    number <<= 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_parquet_times_of_pandas_are_read_where_nothing_is_lost(tmp_path: Path) -> None:
    """Pandas writes nanoseconds; only whole microseconds are taken."""
    schema = {
        **SCHEMA,
        "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}}],
    }
    for nanos, good in ((1_000, True), (1_001, False)):
        file = tmp_path / f"{nanos}.parquet"
        column = pa.array([nanos], pa.timestamp("ns", "UTC"))
        pq.write_table(pa.table({"at": column}), file)
        if good:
            [(_, row)] = open_source(file, schema).rows()
            assert isinstance(row, dict)
            assert row["at"].microsecond == 1
        else:
            with pytest.raises(InvalidInput, match="finer than a microsecond"):
                read(open_source(file, schema))
