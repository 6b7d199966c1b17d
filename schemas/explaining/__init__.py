"""What a grant lets through, and what becomes of a record, told in Chinese for people.

Pure. `words` are the Chinese words, `grants` explains a grant item by item, `records` judges one
record by the strict reference; `examples` and `readable` are what both show values with.
"""

from __future__ import annotations

from schemas.explaining.grants import GrantTold, explain_grant
from schemas.explaining.records import GivenRecord, RecordTold, explain_record, explain_refusal

__all__ = [
    "GivenRecord",
    "GrantTold",
    "RecordTold",
    "explain_grant",
    "explain_record",
    "explain_refusal",
]
