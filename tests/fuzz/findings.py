"""What the fuzzer finds wrong."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Wrong(StrEnum):
    """What the fuzzer looks for."""

    CRASH = "crashes"
    HANG = "hangs"
    DISAGREEMENT = "disagreements"
    LEAK = "leaks"


@dataclass(frozen=True)
class Finding:
    """Something wrong, and the smallest record that shows it, where one record alone does.

    Args:
        wrong: what it is.
        seed: of its case.
        told: what happened.
        key: the record's key, as hexadecimal digits.
        message: the record's message, as hexadecimal digits.
    """

    wrong: Wrong
    seed: int
    told: str
    key: str | None = None
    message: str | None = None

    def document(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)
