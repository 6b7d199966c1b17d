"""Batches of real divisions through scanner, selector and projector, and their edges."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest

from schemas.errors import InvalidPolicy, InvalidRecord
from schemas.policy import Limits, Match, Policy, Reason, RowFilter, view_schema
from schemas.policy.decoding import varint
from schemas.policy.reference import frame, project
from stream_apps.enforcement.projector import ViewProjector
from stream_apps.enforcement.scanner import KeyBatch, RecordScanner, Scanned
from stream_apps.enforcement.scopes import RowSelector

DIVISION = json.loads(Path("schemas/resources/geography.division/v1.avsc").read_text())
ENVELOPE = json.loads(Path("schemas/events/envelope.avsc").read_text())
RESOURCE = "geography.division"
SOURCE = "civil-affairs"
CLAIMS = {
    "event_id": bytes(16),
    "sequence": 1,
    "source": SOURCE,
    "resource": RESOURCE,
    "occurred_at": 1_767_225_600_000_000,
}
ALL = ("code", "name", "level", "parent", "path", "area", "population")


def avro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def division(code: str, **changes: Any) -> bytes:
    record = {
        "envelope": CLAIMS,
        "code": code,
        "name": "荔湾区",
        "level": "county",
        "parent": code[:4],
        "path": ["广东省", "广州市", "荔湾区"],
        "area": None,
        "population": None,
    }
    return frame(7) + avro(DIVISION, record | changes)


def scanner(schema: Any = DIVISION, **changes: Any) -> RecordScanner:
    given: dict[str, Any] = {"schema_id": 7, "key_item": "code", "limits": Limits()}
    return RecordScanner(schema, resource=RESOURCE, sources=[SOURCE], **given | changes)


def with_item(item: Any) -> dict[str, Any]:
    """Make a schema with one item of a type between two plain ones."""
    return {
        "type": "record",
        "name": "Thing",
        "fields": [
            {"name": "envelope", "type": ENVELOPE},
            {"name": "code", "type": "string"},
            {"name": "item", "type": item},
            {"name": "after", "type": "string"},
        ],
    }


def with_bytes(item: bytes) -> bytes:
    """Make a message of that schema, the item given as it is encoded."""
    return frame(7) + avro(ENVELOPE, CLAIMS) + b"\x06abc" + item + b"\x0aafter"


def test_a_batch_is_judged_record_by_record() -> None:
    """One bad record changes nothing for the others, and each has its own reason."""
    keys = [b"440103", b"440104", None, b"440106"]
    messages = [division("440103"), division("440105"), division("440105"), division("440106")[:-1]]
    scanned = scanner().scan(keys, messages)
    assert [scanned.reason(i) for i in range(scanned.count)] == [
        Reason.OK,
        Reason.KEY_MISMATCH,
        Reason.MISSING_KEY,
        Reason.TRUNCATED,
    ]
    assert scanned.accepted.tolist() == [True, False, False, False]


def test_only_what_is_accepted_and_selected_comes_out() -> None:
    """A selection can't let a refused record through, and what it leaves out stays out."""
    codes = ["310101", "440103", "440104", "440105"]
    messages = [division(code) for code in codes]
    messages[2] += b"\x00"
    scanning = scanner()
    keys = KeyBatch([code.encode() for code in codes])
    scanned = scanning.scan(keys, messages)
    policy = Policy.kept(RESOURCE, ("code", "name"), RowFilter("code", Match.PREFIX, ("44",)))
    selected = RowSelector(*policy.rows).select(keys)
    assert selected.tolist() == [False, True, True, True]
    projector = ViewProjector(scanning, policy, view_schema_id=9)
    with pytest.raises(ValueError, match="only what was accepted"):
        projector.project(scanned, np.flatnonzero(selected))
    projected = projector.project(scanned, np.flatnonzero(selected & scanned.accepted))
    assert projected.indices == [1, 3]
    for i, payload in zip(projected.indices, projected.payloads, strict=True):
        assert payload == project(
            policy, DIVISION, schema_id=7, key_item="code", key=codes[i].encode(),
            message=messages[i], resource=RESOURCE, sources=[SOURCE], view_schema_id=9,
        )  # fmt: skip


