"""CSV files as people make them: good rows go on, bad ones are named, bad files are explained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producers.sources.csv_file import CsvFile
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput, InvalidRecord

HEADER = "code,name,level,parent,path,area,population"
ROW = "440103,荔湾区,county,4401,广东省/广州市/荔湾区,59.1,"
ITEMS: dict[str, Any] = {
    "code": "440103",
    "name": "荔湾区",
    "level": "county",
    "parent": "4401",
    "path": ["广东省", "广州市", "荔湾区"],
    "area": 59.1,
    "population": None,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file of a test lies."""
    return tmp_path / "divisions.csv"


def source(file: Path, *lines: str, content: bytes | None = None) -> CsvFile:
    """Write a file and open it as a source of the packaged resource."""
    file.write_bytes("\n".join(lines).encode() if content is None else content)
    return CsvFile(file, packaged_resource("geography.division")[1])


def refused(file: Path, *lines: str, content: bytes | None = None) -> InvalidInput:
    """Return the error that a file is refused with."""
    with pytest.raises(InvalidInput) as caught:
        source(file, *lines, content=content)
    assert caught.value.where == str(file)
    return caught.value


def bad(row: object) -> tuple[str, str]:
    """Return reason and item of a row that could not be read."""
    assert isinstance(row, InvalidRecord)
    return row.reason, row.where


def test_a_row_becomes_items(file: Path) -> None:
    """Texts, numbers and arrays are what the schema says, with the line where they stand."""
    assert list(source(file, HEADER, ROW).rows()) == [(2, ITEMS)]


def test_columns_may_stand_in_another_order(file: Path) -> None:
    """The header says which column is which item."""
    rows = source(
        file,
        "area,path,parent,level,name,code,population",
        "59.1,广东省/广州市/荔湾区,4401,county,荔湾区,440103,",
    ).rows()
    assert list(rows) == [(2, ITEMS)]


@pytest.mark.parametrize(
    ("cell", "value"), [("59.1", 59.1), ("-1e3", -1000.0), ("7", 7.0), ("", None)]
)
def test_a_number_may_be_left_empty_where_null_is_allowed(
    file: Path, cell: str, value: float | None
) -> None:
    """An empty cell is null for an item that may be null."""
    [(_, row)] = source(file, HEADER, ROW.replace("59.1", cell)).rows()
    assert row == ITEMS | {"area": value}


def test_an_empty_text_and_an_empty_array_stay_empty(file: Path) -> None:
    """A province has no parent: an empty text, not null."""
    [(_, row)] = source(file, HEADER, "44,广东省,province,,,,").rows()
    assert isinstance(row, dict)
    assert (row["parent"], row["path"], row["area"]) == ("", [], None)


def test_quotes_hold_separators_and_line_breaks(file: Path) -> None:
    """RFC 4180: a cell in quotes may hold them and ends of lines; a row's line is its first."""
    name = '"荔湾, ""老城""\n区"'
    rows = list(source(file, HEADER, ROW.replace("荔湾区", name, 1), ROW).rows())
    assert rows == [(2, ITEMS | {"name": '荔湾, "老城"\n区'}), (4, ITEMS)]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_any_end_of_line_will_do(file: Path, end: str) -> None:
    """Files come from every system."""
    content = end.join([HEADER, ROW, ROW, ""]).encode()
    assert [row for _, row in source(file, content=content).rows()] == [ITEMS, ITEMS]


def test_a_byte_order_mark_is_no_part_of_the_header(file: Path) -> None:
    """Spreadsheets write one in front of UTF-8."""
    content = f"{HEADER}\n{ROW}\n".encode("utf-8-sig")
    assert list(source(file, content=content).rows()) == [(2, ITEMS)]


def test_empty_lines_are_passed_over(file: Path) -> None:
    """A line without anything is no row, and the lines behind it keep their numbers."""
    assert list(source(file, HEADER, "", ROW, "", "").rows()) == [(3, ITEMS)]


def test_a_header_alone_has_no_rows(file: Path) -> None:
    """Nothing to publish is not an error of the file."""
    assert list(source(file, HEADER).rows()) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("440103,荔湾区", "2 columns instead of 7"),
        (f"{ROW},1", "8 columns instead of 7"),
        ("440103", "1 columns instead of 7"),
    ],
)
def test_a_row_of_another_length_is_named_and_the_others_go_on(
    file: Path, row: str, reason: str
) -> None:
    """One bad row keeps nobody from publishing the rest."""
    first, second = source(file, HEADER, row, ROW).rows()
    assert first[0] == 2
    assert bad(first[1]) == (reason, "")
    assert second == (3, ITEMS)


