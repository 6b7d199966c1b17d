"""What the bus needs to find in a change event, whatever its resource: the envelope and its claims.

A value schema's first field is `envelope`. The header of a delete is the envelope alone, as its own
schema. This finds the envelope in either and makes sure that what it claims can be compared;
comparing is `reference` and the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import InvalidPolicy
from schemas.policy.avro_types import AvroType, Kind, Primitive, Record
from schemas.policy.rows import ENVELOPE

CLAIMS = ("source", "resource")
"""The envelope's fields that must agree with where the record was found."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangeEvent:
    """A record type whose claims can be checked.

    Args:
        record: the type of the whole payload.
        envelope: the envelope's type; the same as `record` in the header of a delete.
        key_item: the item that must equal the record's key; None for the header of a delete.
    """

    record: Record
    envelope: Record
    key_item: str | None

    @property
    def is_header(self) -> bool:
        """Whether the payload is an envelope alone."""
        return self.record is self.envelope


def change_event(record: Record, key_item: str | None) -> ChangeEvent:
    """Find the envelope of a record type, and check that its claims and the key can be compared.

    Args:
        record: the type of the payload.
        key_item: the item that is the record's key; None for the header of a delete.

    Raises:
        InvalidPolicy: no envelope in the first place, a claim or the key item is missing or not a
            plain string, or the event or its envelope holds itself.
    """
    first = record.fields[0] if record.fields else None
    envelope = record
    if first is not None and first.name == ENVELOPE:
        if not isinstance(first.type, Record):
            raise InvalidPolicy("the envelope is not a record", where=record.name)
        envelope = first.type
    elif any(field.name == ENVELOPE for field in record.fields) or key_item is not None:
        raise InvalidPolicy(
            "the first field of a change event must be its envelope", where=record.name
        )
    if record.recursive or envelope.recursive:
        # A view's record is cut, so it can't stand for the whole one inside itself.
        raise InvalidPolicy("a change event holds itself", where=record.name)
    for claim in CLAIMS:
        _check_string(envelope, claim)
    if key_item is not None:
        _check_string(record, key_item)
    return ChangeEvent(record, envelope, key_item)


def _check_string(record: Record, name: str) -> None:
    field = record.field(name)
    if field is None or not _is_string(field.type):
        raise InvalidPolicy(
            "a field that must be compared is missing or not a plain string",
            where=f"{record.name}.{name}",
        )


def _is_string(avro: AvroType) -> bool:
    return isinstance(avro, Primitive) and avro.kind is Kind.STRING and not avro.logical
