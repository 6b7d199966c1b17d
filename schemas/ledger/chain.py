"""Proof: reads a whole ledger, checks hashes, order, signatures and legality, names what is wrong.

An export is JSON Lines: one entry a line, its bytes in base64 (RFC 4648) beside a readable
summary. Only the bytes count; the line must be what they give, so that no changed byte goes
unnoticed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from schemas.errors import InvalidRecord, Tampered
from schemas.ledger.entry import Entry, decode_entry
from schemas.ledger.state import LedgerState
from schemas.ledger.validation import is_legal


def fold(state: LedgerState, message: bytes) -> tuple[Entry, bool]:
    """Check one encoded entry against the state before it; return it, and whether it is legal.

    A legal entry is applied. One that is chained but that the rules don't allow has no effect; a
    follower goes on behind it and reports it.

    Raises:
        Tampered: naming the entry: its hash or the chain is broken. The state is then unchanged.
    """
    expected = state.sequence + 1
    try:
        entry = decode_entry(message)
    except Tampered as error:
        raise Tampered(error.problem, where=f"entry {expected}") from error
    except InvalidRecord as error:
        raise Tampered("the bytes are no ledger entry", where=f"entry {expected}") from error
    if entry.sequence != expected:
        raise Tampered(f"entry {entry.sequence} stands where {expected} belongs")
    if entry.previous != state.head:
        raise Tampered("the hash of the entry before is another one", where=f"entry {expected}")
    legal = is_legal(state, entry)
    if legal:
        state.apply(entry)
    else:
        state.pass_over(entry)
    return entry, legal


def export_line(message: bytes) -> str:
    """Return the export's line of one encoded entry."""
    line = {**summary(decode_entry(message)), "bytes": base64.b64encode(message).decode("ascii")}
    return json.dumps(line, ensure_ascii=False)


def read_export(export: bytes) -> Iterator[bytes]:
    """Yield each entry's bytes of an export, given as the bytes of its file.

    Raises:
        Tampered: naming the entry whose line is not, byte for byte, what `export_line` wrote.
    """
    # Lines end with a line feed and nothing else: a reason may hold other separators.
    for number, line in enumerate(export.removesuffix(b"\n").split(b"\n") if export else ()):
        where = f"entry {number}"
        try:
            message = base64.b64decode(json.loads(line)["bytes"], validate=True)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Tampered("the line is none of an export", where=where) from error
        # Proved by whoever reads it before the line is compared, so that the fault is named best.
        yield message
        if export_line(message).encode() != line:
            raise Tampered("the line disagrees with the entry's bytes", where=where)


def verify(messages: Iterable[bytes]) -> LedgerState:
    """Check a whole ledger from its first entry; return what it adds up to.

    Raises:
        Tampered: naming the first bad entry.
    """
    state = LedgerState()
    for message in messages:
        entry, legal = fold(state, message)
        if not legal:
            raise Tampered("the rules don't allow this entry", where=f"entry {entry.sequence}")
    return state


def summary(entry: Entry) -> dict[str, Any]:
    """Return what a person reads of an entry, as JSON values; keys appear as hex."""
    command = entry.signed.command
    return {
        "sequence": entry.sequence,
        "at": entry.at.isoformat(),
        "actor": command.person,
        "department": command.department,
        "role": entry.role,
        "act": type(command.act).__name__,
        "details": {name: _readable(value) for name, value in asdict(command.act).items()},
        "refusal": entry.refusal and asdict(entry.refusal),
        "command_id": str(command.command_id),
        "hash": entry.hash.hex(),
    }


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
