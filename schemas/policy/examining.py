"""Every check that the strict reference does on a record, whatever policy, in plain Python."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schemas.policy.change_event import ChangeEvent, change_event
from schemas.policy.decoding import Value, decode, refuse
from schemas.policy.limits import Limits
from schemas.policy.reasons import Reason
from schemas.policy.rows import ENVELOPE, RowFilter
from schemas.policy.schema_reading import read_record

FRAME_LENGTH = 5
"""Confluent's frame: a zero byte and the schema id, four bytes, big endian."""


class Examiner:
    """Does every check on records that were written with one schema, one after the other.

    Args:
        writer_schema: the schema of a change event, or of the envelope alone (a delete's header).
        schema_id: the id that the frame must name; None when there is no frame.
        key_item: the item that must equal the key; None for no such check.
        resource: the resource whose topic the record came from.
        sources: the departments that the resource is bound to.
        scope: the rows that the topic's source answers for; None for all.
        limits: bounds; the defaults when left out.

    Raises:
        InvalidPolicy: the schema can't be enforced.
    """

    def __init__(
        self,
        writer_schema: Mapping[str, object],
        *,
        schema_id: int | None,
        key_item: str | None,
        resource: str,
        sources: Collection[str],
        scope: RowFilter | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.schema = writer_schema
        self.event = change_event(read_record(writer_schema), key_item)
        self.resource = resource
        self._schema_id = schema_id
        self._sources = set(sources)
        self._scope = scope
        self._limits = limits or Limits()

    def examine(self, key: bytes | None, message: bytes) -> dict[str, Value]:
        """Give the decoded value of a record that passes every check.

        Args:
            key: the record's key.
            message: the record's value, or the header's.

        Raises:
            InvalidRecord: the record is refused, for the first reason in the order of `reference`.
        """
        if not key:
            refuse(Reason.MISSING_KEY)
        if len(key) + len(message) > self._limits.max_record_bytes:
            refuse(Reason.OUTPUT_LIMIT)
        payload = message if self._schema_id is None else _unframed(message, self._schema_id)
        value, growth = decode(self.event.record, payload, self._limits)
        assert isinstance(value, dict)
        if len(key) + len(message) + growth > self._limits.max_output_bytes:
            refuse(Reason.OUTPUT_GROWTH)
        _check_claims(self.event, value, self.resource, self._sources)
        _check_key(self.event, value, key)
        if self._scope is not None and not self._scope.matches(key):
            refuse(Reason.FOREIGN_ROW)
        return value


def frame(schema_id: int) -> bytes:
    """Give the five bytes that stand before the Avro of a message."""
    return b"\x00" + schema_id.to_bytes(4, "big", signed=True)


def _unframed(message: bytes, schema_id: int) -> bytes:
    if len(message) < FRAME_LENGTH or message[0] != 0:
        refuse(Reason.BAD_FRAME)
    if message[:FRAME_LENGTH] != frame(schema_id):
        refuse(Reason.UNKNOWN_SCHEMA)
    return message[FRAME_LENGTH:]


def _check_claims(
    event: ChangeEvent, value: dict[str, Value], resource: str, sources: Collection[str]
) -> None:
    envelope = value if event.is_header else value[ENVELOPE]
    assert isinstance(envelope, dict)
    if envelope["resource"] != resource:
        refuse(Reason.WRONG_RESOURCE)
    if envelope["source"] not in set(sources):
        refuse(Reason.UNKNOWN_SOURCE)


def _check_key(event: ChangeEvent, value: dict[str, Value], key: bytes) -> None:
    try:
        text = key.decode("utf-8", "strict")
    except UnicodeDecodeError:
        # The error would carry the key along, so it is not chained.
        text = None
    if text is None:
        refuse(Reason.KEY_UTF8)
    if event.key_item is not None and text != value[event.key_item]:
        refuse(Reason.KEY_MISMATCH)
