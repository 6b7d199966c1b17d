"""What each grant was supplied with, from ClickHouse (R17: what was provided and used).

A grant's supply is its view's, from the first transaction that knew the grant until the cut: each
metering record says which ledger entry its transaction knew last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.clickhouse.port import Warehouse

_SUPPLY: Final = """
SELECT
    `grant`, subscriber, resource, view, purpose_kind, matter, status,
    sumIf(let_out, in_force) AS counted,
    sumIf(let_out_deletes, in_force) AS deletes,
    sumIf(let_out_bytes, in_force) AS bytes
FROM (
    SELECT
        `grant`, subscriber, resource, view, purpose_kind, matter, status,
        let_out, let_out_deletes, let_out_bytes,
        active_sequence > 0 AND ledger_sequence >= active_sequence
            AND (cut_sequence = 0 OR ledger_sequence < cut_sequence) AS in_force
    FROM (SELECT * FROM grants FINAL) AS known
    ALL LEFT JOIN (
        SELECT
            view, ledger_sequence, sum(out) AS let_out, sum(deletes) AS let_out_deletes,
            sum(bytes) AS let_out_bytes
        FROM supply GROUP BY view, ledger_sequence
    ) AS let USING view
) AS supplied
GROUP BY `grant`, subscriber, resource, view, purpose_kind, matter, status
ORDER BY length(`grant`), `grant`
"""


@dataclass(frozen=True, slots=True)
class Supply:
    """One grant's supply: messages let out to its view while it was in force, and their bytes."""

    grant: str
    subscriber: str
    resource: str
    view: str
    purpose_kind: str
    matter: str
    status: str
    counted: int
    deletes: int
    bytes: int


def supply_by_grant(warehouse: Warehouse) -> list[Supply]:
    """Return every grant that the ledger ever had, oldest first, with what it was supplied."""
    return [Supply(**row) for row in warehouse.query(_SUPPLY)]