def test_a_projected_division_decodes_with_the_views_schema() -> None:
    """A stock Avro reader with the view's schema gets the kept items, and only those."""
    scanning = scanner()
    policy = Policy.kept(RESOURCE, ("code", "path"))
    scanned = scanning.scan([b"440103"], [division("440103")])
    projector = ViewProjector(scanning, policy, view_schema_id=9)
    (payload,) = projector.project(scanned, np.arange(1)).payloads
    schema: Any = view_schema(policy, DIVISION, key_item="code")
    read: Any = fastavro.schemaless_reader(io.BytesIO(payload[5:]), schema, None)
    read.pop("envelope")
    assert read == {"code": "440103", "path": ["广东省", "广州市", "荔湾区"]}


def test_keeping_everything_changes_the_schema_id_only() -> None:
    """The view of a policy that drops nothing holds the records byte for byte."""
    codes = [f"{code:06}" for code in range(500)]
    messages = [division(code) for code in codes]
    scanning = scanner()
    scanned = scanning.scan([code.encode() for code in codes], messages)
    projector = ViewProjector(scanning, Policy.kept(RESOURCE, ALL), view_schema_id=9, room=1)
    projected = projector.project(scanned, np.arange(500))
    assert projected.indices == list(range(500))
    assert projected.payloads == [frame(9) + message[5:] for message in messages]


STRINGS = {"type": "array", "items": "string"}
NUMBERS = [
    bound + step
    for bound in (0, 2**31, -(2**31), 2**63 - 1, -(2**63), 2_932_896, -719_162, 86_400_000)
    for step in (-1, 0, 1)
] + [
    bound + step
    for bound in (253_402_300_800_000_000, -62_135_596_800_000_000, 253_402_300_800_000)
    for step in (-1, 0, 1)
]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "payloads"),
    [
        ("int", [varint(number) for number in NUMBERS]),
        ("long", [varint(number) for number in NUMBERS]),
        (
            "long",
            [b"\x80" * n + bytes([last]) for n in (0, 1, 8, 9, 10) for last in (0, 1, 2, 3, 127)],
        ),
        *(
            ({"type": base, "logicalType": logical}, [varint(number) for number in NUMBERS])
            for base, logical in [
                ("int", "date"),
                ("int", "time-millis"),
                ("long", "time-micros"),
                ("long", "timestamp-millis"),
                ("long", "timestamp-micros"),
                ("long", "local-timestamp-micros"),
            ]
        ),
        (STRINGS, [varint(-2) + varint(size) + b"\x02a\x02b\x00" for size in range(-1, 13)]),
        ({"type": "array", "items": "null"}, [varint(-2) + bytes([i]) + b"\x00" for i in range(9)]),
        ("boolean", [bytes([byte]) for byte in (0, 1, 2, 255)]),
        (["null", "boolean"], [varint(index) + b"\x01" for index in (-1, 0, 1, 2, 2**62)]),
        (
            {"type": "enum", "name": "E", "symbols": ["A", "B"]},
            [varint(index) for index in (-1, 0, 1, 2, 2**62)],
        ),
    ],
)
def test_the_edges_of_every_check_lie_where_the_reference_has_them(
    item: Any, payloads: list[bytes]
) -> None:
    """Just inside is let through unchanged, just outside is refused, and for the same reason."""
    schema = with_item(item)
    scanning = scanner(schema)
    policy = Policy.kept(RESOURCE, ("code", "item", "after"))
    projector = ViewProjector(scanning, policy, view_schema_id=9)
    messages = [with_bytes(payload) for payload in payloads]
    scanned = scanning.scan([b"abc"] * len(messages), messages)
    projected = projector.project(scanned, np.flatnonzero(scanned.accepted))
    made = dict(zip(projected.indices, projected.payloads, strict=True))
    expected = [expected_of(policy, schema, message) for message in messages]
    assert [made.get(i, scanned.reason(i)) for i in range(len(messages))] == expected
    assert scanned.accepted.any()
    assert not scanned.accepted.all() or item == "long"


