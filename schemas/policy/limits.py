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
            key and envelope, for a delete). The default leaves room for what the client adds under
            the 1,000,000 bytes that librdkafka sends.
        max_depth: records of recursive types inside each other.
        max_output_bytes: length in bytes of key and message together, and of all that masks and
            pseudonyms could add to them, whatever the policy (`STRING_GROWTH`, `NUMBER_GROWTH`).
    """

    max_items: int = 100_000
    max_record_bytes: int = 983_040
    max_depth: int = 64
    max_output_bytes: int = 983_040

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 <= getattr(self, name) < 2**31:
                raise InvalidInput(f"{name} must lie between 0 and 2147483647")


STRING_GROWTH = 33
"""How many bytes longer a mask or a pseudonym can make a string: a length and 32 bytes of text."""

NUMBER_GROWTH = 9
"""How many bytes longer a mask can make an int, a long, an enum's index or a decimal."""
