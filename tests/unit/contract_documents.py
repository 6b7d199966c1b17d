"""Catalogue entries as documents: a small one, and ways to change one."""

from __future__ import annotations

import copy
import json
from typing import Any

from schemas.catalogue import contract_json, packaged_resource

Document = dict[str, Any]


def customs(**values: Any) -> list[Document]:
    """Return custom properties as ODCS writes them; None leaves one out."""
    return [{"property": n, "value": v} for n, v in values.items() if v is not None]


CODE: Document = {
    "name": "code",
    "businessName": "代码",
    "logicalType": "string",
    "primaryKey": True,
    "required": True,
    "customProperties": customs(dataType="C", dataLength=9, group="base", share="unconditional"),
}
AREA: Document = {
    "name": "area",
    "businessName": "面积",
    "logicalType": "number",
    "required": True,
    "customProperties": customs(
        dataType="B", dataLength=18, group="business", share="conditional", condition="说明用途"
    ),
}
LAKE: Document = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "geography.lake",
    "name": "湖泊",
    "version": "1.0.0",
    "status": "active",
    "description": {"purpose": "全国湖泊的代码与面积。", "usage": "按授权用途使用。"},
    "schema": [
        {"name": "Lake", "physicalName": "v1.avsc", "physicalType": "avro",
         "properties": [CODE, AREA]}
    ],
    "slaProperties": [
        {"property": "frequency", "value": "yearly"},
        {"property": "latency", "value": "P1D"},
        {"property": "retention", "value": "P30D"},
        {"property": "timeToRepair", "value": "P3D"},
    ],
    "support": [{"channel": "服务台", "url": "https://example.gov.cn"}],
    "customProperties": customs(
        category="department", directory=["部门信息资源", "水利"], directoryCode="301001/000001",
        provider="水利部", providerCode="11100000000000079C", formatClass="数据库",
        formatType="Kafka/Avro", shareMethod="系统对接", open=False, publishedOn="2026-01-05",
        partitions=2,
    ),
}  # fmt: skip


def lake(**changes: Any) -> Document:
    """Return the small entry with parts of the document changed; None takes one away."""
    return {name: value for name, value in (LAKE | changes).items() if value is not None}


def lake_with(**changes: Any) -> Document:
    """Return the small entry with custom properties of the document changed."""
    found = {each["property"]: each["value"] for each in LAKE["customProperties"]}
    return lake(customProperties=customs(**(found | changes)))


def lake_of(*properties: Document) -> Document:
    """Return the small entry with other items."""
    return lake(schema=[LAKE["schema"][0] | {"properties": list(properties)}])


def item_with(item: Document, **changes: Any) -> Document:
    """Return an item with custom properties changed; None takes one away."""
    found = {each["property"]: each["value"] for each in item["customProperties"]}
    return item | {"customProperties": customs(**(found | changes))}


def packaged_document(resource: str) -> Document:
    """Return the document of a resource that comes with the project."""
    contract, _ = packaged_resource(resource)
    document: Document = json.loads(contract_json(contract))
    return document


def packaged_with(resource: str, item: str, **changes: Any) -> Document:
    """Return such a document with custom properties of one item changed."""
    document = copy.deepcopy(packaged_document(resource))
    properties = document["schema"][0]["properties"]
    place = [each["name"] for each in properties].index(item)
    properties[place] = item_with(properties[place], **changes)
    return document