def expected_of(policy: Policy, schema: Any, message: bytes) -> bytes | Reason | None:
    """Give what the reference makes of a message with the key `abc`."""
    try:
        return project(
            policy, schema, schema_id=7, key_item="code", key=b"abc", message=message,
            resource=RESOURCE, sources=[SOURCE], view_schema_id=9,
        )  # fmt: skip
    except InvalidRecord as error:
        return Reason.from_text(error.reason)


def test_an_empty_batch_gives_nothing() -> None:
    """A batch without records is scanned, selected and projected without fuss."""
    scanning = scanner()
    keys = KeyBatch([])
    scanned = scanning.scan(keys, [])
    projector = ViewProjector(scanning, Policy.kept(RESOURCE, ALL), view_schema_id=9)
    assert projector.project(scanned, np.flatnonzero(RowSelector(None).select(keys))).payloads == []


def test_sized_blocks_are_written_again_without_their_sizes() -> None:
    """A block's size in bytes would tell a length; many such records in one batch all come out."""
    block = varint(-2) + varint(4) + b"\x02a\x02b"
    once = varint(2) + b"\x02a\x02b"
    scanning = scanner(with_item({"type": "array", "items": "string"}))
    projector = ViewProjector(
        scanning, Policy.kept(RESOURCE, ("code", "item", "after")), view_schema_id=9
    )
    for count in (1, 300, 2):
        blocks = [1 + i % 3 for i in range(count)]
        messages = [with_bytes(block * n + b"\x00") for n in blocks]
        scanned = scanning.scan([b"abc"] * count, messages)
        projected = projector.project(scanned, np.arange(count))
        assert projected.payloads == [frame(9) + with_bytes(once * n + b"\x00")[5:] for n in blocks]


@pytest.mark.parametrize(
    "item", ["null", {"type": "fixed", "name": "F", "size": 0}, {"type": "map", "values": "null"}]
)
def test_huge_counts_of_elements_are_refused_without_counting_them(item: Any) -> None:
    """Ten bytes can't make the scanner step through 2^62 elements, nor hold that many."""
    scanning = scanner(with_item({"type": "array", "items": item}))
    counts = [2**62, -(2**62), -(2**63), 2**63 - 1, 100_001]
    messages = [with_bytes(varint(count) + b"\x00" * 3) for count in counts]
    started = time.monotonic()
    scanned = scanning.scan([b"abc"] * len(counts), messages)
    assert time.monotonic() - started < 1
    assert {scanned.reason(i) for i in range(len(counts))} == {Reason.ITEM_LIMIT}


def test_elements_without_bytes_are_let_through_up_to_the_limit() -> None:
    """As many as the limit are accepted, at no cost; blocks share the limit."""
    scanning = scanner(with_item({"type": "array", "items": "null"}))
    payloads = [varint(100_000) + b"\x00", varint(60_000) * 2 + b"\x00"]
    scanned = scanning.scan([b"abc"] * 2, [with_bytes(payload) for payload in payloads])
    assert scanned.accepted.tolist() == [True, False]


def test_a_message_longer_than_a_record_may_be_is_refused() -> None:
    """The bound counts the frame and the key, and holds for what comes out too."""
    message = division("440103")
    length = len(b"440103") + len(message)
    for bound, reason in ((length, Reason.OK), (length - 1, Reason.OUTPUT_LIMIT)):
        scanning = scanner(limits=Limits(max_record_bytes=bound))
        assert scanning.scan([b"440103"], [message]).reason(0) is reason


def test_many_sources_are_told_apart() -> None:
    """Each department that the resource is bound to is known, whatever names lie beside it."""
    sources = [f"dept-{i}" for i in range(0, 2_000, 2)]
    scanning = RecordScanner(
        ENVELOPE, schema_id=None, key_item=None, resource=RESOURCE, sources=sources
    )
    named = [f"dept-{i}" for i in range(2_000)] + ["", "dept", "dept-", "dept-00"]
    headers = [avro(ENVELOPE, CLAIMS | {"source": name}) for name in named]
    scanned = scanning.scan([b"k"] * len(named), headers)
    assert scanned.accepted.tolist() == [name in set(sources) for name in named]


