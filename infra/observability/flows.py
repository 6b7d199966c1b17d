"""How far a process is on its way through its input."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """One process's way through its input.

    Attributes:
        behind: records, commands or ledger entries that it has still to do; None where nobody
            knows.
        unit: which of them.
        last_commit: when it last committed something; None where it never did.
        trouble: why something isn't known.
    """

    behind: int | None
    unit: str = "records"
    last_commit: datetime | None = None
    trouble: str = ""
