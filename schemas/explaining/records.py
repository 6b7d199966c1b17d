"""What becomes of one record under a grant, judged by the strict reference and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from schemas.errors import InvalidPolicy, InvalidRecord
from schemas.explaining.conditions import ConditionJudged, judged_conditions
from schemas.explaining.readable import readable
from schemas.explaining.words import told_reason
from schemas.ledger.published import Resource
from schemas.policy import ENVELOPE, Constant, Limits, Policy, Pseudonym, Reason, view_schema
from schemas.policy.application import keeps_key
from schemas.policy.decoding import decode
from schemas.policy.examining import FRAME_LENGTH, Examiner
from schemas.policy.masking import PSEUDONYM_KEY_BYTES
from schemas.policy.reference import Projection
from schemas.policy.schema_reading import read_record

HIDDEN: Final = "（假名）"
"""Stands for a pseudonym that can't be made, because the key for it is not at hand."""


@dataclass(frozen=True, slots=True)
class GivenRecord:
    """A record as its source would send it.

    Args:
        source: the department that answers for its row.
        key: of the record.
        message: framed Avro, written with the newest version of the entry.
    """

    source: str
    key: bytes
    message: bytes


@dataclass(frozen=True, slots=True)
class RecordTold:
    """What becomes of a record.

    Attributes:
        source: the department that answers for its row; empty where no event could be made of it.
        accepted: whether it passes every check, which doesn't depend on the grant.
        refused_by: `publisher` (nothing is sent), `bus` (it is quarantined), or empty.
        reason: the code; empty where it is accepted.
        meaning: of the reason, in Chinese.
        item: the item that a publisher refused.
        conditions: of the grant's rows, each with its verdict.
        in_view: whether all hold.
        key: the record's key in the view; None where it is not there, or a pseudonym that can't be
            made here.
        holds: the items that the view has of it; None where it is not there.
        pseudonyms_known: whether pseudonyms in `key` and `holds` are the real ones; otherwise
            `HIDDEN` stands for them.
    """

    source: str
    accepted: bool
    refused_by: str = ""
    reason: str = ""
    meaning: str = ""
    item: str = ""
    conditions: tuple[ConditionJudged, ...] = ()
    in_view: bool = False
    key: str | None = None
    holds: Mapping[str, Any] | None = None
    pseudonyms_known: bool = True

    def document(self) -> dict[str, Any]:
        """Give it as data."""
        return asdict(self)


def explain_refusal(error: InvalidRecord) -> RecordTold:
    """Explain why a publisher makes no event of a record."""
    return RecordTold(
        source="",
        accepted=False,
        refused_by="publisher",
        reason=error.reason,
        meaning=told_reason(error.reason, by_publisher=True),
        item=error.where,
    )


def explain_record(
    resource: Resource,
    policy: Policy,
    given: GivenRecord,
    pseudonym_key: bytes | None = None,
    limits: Limits | None = None,
) -> RecordTold:
    """Judge one record under a policy: is it accepted, do the rows let it in, what is let out.

    Args:
        resource: its entry in the ledger; the newest version counts.
        policy: of the grant.
        given: the record.
        pseudonym_key: the policy's; None where it is not at hand.
        limits: bounds on one record; the defaults when left out.
    """
    contract = resource.contract
    examiner = Examiner(
        resource.schema,
        schema_id=resource.schema_id,
        key_item=contract.key,
        resource=contract.resource,
        sources=[given.source],
        scope=resource.sources[given.source],
        limits=limits,
    )
    try:
        value = examiner.examine(given.key, given.message)
    except InvalidRecord as error:
        return _refused(given, error.reason)
    is_known = policy.audience is None or pseudonym_key is not None
    shown = policy if is_known else _without_pseudonyms(policy, contract.key)
    key = pseudonym_key if is_known else bytes(PSEUDONYM_KEY_BYTES)
    try:
        judged = judged_conditions(policy, contract, examiner.event.record, value)
        projection = Projection(shown, examiner, view_schema_id=0, pseudonym_key=key)
    except InvalidPolicy:
        return _refused(given, Reason.VIEW_VERSION.text)
    message = projection.project(given.key, given.message)
    told = RecordTold(
        given.source,
        accepted=True,
        conditions=judged,
        in_view=message is not None,
        pseudonyms_known=is_known,
    )
    if message is None:
        return told
    hides_key = not is_known and not keeps_key(policy, contract.key)
    return replace(
        told,
        key=None if hides_key else projection.key(given.key).decode(),
        holds=_holds(shown, resource, message),
    )


def _refused(given: GivenRecord, reason: str) -> RecordTold:
    return RecordTold(
        given.source,
        accepted=False,
        refused_by="bus",
        reason=reason,
        meaning=told_reason(reason),
    )


def _holds(policy: Policy, resource: Resource, message: bytes) -> dict[str, Any]:
    view = read_record(view_schema(policy, resource.schema, key_item=resource.contract.key))
    value, _ = decode(view, message[FRAME_LENGTH:], Limits())
    held: dict[str, Any] = readable(view, value)
    del held[ENVELOPE]
    return held


def _without_pseudonyms(policy: Policy, key_item: str) -> Policy:
    """Give the policy with a word in the place of each pseudonym."""
    actions = tuple(
        (path, Constant(HIDDEN) if action == Pseudonym() else action)
        for path, action in policy.actions
    )
    # An audience is there exactly when something is pseudonymised, which may be the key alone.
    audience = None if keeps_key(policy, key_item) else policy.audience
    return replace(policy, actions=actions, audience=audience)
