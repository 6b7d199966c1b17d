"""The law of the compiled projection, checked: it equals *strictly decode, apply, encode*.

Reference and kernel are each made once for a schema, a scope and some policies, and then given the
same records. What they say of a record is compared as a whole: the reason why it is refused, or for
each policy's view its key and message, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from schemas.errors import InvalidPolicy, InvalidRecord
from schemas.policy import Limits, Policy, Reason, RowFilter
from schemas.policy.examining import Examiner
from schemas.policy.reference import Projection
from stream_apps.enforcement.conditions import compile_conditions
from stream_apps.enforcement.projector import ViewProjector
from stream_apps.enforcement.routing import Router
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner, Scanned
from stream_apps.enforcement.scopes import RowSelector
from tests.unit.stream_apps.drawn_records import PLACE

PSEUDONYM_KEY = bytes(range(32))
SCHEMA_ID, VIEW_ID = 5, 9

Row: TypeAlias = "tuple[bytes, bytes] | None"
"""Key and message in a view; None where the record is not in it."""
Outcome: TypeAlias = "Reason | list[Row]"
Side = TypeVar("Side")


@dataclass(frozen=True)
class Case:
    """What records are held to, and the policies whose views they may be in."""

    schema: dict[str, Any]
    limits: Limits
    scope: RowFilter | None
    policies: tuple[Policy, ...]


class ByReference:
    """What the law says.

    Raises:
        InvalidPolicy: the schema or a policy is refused.
    """

    def __init__(self, case: Case) -> None:
        self._examiner = Examiner(
            case.schema,
            schema_id=SCHEMA_ID,
            key_item="key",
            scope=case.scope,
            limits=case.limits,
            **PLACE,
        )
        self._projections = [
            Projection(
                each, self._examiner, view_schema_id=VIEW_ID, pseudonym_key=_key_of(each)
            ) for each in case.policies
        ]  # fmt: skip

    def judge(self, key: bytes | None, message: bytes) -> Outcome:
        """Give what becomes of one record."""
        try:
            value = self._examiner.examine(key, message)
        except InvalidRecord as error:
            return Reason.from_text(error.reason)
        assert key is not None
        made = [(each, each.let_through(value)) for each in self._projections]
        return [None if output is None else (each.key(key), output) for each, output in made]


class ByKernel:
    """What the kernel makes of records; room for outputs starts as small as is said.

    Raises:
        InvalidPolicy: the schema or a policy is refused.
    """

    def __init__(self, case: Case, room: int = 1) -> None:
        self.scanner = RecordScanner(
            case.schema, schema_id=SCHEMA_ID, key_item="key", limits=case.limits, **PLACE
        )
        self.projectors = [
            ViewProjector(
                self.scanner, each, view_schema_id=VIEW_ID, pseudonym_key=_key_of(each), room=room
            ) for each in case.policies
        ]  # fmt: skip
        self.conditions = {
            view: compile_conditions(each, self.scanner) for view, each in enumerate(case.policies)
        }
        self._router = Router(self.conditions)
        self._selector = RowSelector(case.scope)

    def scan(self, keys: Sequence[bytes | None], messages: Sequence[bytes]) -> Scanned:
        """Judge a batch whatever its rows."""
        batch = KeyBatch(keys)
        return self.scanner.scan(batch, messages).within(self._selector.select(batch))

    def judge(
        self, keys: Sequence[bytes | None], messages: Sequence[bytes]
    ) -> tuple[list[Outcome], Scanned]:
        """Give what becomes of each record of a batch, and the batch."""
        scanned = self.scan(keys, messages)
        outcomes: list[Outcome] = [scanned.reason(i) for i in range(scanned.count)]
        accepted = np.flatnonzero(scanned.accepted)
        for i in accepted.tolist():
            outcomes[i] = [None] * len(self.projectors)
        for view, chosen in self._router.route(scanned.batch, accepted):
            self._let_through(view, chosen, keys, scanned, outcomes)
        return outcomes, scanned

    def _let_through(
        self,
        view: int,
        chosen: Any,
        keys: Sequence[bytes | None],
        scanned: Scanned,
        outcomes: list[Outcome],
    ) -> None:
        projector = self.projectors[view]
        projected = projector.project(scanned, chosen)
        view_keys: list[bytes] = [keys[i] or b"" for i in projected.indices]
        if projector.pseudonymises_keys:
            view_keys = projector.view_keys(KeyBatch(keys), chosen)
            assert projected.keys == view_keys
        for i, key, output in zip(projected.indices, view_keys, projected.payloads, strict=True):
            rows = outcomes[i]
            # Each view gets a record once, and only one that was accepted.
            assert isinstance(rows, list)
            assert rows[view] is None
            rows[view] = key, output


Sides: TypeAlias = "tuple[Case, ByReference, ByKernel]"


def both(case: Case, room: int = 1) -> Sides | None:
    """Make reference and kernel for those policies that can be applied; None where none can.

    Raises:
        AssertionError: what one of them refuses, the other takes.
    """
    made = _both(case, room)
    if made is None and _both(replace(case, policies=()), room) is not None:
        taken = [it for it in case.policies if _both(replace(case, policies=(it,)), room)]
        made = _both(replace(case, policies=tuple(taken)), room) if taken else None
    return made


def _both(case: Case, room: int) -> Sides | None:
    by_reference, law = _refusal(lambda: ByReference(case))
    by_kernel, kernel = _refusal(lambda: ByKernel(case, room))
    assert bool(by_reference) is bool(by_kernel), f"{by_reference=}, {by_kernel=}"
    return None if law is None or kernel is None else (case, law, kernel)


def _refusal(make: Callable[[], Side]) -> tuple[str, Side | None]:
    try:
        return "", make()
    except InvalidPolicy as error:
        return str(error), None


def _key_of(policy: Policy) -> bytes | None:
    return PSEUDONYM_KEY if policy.audience else None
