"""The linter finds what fillers of catalogue entries get wrong, and nothing in good entries."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.catalogue import packaged_resource, packaged_resources, parse_contract
from schemas.catalogue.lint import lint, lint_document
from tests.unit.contract_documents import (
    AREA,
    CODE,
    LAKE,
    item_with,
    lake,
    lake_of,
    lake_with,
    packaged_document,
)

GOOD = {
    "directoryCode": "301001/000002",
    "providerCode": packaged_resource("geography.division")[0].provider_code,
}


def rules(*documents: Any) -> set[str]:
    """Return the rules that entries break."""
    return {finding.rule for finding in lint([parse_contract(each) for each in documents])}


def test_packaged_entries_are_without_findings() -> None:
    """What comes with the project is an example of how to do it."""
    assert lint([packaged_resource(each)[0] for each in packaged_resources()]) == []


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        (lake(name="全国湖泊管理系统"), "named-after-system"),
        (lake(description={"purpose": "湖 泊。", "usage": "u"}), "empty-summary"),
        (lake_with(providerCode="11100000000000079X"), "provider-code"),
        (lake_with(formatClass="数据"), "format-class"),
        (lake_with(formatType="PDF"), "format-type"),
        (lake_with(shareMethod="邮寄"), "share-method"),
        (lake_with(formatClass="电子文件", formatType="PDF"), "format-and-method"),
        (lake_of(CODE, AREA | {"businessName": "面积（平方千米）"}), "unit-in-name"),
        (lake_of(CODE, AREA), "no-description"),
        (lake_of(CODE, item_with(AREA, condition="按规定。")), "vague-condition"),
        (lake_of(CODE, AREA | {"businessName": "代 码2"}), "item-twice"),
        (lake_with(relatedCodes=["101001/000009"]), "related-unknown"),
    ],
)
def test_a_mistake_is_found_by_its_rule(document: dict[str, Any], rule: str) -> None:
    """R8.2: the authority supervises entries; the mistakes are known ones."""
    assert rule in rules(document)


@pytest.mark.parametrize("name", ["湖泊", "湖泊2", "湖 泊", "湖泊（二）"])
def test_names_that_nobody_can_tell_apart_are_found(name: str) -> None:
    """Trailing digits, spaces and punctuation make no other resource."""
    assert "name-twice" in rules(LAKE, lake_with(**GOOD) | {"id": "geography.pond", "name": name})


def test_one_code_for_two_resources_is_found() -> None:
    """Codes are unique."""
    assert "code-twice" in rules(LAKE, lake(id="geography.pond", name="池塘"))


def test_two_codes_for_one_resource_are_found() -> None:
    """A resource has one code."""
    assert "two-codes" in rules(LAKE, lake_with(**GOOD))


def test_a_document_that_other_tools_can_t_read_is_found() -> None:
    """The standard's own model is the judge."""
    assert lint_document(packaged_document("geography.division")) is None
    assert lint_document(LAKE | {"colour": "blue"})
