"""Checks and encodes the rows of one resource, by a function that is written for its contract.

Interpreting contract and schema for every row costs more than the work itself, so both are
compiled once into a Python function: straight code, an item after the other, that checks (R13) and
encodes. `RowWriter.source` shows what was written; `row_source` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from producers.encoding import refuse
from producers.row_source import RowSource
from schemas.catalogue import Contract

Keyed = Callable[[Mapping[str, Any]], tuple[bytes, bytes]]


class RowWriter:
    """Writes rows of one resource.

    Args:
        contract: names, checks and key.
        schema: the Avro schema of the change events; the envelope is left to others.

    Attributes:
        keyed: takes a value for every item of the contract, returns the key's UTF-8 and the row's
            Avro encoding, or raises InvalidRecord naming the first bad item and the reason.
        source: the function's text.
    """

    def __init__(self, contract: Contract, schema: Mapping[str, Any]) -> None:
        self._key = contract.key
        written = RowSource(contract, schema)
        self.source = written.text
        # The text is ours: names come from the contract as literals, and nothing else of it.
        code = compile(self.source, f"<rows of {contract.resource}>", "exec")
        exec(code, written.scope)  # noqa: S102
        self.keyed: Keyed = written.scope["write"]

    def write(self, row: Mapping[str, Any]) -> bytes:
        """Return a row's Avro encoding; raises like `keyed`."""
        return self.keyed(row)[1]

    def check_key(self, key: object) -> None:
        """Accept a key, or raise InvalidRecord."""
        if not isinstance(key, str) or not key:
            refuse("empty-key", self._key)
