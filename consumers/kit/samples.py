"""Samples of a view, to write a reader against: nobody's records, as a view would hold them. Pure.

Synthetic rows become change events, and these are judged by the strict reference: what it refuses
is no sample, and what the policy's rows keep out isn't either; items are masked and pseudonymised
as enforcement does it, with a key that no policy has.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import fastavro

from consumers.kit.made_up_rows import made_up_rows
from schemas.catalogue import Contract
from schemas.errors import InvalidRecord
from schemas.policy import ENVELOPE, Policy, view_schema
from schemas.policy.decoding import Value
from schemas.policy.examining import FRAME_LENGTH, Examiner
from schemas.policy.masking import PSEUDONYM_KEY_BYTES
from schemas.policy.reference import Projection

Row = Mapping[str, Any]
COUNT: Final = 100
_LOOKED_THROUGH: Final = 10_000
"""Rows at most among which those of a policy are looked for."""
_SEED: Final = 1
_SOURCE: Final = "sample"
_OCCURRED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Samples:
    """Items of records, and whether each lies in the policy's rows."""

    records: list[dict[str, Any]]
    within_rows: bool


def view_samples(
    policy: Policy,
    schema: Mapping[str, Any],
    contract: Contract,
    rows: Iterable[Row] = (),
    count: int = COUNT,
) -> Samples:
    """Return samples of a policy's view.

    Args:
        policy: what is let through.
        schema: of the resource's change events.
        contract: of the resource.
        rows: synthetic ones of the resource; those that break schema or contract are left out.
            Where none is left, they are made up from schema and contract.
        count: how many at most. Where only some of the first 10,000 rows lie in the policy's,
            there are fewer; where none does, rows are shown that the policy keeps out.

    Raises:
        InvalidPolicy: the policy can't be applied to the schema.
    """
    records = _Records(schema, contract)
    given = records.of(islice(rows, _LOOKED_THROUGH))
    published = (value for row, value in given if _passes(row, contract))
    found = _shown(policy, records, published, count)
    if found.records:
        return found
    made_up = records.of(made_up_rows(schema, contract, _SEED, count))
    return _shown(policy, records, (value for _, value in made_up), count)


class _Records:
    """Rows of one resource as the decoded change events that the bus would accept."""

    def __init__(self, schema: Mapping[str, Any], contract: Contract) -> None:
        self._contract, self.key_item = contract, contract.key
        self._written = fastavro.parse_schema(dict(schema), {})
        self.examiner = Examiner(
            schema,
            schema_id=None,
            key_item=contract.key,
            resource=contract.resource,
            sources=(_SOURCE,),
        )

    def of(self, rows: Iterable[Row]) -> Iterator[tuple[Row, dict[str, Value]]]:
        """Yield each row that fits the schema with its value."""
        for number, row in enumerate(rows):
            payload = self._encoded(number, row)
            if payload is not None:
                key = str(row[self._contract.key]).encode()
                with suppress(InvalidRecord):
                    yield row, self.examiner.examine(key, payload)

    def _encoded(self, number: int, row: Row) -> bytes | None:
        envelope = {
            "event_id": bytes(16),
            "sequence": number,
            "source": _SOURCE,
            "resource": self._contract.resource,
            "occurred_at": _OCCURRED_AT,
        }
        items = {item.name: row.get(item.name) for item in self._contract.items}
        payload = io.BytesIO()
        try:
            fastavro.schemaless_writer(
                payload, self._written, {ENVELOPE: envelope, **items}, strict=True
            )
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
            return None  # another entry's row
        return payload.getvalue()


class _View:
    """What one policy shows of the records."""

    def __init__(self, policy: Policy, records: _Records) -> None:
        examiner = records.examiner
        key = bytes(PSEUDONYM_KEY_BYTES)
        self._projection = Projection(policy, examiner, view_schema_id=0, pseudonym_key=key)
        view = view_schema(policy, examiner.schema, key_item=records.key_item)
        self._read = fastavro.parse_schema(dict(view), {})

    def shown(self, value: dict[str, Value]) -> dict[str, Any] | None:
        """Return the items that the view holds of a record; None where it isn't in its rows."""
        message = self._projection.let_through(value)
        if message is None:
            return None
        payload = io.BytesIO(message[FRAME_LENGTH:])
        sample: Any = fastavro.schemaless_reader(payload, self._read, None)
        del sample[ENVELOPE]
        return dict(sample)


def _shown(
    policy: Policy, records: _Records, values: Iterable[dict[str, Value]], count: int
) -> Samples:
    view, without_rows = _View(policy, records), _View(replace(policy, rows=()), records)
    within: list[dict[str, Any]] = []
    besides: list[dict[str, Any]] = []
    for value in values:
        sample = view.shown(value)
        if sample is not None:
            within.append(sample)
            if len(within) == count:
                break
        elif len(besides) < count and (other := without_rows.shown(value)) is not None:
            besides.append(other)
    return Samples(within, True) if within else Samples(besides, False)


def _passes(row: Row, contract: Contract) -> bool:
    """Tell whether a row that fits the schema keeps the contract's checks, as published ones do."""
    kept = {item.name: row.get(item.name) for item in contract.items}
    return all(
        check.holds(kept[item.name])
        for item in contract.items
        if kept[item.name] is not None
        for check in item.checks
    ) and all(check.check(kept) for check in contract.row_checks)
