"""The law of the compiled projection: it equals *strictly decode, apply, encode*.

Random schemas, policies, payloads and damage are drawn; the strict reference says what must
come out, and fastavro says whether the reference itself reads well-formed payloads as others do.
"""

from __future__ import annotations

import io
import json
import random
import struct
from typing import Any

import fastavro
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidRecord
from schemas.policy import Limits, Match, Policy, Reason, RowFilter, reference, view_schema
from stream_apps.enforcement.conditions import compile_conditions
from stream_apps.enforcement.projector import ViewProjector
from stream_apps.enforcement.routing import Router
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner
from stream_apps.enforcement.scopes import RowSelector
from tests.unit.stream_apps.drawn_records import ENVELOPE, KEYS, PLACE, Drawing

LIMITS = Limits(max_items=300, max_record_bytes=4_000)
KEY = bytes(range(32))
SEEDS = st.integers(0, 2**64 - 1)


def by_reference(
    policy: Policy, schema: dict[str, Any], scope: RowFilter | None = None, **record: Any
) -> bytes | Reason | None:
    """Give what the law says of one record: a message, None where no row is let out, a reason."""
    try:
        return reference.project(
            policy, schema, schema_id=5, key_item="key", view_schema_id=9, limits=LIMITS,
            scope=scope, pseudonym_key=KEY, **PLACE, **record,
        )  # fmt: skip
    except InvalidRecord as error:
        return Reason.from_text(error.reason)


def by_kernel(
    policy: Policy,
    schema: dict[str, Any],
    keys: list[bytes | None],
    messages: list[bytes],
    scope: RowFilter | None = None,
) -> list[bytes | Reason | None]:
    """Give what the kernel makes of a batch, in the same form; room for output starts tiny."""
    scanner = RecordScanner(schema, schema_id=5, key_item="key", limits=LIMITS, **PLACE)
    key = KEY if policy.audience else None
    projector = ViewProjector(scanner, policy, view_schema_id=9, pseudonym_key=key, room=1)
    batch = KeyBatch(keys)
    scanned = scanner.scan(batch, messages).within(RowSelector(scope).select(batch))
    router = Router({0: compile_conditions(policy, scanner)})
    routed = dict(router.route(scanned.batch, np.flatnonzero(scanned.accepted)))
    projected = projector.project(scanned, routed.get(0, np.empty(0, np.int64)))
    made = dict(zip(projected.indices, projected.payloads, strict=True))
    return [made.get(i) if scanned.accepted[i] else scanned.reason(i) for i in range(scanned.count)]


def check_law(rng: random.Random, records: int) -> list[Reason]:
    """Compare kernel and reference on one random schema; give the reasons that came up."""
    drawing = Drawing(rng, wrong=rng.choice([0, 0, 0.05, 0.2]))
    schema = drawing.schema()
    policy = drawing.policy(schema)
    scope = drawing.rows()
    keys: list[bytes | None] = []
    messages = []
    for _ in range(records):
        key = rng.choice(KEYS)
        message = reference.frame(5) + drawing.payload(schema, {*policy.items}, key)
        while rng.random() < 0.4:
            message = drawing.damage(message)
        odd_key = rng.choice([None, b"", b"\xff", b"other"])
        keys.append(key.encode() if rng.random() < 0.95 else odd_key)
        messages.append(message)
    expected = [
        by_reference(policy, schema, scope, key=key, message=message)
        for key, message in zip(keys, messages, strict=True)
    ]
    assert by_kernel(policy, schema, keys, messages, scope) == expected
    return [outcome for outcome in expected if isinstance(outcome, Reason)]


@settings(deadline=None, max_examples=150)
@given(SEEDS)
def test_projection_equals_the_strict_reference(seed: int) -> None:
    """Whole, truncated, extended and mutated records come out, or are refused, as the law says."""
    check_law(random.Random(seed), records=12)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_no_byte_of_a_dropped_item_is_in_any_output(seed: int) -> None:
    """What a policy drops is nowhere in what it lets out, whatever the shape of the item."""
    drawing = Drawing(random.Random(seed))
    schema = drawing.schema()
    policy = drawing.policy(schema)
    messages = [
        reference.frame(5) + drawing.payload(schema, {*policy.items}, "abc") for _ in range(5)
    ]
    for output in by_kernel(policy, schema, [b"abc"] * 5, messages):
        assert not isinstance(output, bytes) or b"DROPPED" not in output


