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
from schemas.policy import Limits, Match, Reason, RowFilter, reference, view_schema
from schemas.policy.application import applied
from schemas.policy.schema_reading import read_record
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner
from stream_apps.enforcement.scopes import RowSelector
from tests.unit.stream_apps.drawn_cases import DrawnCase, DrawnRecord
from tests.unit.stream_apps.drawn_records import ENVELOPE, PLACE, Drawing
from tests.unit.stream_apps.projection_law import PSEUDONYM_KEY, SCHEMA_ID, ByKernel, Case

SEEDS = st.integers(0, 2**64 - 1)


def check_law(rng: random.Random, records: int) -> None:
    """Compare kernel and reference on one random schema and its policies."""
    drawn = DrawnCase(rng)
    if drawn.sides is None:
        return
    _, law, kernel = drawn.sides
    batch = drawn.records(records)
    made, _ = kernel.judge([each.key for each in batch], [each.message for each in batch])
    assert made == [law.judge(each.key, each.message) for each in batch]
    assert not any(map(DrawnRecord.leaks_in, batch, made))


@settings(deadline=None, max_examples=200)
@given(SEEDS)
def test_projection_equals_the_strict_reference(seed: int) -> None:
    """Whole, truncated, extended and mutated records come out, or are refused, as the law says.

    Nothing that a policy drops, masks or pseudonymises is in what it lets out.
    """
    check_law(random.Random(seed), records=20)


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
    case = Case(schema, Limits(), None, (drawing.policy(schema),))
    policy = case.policies[0]
    payload = drawing.payload(schema, policy, "abc")
    value = reference.strict_decode(schema, payload)
    assert normal(reference.plain(value)) == normal(by_fastavro(schema, payload))

    (made,), _ = ByKernel(case).judge([b"abc"], [reference.frame(SCHEMA_ID) + payload])
    assert isinstance(made, list)
    if made[0] is not None:
        view = view_schema(policy, schema, key_item="key")
        shaping = applied(policy, read_record(schema), "key")
        shown = reference.shaped(shaping, value, PSEUDONYM_KEY)
        assert normal(by_fastavro(view, made[0][1][5:])) == normal(reference.plain(shown))


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_headers_of_deletes_are_judged_as_the_reference_judges_them(seed: int) -> None:
    """The envelope alone, without a frame and a key item, is checked by the same law."""
    rng = random.Random(seed)
    drawing = Drawing(rng)
    scanner = RecordScanner(ENVELOPE, schema_id=None, key_item=None, **PLACE)
    headers = [drawing.envelope() for _ in range(10)]
    headers = [drawing.damage(header) if rng.random() < 0.7 else header for header in headers]
    keys = [rng.choice([b"a", None, b"\xc0\x80", "广".encode()]) for _ in headers]
    scanned = scanner.scan(keys, headers)
    for i, (key, header) in enumerate(zip(keys, headers, strict=True)):
        try:
            reference.examine(
                ENVELOPE, schema_id=None, key_item=None, key=key, message=header, **PLACE,
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
    header = Drawing(rng).envelope()
    scanned = scanner.scan(keys, [header] * len(keys))
    for i, key in enumerate(keys):
        try:
            key.decode("utf-8", "strict")
            assert scanned.accepted[i]
        except UnicodeDecodeError:
            assert scanned.reason(i) is Reason.KEY_UTF8
    assert scanned.status.dtype == np.int8