@pytest.mark.parametrize("cell", ["much", "1,5", "1.2.3", "0x10", "5 km", "1_000"])
def test_a_bad_number_is_named_and_not_quoted(file: Path, cell: str) -> None:
    """R5.4: the error carries the item, not what stood in it."""
    first, second = source(file, HEADER, ROW.replace("59.1", f'"{cell}"'), ROW).rows()
    assert bad(first[1]) == ("not-a-number", "area")
    assert cell not in str(first[1])
    assert second == (3, ITEMS)


def test_a_missing_file_is_explained(file: Path) -> None:
    """The error names file and cause."""
    with pytest.raises(InvalidInput, match="No such file") as caught:
        CsvFile(file, packaged_resource("geography.division")[1])
    assert caught.value.where == str(file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Whatever can't be read is explained."""
    with pytest.raises(InvalidInput, match="can't be read"):
        CsvFile(tmp_path, packaged_resource("geography.division")[1])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_explained(file: Path, content: bytes) -> None:
    """The remedy is the header that the file should begin with."""
    error = refused(file, content=content)
    assert "empty" in error.problem
    assert HEADER in error.remedy


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("code,name,level,parent,path,population", "lacks area"),
        ("code,name,level,parent,path,area,population,mayor", "has unknown mayor"),
        ("code,name,level,parent,path,Area,population", "lacks area and has unknown Area"),
        ("code,name,level,parent,path,area,population,code", "names a column twice"),
        ("code,name,level,parent,code,area,population", "lacks path"),
        # It may be a row: nothing of it is quoted.
        ("行政区划代码,名称", "names none of the items"),
        (ROW, "names none of the items"),
    ],
)
def test_another_header_is_explained(file: Path, header: str, problem: str) -> None:
    """The error says what is missing and what is too much, and what the line should be."""
    error = refused(file, header, ROW)
    assert problem in error.problem
    assert HEADER in error.remedy


@pytest.mark.parametrize("content", [f"{HEADER}\n{ROW}\n".encode("utf-16"), b"\xff\xff\n"])
def test_a_file_of_another_encoding_is_explained(file: Path, content: bytes) -> None:
    """The remedy is to save it as UTF-8."""
    error = refused(file, content=content)
    assert "UTF-8" in error.problem + error.remedy


def test_gb18030_is_read_and_told(file: Path) -> None:
    """Old systems write GB18030, characters of four bytes included; the reader says that it did."""
    row = ROW.replace("荔湾区", "㐂镇𠀀", 1)
    opened = source(file, content=f"{HEADER}\n{row}\n".encode("gb18030"))
    assert "GB18030" in opened.note
    assert list(opened.rows()) == [(2, ITEMS | {"name": "㐂镇𠀀"})]


def test_other_bytes_further_down_are_explained_too(file: Path) -> None:
    """A file whose beginning is UTF-8 and whose end is not is neither."""
    content = f"{HEADER}\n{ROW}\n".encode() + f"{ROW}\n".encode() * 2000 + "荔".encode("gbk")
    assert "UTF-8" in refused(file, content=content).problem


def test_a_row_that_is_no_csv_is_named_and_the_others_go_on(file: Path) -> None:
    """What is no CSV is not guessed at (R13), and not quoted."""
    first, second = source(file, HEADER, ROW.replace("荔湾区", '"荔湾"区', 1), ROW).rows()
    assert first[0] == 2
    reason, _ = bad(first[1])
    assert reason.startswith("no CSV: ")
    assert "荔湾" not in reason
    assert second == (3, ITEMS)


def test_a_quote_that_is_never_closed_is_named_with_the_line_that_opens_it(file: Path) -> None:
    """Whatever it swallowed is not published."""
    first, second = source(file, HEADER, ROW, '44,"广东', ROW).rows()
    assert first == (2, ITEMS)
    assert second[0] == 3
    assert bad(second[1])[0].startswith("no CSV: ")


def test_a_header_that_is_no_csv_is_explained(file: Path) -> None:
    """Without a header nothing can be read."""
    with pytest.raises(InvalidInput, match="header"):
        source(file, '"code"x,name', ROW)


def test_progress_goes_from_nothing_to_the_file_s_size(file: Path) -> None:
    """A progress bar ends where the file does."""
    opened = source(file, HEADER, *[ROW] * 5000)
    assert opened.size == file.stat().st_size
    assert opened.position == len(HEADER) + 1
    positions = []
    for _ in opened.rows():
        positions.append(opened.position)
    assert positions == sorted(positions)
    assert 0 < positions[2500] < opened.size
    assert opened.position == opened.size
