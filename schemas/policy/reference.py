"""The strict reference: what enforcement must do to a record, in plain slow Python.

Its law is *strictly decode, apply, encode*. The compiled projection must give the same bytes,
refuse the same records, and for the same reason; so the order of the checks is part of the law:

1. `missing-key`
2. `output-limit`
3. `bad-frame`, then `unknown-schema` (a payload without a frame skips both)
4. the payload, byte by byte in the order of the schema; within an array or map block first its
   count (`item-limit`), then its size, then its elements, then `block-size`
5. `trailing-bytes`
6. `output-growth`
7. `wrong-resource`, then `unknown-source`
8. `key-utf8`, then `key-mismatch`
9. `foreign-row`

Tests compare the kernel with it; `policy explain` and downloads may use it directly.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping

from schemas.errors import InvalidPolicy
from schemas.policy.change_event import ChangeEvent, change_event
from schemas.policy.decoding import Blocks, Chosen, Real, Value, decode, refuse
from schemas.policy.decoding import encode as encode_type
from schemas.policy.limits import Limits
from schemas.policy.policy import Policy
from schemas.policy.reasons import Reason
from schemas.policy.rows import ENVELOPE, RowFilter
from schemas.policy.schema_reading import read_record, read_schema
from schemas.policy.unwinding import unwind
from schemas.policy.view import view_schema

FRAME_LENGTH = 5
"""Confluent's frame: a zero byte and the schema id, four bytes, big endian."""


def strict_decode(schema: object, payload: bytes, limits: Limits | None = None) -> Value:
    """Decode one whole payload, refusing whatever is not the one right way to write it.

    Args:
        schema: an Avro schema as `json.loads` gives it.
        payload: Avro, without a frame.
        limits: bounds; the defaults when left out.

    Raises:
        InvalidRecord: the payload is refused; the error carries the reason's text.
        InvalidPolicy: the schema can't be enforced.
    """
    return decode(read_schema(schema), payload, limits or Limits())[0]


def encode(schema: object, value: Value) -> bytes:
    """Encode a value that `strict_decode` gave; every block gets a positive count and no size.

    Raises:
        InvalidPolicy: the schema can't be enforced.
    """
    return encode_type(read_schema(schema), value)


def plain(value: Value) -> object:
    """Give a decoded value as lists, dictionaries and numbers, the way people expect it.

    The entries of a map stay a list of `{"key": …, "value": …}`.
    """
    return unwind(_plainly, value)


def _plainly(value: Value) -> Generator[Value, object, object]:
    match value:
        case Real():
            return value.number
        case Chosen():
            return (yield value.value)
        case Blocks():
            items: list[object] = []
            for block in value.blocks:
                for item in block:
                    items.append((yield item))  # noqa: PERF401 (a comprehension can't yield)
            return items
        case dict():
            parts: dict[str, object] = {}
            for name, part in value.items():
                parts[name] = yield part
            return parts
    return value


def examine(
    writer_schema: Mapping[str, object],
    *,
    schema_id: int | None,
    key_item: str | None,
    key: bytes | None,
    message: bytes,
    resource: str,
    sources: Collection[str],
    scope: RowFilter | None = None,
    limits: Limits | None = None,
) -> dict[str, Value]:
    """Do every check on one record, and give its decoded value.

    Args:
        writer_schema: the schema of a change event, or of the envelope alone (a delete's header).
        schema_id: the id that the frame must name; None when there is no frame.
        key_item: the item that must equal the key; None for no such check.
        key: the record's key.
        message: the record's value, or the header's.
        resource: the resource whose topic the record came from.
        sources: the departments that the resource is bound to.
        scope: the rows that the topic's source answers for; None for all.
        limits: bounds; the defaults when left out.

    Raises:
        InvalidRecord: the record is refused, for the first reason in the module's order.
        InvalidPolicy: the schema can't be enforced.
    """
    limits = limits or Limits()
    event = change_event(read_record(writer_schema), key_item)
    if not key:
        refuse(Reason.MISSING_KEY)
    if len(key) + len(message) > limits.max_record_bytes:
        refuse(Reason.OUTPUT_LIMIT)
    payload = message if schema_id is None else _unframed(message, schema_id)
    value, growth = decode(event.record, payload, limits)
    assert isinstance(value, dict)
    if len(key) + len(message) + growth > limits.max_output_bytes:
        refuse(Reason.OUTPUT_GROWTH)
    _check_claims(event, value, resource, sources)
    _check_key(event, value, key)
    if scope is not None and not scope.matches(key):
        refuse(Reason.FOREIGN_ROW)
    return value


def project(
    policy: Policy,
    writer_schema: Mapping[str, object],
    *,
    schema_id: int | None,
    key_item: str,
    key: bytes | None,
    message: bytes,
    resource: str,
    sources: Collection[str],
    scope: RowFilter | None = None,
    view_schema_id: int,
    limits: Limits | None = None,
) -> bytes | None:
    """Give what a view holds of one record: its message, or None when the rows leave it out.

    Args:
        policy: what is let through.
        writer_schema: the schema of the resource's change events.
        schema_id: the id that the frame must name; None when there is no frame.
        key_item: the item that is the records' key.
        key: the record's key.
        message: the record's value.
        resource: the resource whose topic the record came from.
        sources: the departments that the resource is bound to.
        scope: the rows that the topic's source answers for; None for all.
        view_schema_id: the id of `view_schema`, which the result's frame names.
        limits: bounds; the defaults when left out.

    Raises:
        InvalidRecord: the record is refused, whatever its row.
        InvalidPolicy: the policy can't be applied to the schema, or is another resource's.
    """
    if policy.resource != resource:
        raise InvalidPolicy("the policy is for another resource", where=policy.resource)
    target = view_schema(policy, writer_schema, key_item=key_item)
    value = examine(
        writer_schema,
        schema_id=schema_id,
        key_item=key_item,
        key=key,
        message=message,
        resource=resource,
        sources=sources,
        scope=scope,
        limits=limits,
    )
    if not all(row.matches(key or b"") for row in policy.rows):
        return None
    kept = {name: value[name] for name in (ENVELOPE, *policy.items)}
    return frame(view_schema_id) + encode(target, kept)


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
