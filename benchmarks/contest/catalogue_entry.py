"""The catalogue entry of a measured kind of record, as an ODCS document; all unconditional."""

from __future__ import annotations

from typing import Any

from contest.records import KEY, Kind
from schemas.catalogue import Contract, parse_contract

PARTITIONS = 4
_LOGICAL = {"I": "integer", "Y": "number", "B": "number", "D": "date", "T": "timestamp"}


def contract_of(kind: Kind) -> Contract:
    """Return the contract under which records of this kind are published."""
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": kind.resource,
        "name": "合成测量",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": "合成数据，仅供测量。", "usage": "仅供测量。"},
        "schema": [
            {
                "name": "Measured",
                "physicalName": "v1.avsc",
                "physicalType": "avro",
                "properties": [_property(kind, place) for place in range(len(kind.fields))],
            }
        ],
        "slaProperties": [
            {"property": name, "value": value}
            for name, value in (
                ("frequency", "daily"),
                ("latency", "P1D"),
                ("retention", "P30D"),
                ("timeToRepair", "P3D"),
            )
        ],
        "support": [{"channel": "服务台", "url": "https://example.gov.cn"}],
        "customProperties": _customs(
            category="department",
            directory=["部门信息资源", "测量"],
            directoryCode="301001/000001",
            provider="水利部",
            providerCode="11100000000000079C",
            formatClass="数据库",
            formatType="Kafka/Avro",
            shareMethod="系统对接",
            open=False,
            publishedOn="2026-01-05",
            partitions=PARTITIONS,
        ),
    }
    return parse_contract(document)


def _property(kind: Kind, place: int) -> dict[str, Any]:
    field, letter = kind.fields[place], kind.guide_types[place]
    avro = field["type"]
    is_nullable = isinstance(avro, list)
    symbols = avro.get("symbols", ()) if isinstance(avro, dict) else ()
    return {
        "name": field["name"],
        "businessName": f"项{place}",
        "logicalType": _LOGICAL.get(letter, "string"),
        "primaryKey": field["name"] == KEY,
        "required": not is_nullable,
        "customProperties": _customs(
            dataType=letter,
            dataLength=100,
            group="base",
            share="unconditional",
            **({"symbols": {symbol: f"值{symbol}" for symbol in symbols}} if symbols else {}),
        ),
    }


def _customs(**values: Any) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items()]
