"""Cuts out of scanned records what one policy lets through (R12.1, R12.4).

What comes out equals `schemas.policy.reference`, or an exception does: whatever doesn't add up
raises, and no partial output is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np

from schemas.errors import InvalidInput, InvalidPolicy
from schemas.policy.application import applied, keeps_key
from schemas.policy.examining import frame
from schemas.policy.policy import Policy
from schemas.policy.view import view_schema
from stream_apps.enforcement.cutting_compiler import compile_cutting
from stream_apps.enforcement.kernel import blake2, cutting
from stream_apps.enforcement.layouts import Bytes, Cut, Longs
from stream_apps.enforcement.scanner import (
    MAX_SCHEMA_ID,
    KeyBatch,
    RecordScanner,
    Scanned,
    writable,
)

_ROOM = 65_536


@dataclass(frozen=True, slots=True)
class Projected:
    """What one view gets of one batch.

    Args:
        chosen: the records of the batch that have output, in order.
        payloads: their messages, framed, one for each.
        keys: their keys where these are pseudonyms; otherwise none.
        size: bytes of all messages.
    """

    chosen: Longs
    payloads: list[bytes]
    keys: list[bytes]
    size: int

    @property
    def indices(self) -> list[int]:
        """The records of the batch that have output, in order."""
        found: list[int] = self.chosen.tolist()
        return found


class ViewProjector:
    """Cuts out of scanned records what one policy lets through.

    Args:
        scanner: one of the scanners whose records it will be given: of this resource and schema.
        policy: what is let through.
        view_schema_id: id of the view's schema, which the output's frames name.
        pseudonym_key: 32 bytes, where the policy pseudonymises.
        room: bytes of output to make room for at first; it grows with what comes.

    Raises:
        InvalidPolicy: the policy can't be applied to the scanner's schema, or is another
            resource's.
    """

    def __init__(
        self,
        scanner: RecordScanner,
        policy: Policy,
        *,
        view_schema_id: int,
        pseudonym_key: bytes | None = None,
        room: int = _ROOM,
    ) -> None:
        if policy.resource != scanner.resource or scanner.key_item is None:
            raise InvalidPolicy("the policy is for another resource", where=policy.resource)
        if not 0 <= view_schema_id <= MAX_SCHEMA_ID:
            raise InvalidInput("a schema id lies between 0 and 2147483647")
        view_schema(policy, scanner.schema, key_item=scanner.key_item)
        shaping = applied(policy, scanner.record, scanner.key_item)
        if policy.audience is not None and pseudonym_key is None:
            raise InvalidInput("a policy with pseudonyms needs their key")
        state = np.zeros(16, np.uint64)
        blake2.start(writable(pseudonym_key or b"\0"), state)
        self._state = state
        self.pseudonymises_keys = not keeps_key(policy, scanner.key_item)
        key_field = scanner.plan.fields.index(scanner.key_item)
        kept, starts, made = compile_cutting(shaping.fields, key_field)
        self._cut = Cut(
            fields=len(scanner.plan.fields),
            kept=np.array(kept, np.int64),
            starts=np.array(starts, np.int64),
            code=made.code.copy(),
            targets=made.targets.copy(),
            pool=made.pool,
            stride=made.stride,
            max_depth=scanner.limits.max_depth,
            state=state,
            head=writable(frame(view_schema_id)),
        )
        self._scanner = scanner
        self._out = np.empty(room, np.uint8)
        self._most = scanner.limits.max_output_bytes + self._cut.head.size

    def project(self, scanned: Scanned, chosen: Longs) -> Projected:
        """Give the messages of records that were accepted.

        Args:
            scanned: the last scan of a scanner of this projector's resource and schema.
            chosen: places of accepted records of the batch, in order.

        Raises:
            ValueError: the scan is of another schema or not its scanner's last, or the choice
                doesn't fit.
            RuntimeError: the kernel contradicted itself; nothing may be let out.
        """
        if scanned.generation != scanned.scanner.generation:
            raise ValueError("the scan is not the last one of its scanner")
        if not scanned.scanner.is_like(self._scanner):
            raise ValueError("the scan is of another schema than this projector's")
        if chosen.dtype != np.int64 or not scanned.accepted[chosen].all():
            raise ValueError("only what was accepted can be let out")
        ends = np.empty(chosen.size, np.int64)
        batch = scanned.batch
        pseudonyms: Bytes = np.empty(0, np.uint8)
        if self.pseudonymises_keys:
            pseudonyms = self._pseudonyms(batch.keys, batch.key_offsets, chosen)
        made, size = 0, 0
        while True:
            made, size = cutting.project(
                batch.work, batch.spans, self._cut, chosen, pseudonyms, self._out, ends, made, size
            )
            if made == chosen.size:
                break
            self._grow(made, size, chosen.size)
        payloads = _parts(self._out[:size].tobytes(), ends)
        return Projected(chosen, payloads, _digits(pseudonyms), size)

    def view_keys(self, keys: KeyBatch, chosen: Longs) -> list[bytes]:
        """Give the pseudonyms of the keys of these records of a batch, as the view has them."""
        return _digits(self._pseudonyms(keys.bytes, keys.offsets, chosen))

    def _pseudonyms(self, keys: Bytes, offsets: Longs, chosen: Longs) -> Bytes:
        digits: Bytes = np.empty(chosen.size * cutting.DIGITS, np.uint8)
        cutting.pseudonymise(self._state, keys, offsets, chosen, digits)
        return digits

    def _grow(self, made: int, size: int, count: int) -> None:
        if made < 0 or self._out.size > 2 * count * self._most:
            raise RuntimeError("the kernel's spans are not what was scanned")
        grown: Bytes = np.empty(2 * self._out.size + self._most, np.uint8)
        grown[:size] = self._out[:size]
        self._out = grown


def _parts(blob: bytes, ends: Longs) -> list[bytes]:
    """Cut a byte string where the parts end; reading a file is twice as fast as slicing."""
    return list(map(BytesIO(blob).read, np.diff(ends, prepend=0).tolist()))


def _digits(pseudonyms: Bytes) -> list[bytes]:
    read = BytesIO(pseudonyms.tobytes()).read
    return [read(cutting.DIGITS) for _ in range(pseudonyms.size // cutting.DIGITS)]
