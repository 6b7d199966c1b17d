"""Rows for ClickHouse: one a metering record, a finding, a grant; pure.

Columns are as in the migrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from schemas.clock import EPOCH
from schemas.codec import event_codec
from schemas.ledger.subjects import Grant

METERING_COLUMNS: Final = (
    "topic", "partition", "offset", "at", "kind", "slot", "ledger_sequence", "resource",
    "source", "source_partition", "from_offset", "to_offset", "records", "deletes",
    "heartbeats", "last_record_at", "last_heartbeat_at",
    "quarantined.reason", "quarantined.count",
    "views.view", "views.out", "views.deletes", "views.bytes",
)  # fmt: skip
FINDING_COLUMNS: Final = (
    "topic", "partition", "offset", "at", "kind", "resource", "source",
    "record_topic", "record_partition", "record_offset", "expected", "found",
)  # fmt: skip
GRANT_COLUMNS: Final = (
    "grant", "subscriber", "resource", "view", "purpose_kind", "matter", "status",
    "active_sequence", "cut_sequence", "granted_at", "ended_at", "sequence",
)  # fmt: skip

Row = tuple[Any, ...]


def metering_row(topic: str, partition: int, offset: int, message: bytes) -> Row:
    """Return the row of one metering record, found at these coordinates.

    Raises:
        InvalidRecord: the bytes are no metering record.
    """
    record = event_codec("metering").decode(message)
    quarantined, views = sorted(record["quarantined"].items()), record["views"]
    return (
        topic,
        partition,
        offset,
        record["at"],
        record["kind"],
        record["slot"],
        record["ledger_sequence"],
        record["resource"],
        record["source"],
        record["partition"],
        record["from_offset"],
        record["to_offset"],
        record["records"],
        record["deletes"],
        record["heartbeats"],
        record["last_record_at"] or EPOCH,
        record["last_heartbeat_at"] or EPOCH,
        [reason for reason, _ in quarantined],
        [count for _, count in quarantined],
        [view["view"] for view in views],
        [view["out"] for view in views],
        [view["deletes"] for view in views],
        [view["bytes"] for view in views],
    )


def finding_row(topic: str, partition: int, offset: int, message: bytes) -> Row:
    """Return the row of one finding, itself found at these coordinates.

    Raises:
        InvalidRecord: the bytes are no finding.
    """
    record = event_codec("finding").decode(message)
    return (
        topic,
        partition,
        offset,
        record["at"],
        record["kind"],
        record["resource"],
        record["source"],
        record["topic"],
        record["partition"],
        record["offset"],
        record["expected"],
        record["found"],
    )


def by_month(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield runs of rows of one month: a fact table's partition, so the unit of atomicity."""
    for _, run in groupby(rows, key=lambda row: (row[3].year, row[3].month)):
        yield list(run)


def grant_row(grant: Grant, sequence: int) -> Row:
    """Return a grant's row as of a ledger entry."""
    ended: datetime = grant.cut_at or EPOCH
    return (
        grant.id,
        grant.subscriber,
        grant.resource,
        grant.policy.name,
        grant.purpose.kind,
        grant.purpose.matter,
        str(grant.status),
        grant.active_sequence,
        grant.cut_sequence,
        grant.granted_at,
        ended,
        sequence,
    )