def normal(value: Any) -> Any:
    """Put what two decoders give into one form: floats by their bits, maps as pairs."""
    match value:
        case float():
            return struct.pack("<d", value) if value == value else "NaN"
        case dict():
            return {name: normal(part) for name, part in value.items()}
        case list() if value and all(
            isinstance(i, dict) and {*i} == {"key", "value"} for i in value
        ):
            return {entry["key"]: normal(entry["value"]) for entry in value}
        case list():
            return [normal(part) for part in value] or {}
    return value


def without_logical_types(schema: Any) -> Any:
    return json.loads(json.dumps(schema).replace('"logicalType"', '"wasLogicalType"'))


def by_fastavro(schema: Any, payload: bytes) -> Any:
    return fastavro.schemaless_reader(io.BytesIO(payload), without_logical_types(schema), None)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_fastavro_reads_well_formed_records_and_views_as_the_reference_does(
    seed: int,
) -> None:
    """The reference and the view schema mean what every Avro library takes them to mean."""
    drawing = Drawing(random.Random(seed))
    schema = drawing.schema()
    policy = drawing.policy(schema)
    payload = drawing.payload(schema, {*policy.items}, "abc")
    value = reference.strict_decode(schema, payload, LIMITS)
    read = by_fastavro(schema, payload)
    assert normal(reference.plain(value)) == normal(read)

    (output,) = by_kernel(
        Policy.kept(policy.resource, policy.items), schema, [b"abc"], [reference.frame(5) + payload]
    )
    assert isinstance(output, bytes)
    view = view_schema(policy, schema, key_item="key")
    kept = {name: part for name, part in read.items() if name in {"envelope", *policy.items}}
    assert normal(by_fastavro(view, output[5:])) == normal(kept)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_headers_of_deletes_are_judged_as_the_reference_judges_them(seed: int) -> None:
    """The envelope alone, without a frame and a key item, is checked by the same law."""
    rng = random.Random(seed)
    drawing = Drawing(rng)
    scanner = RecordScanner(ENVELOPE, schema_id=None, key_item=None, limits=LIMITS, **PLACE)
    headers = [drawing.payload({"fields": [None]}, set(), "") for _ in range(10)]
    headers = [drawing.damage(header) if rng.random() < 0.7 else header for header in headers]
    keys = [rng.choice([b"a", None, b"\xc0\x80", "广".encode()]) for _ in headers]
    scanned = scanner.scan(keys, headers)
    for i, (key, header) in enumerate(zip(keys, headers, strict=True)):
        try:
            reference.examine(
                ENVELOPE, schema_id=None, key_item=None, key=key, message=header, limits=LIMITS,
                **PLACE,
            )  # fmt: skip
            expected = Reason.OK
        except InvalidRecord as error:
            expected = Reason.from_text(error.reason)
        assert scanned.reason(i) is expected


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=6)), st.sampled_from([Match.IN, Match.PREFIX]), st.data())
def test_rows_are_selected_by_key_as_the_filter_says(
    keys: list[bytes], match: Match, data: st.DataObject
) -> None:
    """The search among sorted values finds exactly the keys that the filter matches."""
    alphabet = st.sampled_from("ab\x00中")
    values = data.draw(st.lists(st.text(alphabet, min_size=1, max_size=3), min_size=1))
    keys += [data.draw(st.sampled_from(values)).encode() + key[:2] for key in keys]
    rows = RowFilter("key", match, tuple(values))
    selected = RowSelector(rows).select(KeyBatch(keys))
    assert selected.tolist() == [rows.matches(key) for key in keys]


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=8) | st.text(max_size=4).map(str.encode), SEEDS)
def test_utf8_is_what_python_takes_for_utf8(raw: bytes, seed: int) -> None:
    """Overlong forms, surrogates and code points above U+10FFFF are refused, all else is not."""
    rng = random.Random(seed)
    scanner = RecordScanner(ENVELOPE, schema_id=None, key_item=None, **PLACE)
    lead = bytes([rng.choice([0xC0, 0xC2, 0xE0, 0xE4, 0xED, 0xEF, 0xF0, 0xF4, 0xF5])])
    tails = [bytes([byte]) for byte in (0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0)]
    keys = [b"k" + raw, *(b"k" + lead + a + b + c for a in tails for b in tails for c in tails[:4])]
    header = Drawing(rng).payload({"fields": [None]}, set(), "")
    scanned = scanner.scan(keys, [header] * len(keys))
    for i, key in enumerate(keys):
        try:
            key.decode("utf-8", "strict")
            assert scanned.accepted[i]
        except UnicodeDecodeError:
            assert scanned.reason(i) is Reason.KEY_UTF8
    assert scanned.status.dtype == np.int8
