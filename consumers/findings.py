"""What inspection found, from ClickHouse: where a record stands that should not be as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from infra.clickhouse.port import Warehouse

_FOUND: Final = """
SELECT
    at, kind, resource, source,
    record_topic, record_partition, record_offset, expected, found
FROM findings FINAL
WHERE {resource:String} = '' OR resource = {resource:String}
ORDER BY at, record_topic, record_partition, record_offset
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: coordinates and numbers, never a key or a value.

    Attributes:
        at: when it was found, UTC, in seconds.
        kind: sequence-regression, sequence-gap or duplicate-event.
        resource: whose record it is about.
        source: the department that sent it.
        topic, partition, offset: where the record stands.
        expected: the least sequence that it could have, behind its key's record before.
        found: the sequence that it has.
    """

    at: datetime
    kind: str
    resource: str
    source: str
    topic: str
    partition: int
    offset: int
    expected: int
    found: int


def findings(warehouse: Warehouse, resource: str = "") -> list[Found]:
    """Return every finding, oldest first.

    Args:
        warehouse: holds them, once each.
        resource: only of this one; of all where it is empty.
    """
    return [Found(*row.values()) for row in warehouse.query(_FOUND, {"resource": resource})]
