"""How much one record may hold. Values only; the reference and the kernel enforce them."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one record, so that a few hostile bytes never cost much memory or time.

    Args:
        max_items: elements of all arrays and maps of a record together, those without bytes
            included.
        max_record_bytes: length in bytes of key and message together, the frame included (or of
            key and envelope, for a delete). No output is longer than its input; so the default
            leaves room for what the client adds under the 1,000,000 bytes that librdkafka sends.
    """

    max_items: int = 100_000
    max_record_bytes: int = 983_040

    def __post_init__(self) -> None:
        if not 0 <= self.max_items < 2**31:
            raise InvalidInput("max_items must lie between 0 and 2147483647")
        if not 0 <= self.max_record_bytes < 2**31:
            raise InvalidInput("max_record_bytes must lie between 0 and 2147483647")
