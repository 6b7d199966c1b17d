"""The data dictionary of a kit: a page and a workbook that say the same."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from consumers.kit.dictionary import HEADINGS, code_tables, dictionary_rows, write_xlsx
from schemas.catalogue import packaged_resource, packaged_resources
from schemas.policy import Policy

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"


def sheets(file: Path) -> dict[str, list[list[str]]]:
    """Return the cells of each sheet, row by row, as a spreadsheet program finds them (ECMA-376).

    No formula and no link may be among them.
    """
    with zipfile.ZipFile(file) as book:

        def part(name: str) -> ElementTree.Element:
            return ElementTree.fromstring(book.read(f"xl/{name}"))

        shared = ["".join(each.itertext()) for each in part("sharedStrings.xml")]
        targets = {
            each.get("Id"): each.get("Target") or ""
            for each in part("_rels/workbook.xml.rels").iter(f"{_PACKAGE}Relationship")
        }
        found = {}
        for sheet in part("workbook.xml").iter(f"{_MAIN}sheet"):
            root = part(targets[sheet.get(_RELATION)])
            assert not [*root.iter(f"{_MAIN}f"), *root.iter(f"{_MAIN}hyperlink")]
            found[sheet.get("name") or ""] = [
                _cells(row, shared) for row in root.iter(f"{_MAIN}row")
            ]
        return found


def _cells(row: ElementTree.Element, shared: list[str]) -> list[str]:
    cells: dict[int, str] = {}
    for cell in row.iter(f"{_MAIN}c"):
        column = ord((cell.get("r") or "A")[0]) - ord("A")
        value = cell.findtext(f"{_MAIN}v")
        if value is not None:
            cells[column] = shared[int(value)] if cell.get("t") == "s" else value
    return [cells.get(column, "") for column in range(max(cells, default=-1) + 1)]


@pytest.mark.parametrize("resource", packaged_resources())
def test_a_dictionary_says_each_delivered_item_and_no_other(resource: str) -> None:
    """With the code lists that it uses."""
    contract, _ = packaged_resource(resource)
    delivered = [item.name for item in contract.items][::2]
    rows = dictionary_rows(contract, Policy.kept(resource, delivered))
    assert {row[HEADINGS.index("处理")] for row in rows} == {"保留"}
    assert [row[0] for row in rows] == delivered
    assert {len(row) for row in rows} == {len(HEADINGS)}
    titles = {title for title, _, _ in code_tables(contract, delivered)}
    assert {name for row in rows for name in row[-1].split("、") if name} == titles


@pytest.mark.parametrize("resource", packaged_resources())
def test_the_workbook_s_cells_say_the_items_and_their_codes(resource: str, tmp_path: Path) -> None:
    """Its first sheet has the page's rows, its second each code with its name."""
    contract, _ = packaged_resource(resource)
    items = [item.name for item in contract.items]
    policy = Policy.kept(resource, items)
    write_xlsx(tmp_path / "dictionary.xlsx", contract, policy)
    found = sheets(tmp_path / "dictionary.xlsx")

    def padded(rows: list[list[str]], width: int) -> list[tuple[str, ...]]:
        return [tuple(row + [""] * (width - len(row))) for row in rows]

    assert padded(found.pop("信息项"), len(HEADINGS)) == [
        HEADINGS,
        *dictionary_rows(contract, policy),
    ]
    codes = [
        (title, standard, code, name)
        for title, standard, listed in code_tables(contract, items)
        for code, name in listed
    ]
    expected = {"代码表": [("代码表", "标准", "代码", "名称"), *codes]} if codes else {}
    assert {name: padded(rows, 4) for name, rows in found.items()} == expected


def test_what_looks_like_a_formula_or_a_link_is_text(tmp_path: Path) -> None:
    """A description is its provider's word, and a spreadsheet would act on it."""
    contract, _ = packaged_resource("geography.division")
    words = ("=1+1", "https://example.gov.cn/")
    items = tuple(
        replace(item, description=text) for item, text in zip(contract.items, words, strict=False)
    )
    policy = Policy.kept(contract.resource, [item.name for item in items])
    write_xlsx(tmp_path / "dictionary.xlsx", replace(contract, items=items), policy)
    column = HEADINGS.index("说明")
    rows = sheets(tmp_path / "dictionary.xlsx")["信息项"]
    assert [row[column] for row in rows[1:]] == list(words)
