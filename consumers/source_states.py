"""What each source has sent, and whether it flows, stands still or is silent (R10.2, R13).

The sources are the ledger's, so that one which never sent anything is shown too; what came of them
is ClickHouse's, counted by enforcement in the transactions that carried it on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from infra.clickhouse.port import Warehouse
from schemas.clock import EPOCH
from schemas.ledger.published import Resource
from schemas.silence import Liveness, liveness

_RECEIVED: Final = """
SELECT
    resource, source,
    sum(records) AS records_read,
    sum(refused) AS records_quarantined,
    max(last_record_at) AS last_record,
    max(last_heartbeat_at) AS last_heartbeat
FROM (
    SELECT
        resource, source, records, arraySum(`quarantined.count`) AS refused,
        last_record_at, last_heartbeat_at
    FROM metering FINAL
    WHERE kind = 'live'
) AS received
GROUP BY resource, source
"""
_NOTHING: Final = {
    "records_read": 0,
    "records_quarantined": 0,
    "last_record": EPOCH,
    "last_heartbeat": EPOCH,
}


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source of a resource: records that came of it, and when the broker took the newest."""

    resource: str
    source: str
    records: int
    quarantined: int
    last_record: datetime | None
    last_heartbeat: datetime | None
    state: Liveness


def source_states(
    warehouse: Warehouse, resources: Mapping[str, Resource], now: datetime
) -> list[SourceState]:
    """Return every source of every resource, as the catalogue has them.

    Args:
        warehouse: what came.
        resources: the ledger's.
        now: the time that silence is measured to.
    """
    received = {(row["resource"], row["source"]): row for row in warehouse.query(_RECEIVED)}
    return [
        _state(resource, source, received.get((name, source), _NOTHING), now)
        for name, resource in resources.items()
        for source in resource.sources
    ]


def _state(resource: Resource, source: str, row: Mapping[str, Any], now: datetime) -> SourceState:
    record, heartbeat = (
        row[name] if row[name] > EPOCH else None for name in ("last_record", "last_heartbeat")
    )
    return SourceState(
        resource.contract.resource,
        source,
        row["records_read"],
        row["records_quarantined"],
        record,
        heartbeat,
        liveness(resource.contract.update_cycle, record, heartbeat, now),
    )