def test_without_sources_nothing_is_accepted() -> None:
    """A resource that nobody is bound to lets nobody's records in."""
    scanning = RecordScanner(DIVISION, schema_id=7, key_item="code", resource=RESOURCE, sources=[])
    assert scanning.scan([b"440103"], [division("440103")]).reason(0) is Reason.UNKNOWN_SOURCE


def test_a_scan_is_good_until_the_next() -> None:
    """What an older scan found is refused, because its buffers hold the newer one's."""
    scanning = scanner()
    projector = ViewProjector(scanning, Policy.kept(RESOURCE, ALL), view_schema_id=9)
    old = scanning.scan([b"440103"], [division("440103")])
    scanning.scan([b"440104"], [division("440104")])
    with pytest.raises(ValueError, match="not the last one"):
        projector.project(old, np.arange(1))


def test_a_projection_takes_scans_of_its_schema_and_resource_only() -> None:
    """Each source has its scanner; another schema's spans would mean other fields."""
    projector = ViewProjector(scanner(), Policy.kept(RESOURCE, ALL), view_schema_id=9)
    message = division("440103")
    alike = scanner().scan([b"440103"], [message])
    assert projector.project(alike, np.arange(1)).payloads == [frame(9) + message[5:]]
    for other in (scanner(with_item("string")), scanner(key_item=None)):
        with pytest.raises(ValueError, match="another schema"):
            projector.project(other.scan([b"440103"], [message]), np.arange(1))


@pytest.mark.parametrize(
    "chosen", [np.arange(2), np.ones(1, np.bool_), np.arange(1, dtype=np.int8)]
)
def test_a_choice_that_does_not_fit_the_batch_is_refused(chosen: Any) -> None:
    """Places that the batch doesn't have, or no places, never decide what is let out."""
    scanning = scanner()
    projector = ViewProjector(scanning, Policy.kept(RESOURCE, ALL), view_schema_id=9)
    scanned = scanning.scan([b"440103"], [division("440103")])
    with pytest.raises((ValueError, IndexError)):
        projector.project(scanned, chosen)


def test_spans_outside_the_buffer_stop_the_projection() -> None:
    """If what the scan noted can't be right, nothing at all comes out."""
    scanning = scanner()
    projector = ViewProjector(scanning, Policy.kept(RESOURCE, ALL), view_schema_id=9)
    scanned: Scanned = scanning.scan([b"440103"], [division("440103")])
    for broken in (-1, scanned.batch.work.size + 1):
        scanned.batch.spans[1:14] = broken
        with pytest.raises(RuntimeError):
            projector.project(scanned, np.arange(1))


def test_keys_and_payloads_must_be_as_many() -> None:
    """A batch whose keys and payloads don't pair up is refused as a whole."""
    with pytest.raises(ValueError, match="a key for each"):
        scanner().scan([b"1", b"2"], [b""])


def test_a_policy_of_another_resource_or_without_the_key_makes_no_projector() -> None:
    """A view that can't be right is refused before its first record."""
    for policy in (Policy.kept("geography.place", ALL), Policy.kept(RESOURCE, ("name",))):
        with pytest.raises(InvalidPolicy):
            ViewProjector(scanner(), policy, view_schema_id=9)
    header = scanner(ENVELOPE, schema_id=None, key_item=None)
    with pytest.raises(InvalidPolicy):
        ViewProjector(header, Policy.kept(RESOURCE, ALL), view_schema_id=9)


def test_no_filter_lets_every_row_through_and_a_filter_none_without_a_key() -> None:
    """A record without a key is refused by the scan and matched by no filter."""
    keys = KeyBatch([b"44", None, b""])
    assert RowSelector(None).select(keys).tolist() == [True, True, True]
    rows = RowFilter("code", Match.PREFIX, ("4",))
    assert RowSelector(rows).select(keys).tolist() == [True, False, False]
