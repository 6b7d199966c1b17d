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

Then rows, then items: whether a record is accepted doesn't depend on any policy. The checks are
`examining` and `decoding`, the policy's part is `conditions` and `masking`. Tests compare the
kernel with it; `policy explain` and downloads may use it directly.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping

from schemas.errors import InvalidPolicy
from schemas.policy.application import applied, keeps_key
from schemas.policy.condition_reading import conditions
from schemas.policy.conditions import fulfils
from schemas.policy.decoding import Blocks, Chosen, Real, Value, decode
from schemas.policy.decoding import encode as encode_type
from schemas.policy.examining import Examiner
from schemas.policy.examining import frame as frame
from schemas.policy.limits import Limits
from schemas.policy.masking import check_key, masked, pseudonym
from schemas.policy.policy import Policy
from schemas.policy.rows import RowFilter
from schemas.policy.schema_reading import read_record, read_schema
from schemas.policy.shaping import Choice, Dropped, Entered, Masked, Repeated, Shaping, Whole
from schemas.policy.unwinding import unwind
from schemas.policy.view import view_schema


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


class Projection:
    """Applies one policy to the records that an examiner passes.

    Args:
        policy: what is let through.
        examiner: of change events, with their key item.
        view_schema_id: the id of `view_schema`, which the results' frames name.
        pseudonym_key: the policy's, 32 bytes; None where it pseudonymises nothing.

    Raises:
        InvalidPolicy: the policy can't be applied to the schema, is another resource's, or
            pseudonymises without a key.
    """

    def __init__(
        self,
        policy: Policy,
        examiner: Examiner,
        *,
        view_schema_id: int,
        pseudonym_key: bytes | None = None,
    ) -> None:
        if policy.audience is not None:
            check_key(pseudonym_key)
        if policy.resource != examiner.resource or examiner.event.key_item is None:
            raise InvalidPolicy("the policy is for another resource", where=policy.resource)
        event, self._key_item = examiner.event, examiner.event.key_item
        self._examiner = examiner
        self._policy = policy
        self._shaping = applied(policy, event.record, self._key_item)
        self._conditions = conditions(policy, event.record, self._key_item)
        self._view = read_record(view_schema(policy, examiner.schema, key_item=self._key_item))
        self._head = frame(view_schema_id)
        self._pseudonym_key = pseudonym_key

    def project(self, key: bytes | None, message: bytes) -> bytes | None:
        """Give what the view holds of one record: its message, or None: the row is not in it.

        Raises:
            InvalidRecord: the record is refused, whatever its row.
        """
        return self.let_through(self._examiner.examine(key, message))

    def let_through(self, value: dict[str, Value]) -> bytes | None:
        """Give what the view holds of one record that the examiner passed, or None: nothing."""
        if not all(fulfils(each, value) for each in self._conditions.each):
            return None
        return self._head + encode_type(
            self._view, shaped(self._shaping, value, self._pseudonym_key)
        )

    def key(self, key: bytes) -> bytes:
        """Give the key of a record in the view: see `view_key`."""
        return view_key(self._policy, self._key_item, key, self._pseudonym_key)


def shaped(shaping: Shaping, value: Value, pseudonym_key: bytes | None) -> Value:
    """Give what a policy lets through of a decoded value.

    Raises:
        InvalidPolicy: it is to be pseudonymised, and there is no key for that.
    """
    match shaping, value:
        case Whole(), _:
            return value
        case Masked(), _:
            return masked(shaping, value, pseudonym_key)
        case Entered(), dict():
            return {
                field.name: shaped(inner, value[field.name], pseudonym_key)
                for field, inner in zip(shaping.type.fields, shaping.fields, strict=True)
                if not isinstance(inner, Dropped)
            }
        case Choice(), Chosen():
            inner = shaping.branches[value.branch]
            return Chosen(value.branch, shaped(inner, value.value, pseudonym_key))
        case Repeated(), Blocks():
            return Blocks(
                tuple(
                    tuple(shaped(shaping.items, item, pseudonym_key) for item in block)
                    for block in value.blocks
                )
            )
    raise TypeError(f"a value does not fit {type(shaping).__name__}")


def view_key(policy: Policy, key_item: str, key: bytes, pseudonym_key: bytes | None) -> bytes:
    """Give the key that a record has in a policy's view.

    It is the raw one where the key item is kept, and otherwise its pseudonym: the same text as the
    item's own where that is one.

    Raises:
        InvalidPolicy: it is to be pseudonymised, and there is no key for that.
    """
    return key if keeps_key(policy, key_item) else pseudonym(pseudonym_key, key).encode()


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
    """Do every check on one record, and give its decoded value: see `Examiner`.

    Raises:
        InvalidRecord: the record is refused, for the first reason in the module's order.
        InvalidPolicy: the schema can't be enforced.
    """
    examiner = Examiner(
        writer_schema,
        schema_id=schema_id,
        key_item=key_item,
        resource=resource,
        sources=sources,
        scope=scope,
        limits=limits,
    )
    return examiner.examine(key, message)


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
    pseudonym_key: bytes | None = None,
) -> bytes | None:
    """Give what a view holds of one record: see `Examiner` and `Projection`.

    Raises:
        InvalidRecord: the record is refused, whatever its row.
        InvalidPolicy: the policy can't be applied to the schema, or is another resource's.
    """
    examiner = Examiner(
        writer_schema,
        schema_id=schema_id,
        key_item=key_item,
        resource=resource,
        sources=sources,
        scope=scope,
        limits=limits,
    )
    projection = Projection(
        policy, examiner, view_schema_id=view_schema_id, pseudonym_key=pseudonym_key
    )
    return projection.project(key, message)
