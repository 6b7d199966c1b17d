"""A batch in, everything that it gives out: equal to the strict reference, record by record."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final, cast

import fastavro
import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.kafka.clients import Access
from infra.secrets import Secrets
from schemas.catalogue import packaged_resource
from schemas.codec import event_codec, load_event_schema
from schemas.errors import InvalidRecord
from schemas.ledger.published import Resource, Version
from schemas.ledger.state import view_partitions
from schemas.ledger.subjects import View
from schemas.names import ENVELOPE_HEADER, HEARTBEAT_HEADER, raw_topic, view_topic
from schemas.policy import Band, Keep, Limits, Match, Policy, RowFilter
from schemas.policy.reference import examine, frame, project
from stream_apps.enforcement.batches import Input, Output, envelope_headers
from stream_apps.enforcement.resource import ResourceEnforcement, UnknownVersion
from stream_apps.enforcement.scanner import KeyBatch, Scanned
from stream_apps.enforcement.tally import Tally
from stream_apps.enforcement.views import ViewGroup

RESOURCE: Final = "geography.division"
SOURCE: Final = "civil-affairs"
RAW: Final = raw_topic(RESOURCE, SOURCE)
SCHEMA_ID, VIEW_ID, PARTITION, FIRST_OFFSET = 7, 21, 3, 1000
APPENDED_MS: Final = 1_700_000_000_000
"""When the broker took the first message of a batch; each one came a millisecond later."""
CONTRACT, SCHEMA = packaged_resource(RESOURCE)
PARSED = fastavro.parse_schema(SCHEMA)
ENVELOPE_SCHEMA = load_event_schema("envelope")
PARSED_ENVELOPE = fastavro.parse_schema(load_event_schema("envelope"))
ALL_ITEMS = tuple(item.name for item in CONTRACT.items)
POLICIES: Final = (
    Policy.kept(RESOURCE, ("code", "name", "level", "parent", "path")),
    Policy.kept(RESOURCE, ("code", "area"), RowFilter("code", Match.PREFIX, ("44",))),
    Policy.kept(RESOURCE, ALL_ITEMS, RowFilter("code", Match.IN, ("11", "4401"))),
    Policy.kept(RESOURCE, ("code",), RowFilter("code", Match.IN, ("999999",))),
    Policy(RESOURCE, (("code", Keep()), ("area", Band(100)))),
    Policy.kept(RESOURCE, ("code",), RowFilter("area", Match.RANGE, low=0, high=10_000)),
)
SECRET = "秘密的地名"
LIMIT: Final = Limits().max_record_bytes


def view_of(policy: Policy) -> View:
    """Return the view of a policy."""
    topic = view_topic(RESOURCE, policy.name)
    return View(topic, policy, view_partitions(CONTRACT, policy), VIEW_ID, 40)


def enforcement(
    *policies: Policy,
    sources: Mapping[str, RowFilter | None] | None = None,
    limits: Limits | None = None,
) -> ResourceEnforcement:
    """Return the enforcement of the packaged resource, over the views of these policies."""
    sources = sources or {SOURCE: None}
    versions = (Version(1, CONTRACT, SCHEMA, SCHEMA_ID, ready=True),)
    resource = Resource(SOURCE, sources, versions)
    made = ResourceEnforcement(resource, Secrets(bytes(32)), limits)
    for policy in policies:
        made.keep_view(made.view(view_of(policy)), PARTITION)
    return made


def alone(made: ResourceEnforcement, policy: Policy) -> ViewGroup:
    """Return one view, to be filled."""
    return made.group([made.view(view_of(policy))])


def avro(schema: Any, value: dict[str, Any]) -> bytes:
    """Encode a value."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, schema, value, strict=True)
    return buffer.getvalue()


def envelope(**changes: Any) -> dict[str, Any]:
    """Return an envelope."""
    return {
        "event_id": uuid.UUID(int=7).bytes,
        "sequence": 1,
        "source": SOURCE,
        "resource": RESOURCE,
        "occurred_at": datetime(2026, 1, 5, tzinfo=UTC),
    } | changes


def upsert(code: str = "4401", **changes: Any) -> Message:
    """Return the message of a division's present state."""
    row = {
        "envelope": envelope(),
        "code": code,
        "name": "广州市",
        "level": "prefecture",
        "parent": code[:2],
        "path": ["广东省", "广州市"],
        "area": 7434.4,
        "population": None,
    } | changes
    return message(code.encode(), frame(SCHEMA_ID) + avro(PARSED, row))


def delete(code: str = "4401", **changes: Any) -> Message:
    """Return the message of a division's end."""
    header = avro(PARSED_ENVELOPE, envelope(**changes))
    return message(code.encode(), None, [(ENVELOPE_HEADER, header)])


def heartbeat(key: bytes = SOURCE.encode(), **changes: Any) -> Message:
    """Return the message of a source that has nothing to say."""
    header = avro(PARSED_ENVELOPE, envelope(**changes))
    return message(key, None, [(HEARTBEAT_HEADER, header)])


def message(key: bytes | None, value: bytes | None, headers: Any = None) -> Message:
    """Return a consumed message."""
    return Message(topic=RAW, key=key, value=value, headers=headers)


def batch_of(messages: Sequence[Message], topic: str = RAW) -> Input:
    """Return a batch as the loop makes it, offsets given in order with gaps."""
    batch = Input(topic, PARTITION)
    batch.extend(
        [
            Message(
                offset=FIRST_OFFSET + 2 * place,
                key=consumed.key(),
                value=consumed.value(),
                headers=consumed.headers(),
                timestamp=(TIMESTAMP_LOG_APPEND_TIME, APPENDED_MS + place),
            )
            for place, consumed in enumerate(messages)
        ]
    )
    return batch


def enforced(
    messages: Sequence[Message], *policies: Policy, scope: RowFilter | None = None
) -> tuple[dict[str, Output], Tally]:
    """Enforce a batch; return the outputs by topic, and the tally."""
    tally = Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    made = enforcement(*policies, sources={SOURCE: scope})
    outputs = list(made.enforce(batch_of(messages), tally))
    by_topic = {output.topic: output for output in outputs}
    assert len(by_topic) == len(outputs)
    return by_topic, tally


def reason_of(consumed: Message) -> str:
    """Return why a message is refused; nothing where it is accepted."""
    _, tally = enforced([consumed])
    assert tally.records == 1
    return next(iter(tally.quarantined), "")


class Expected:
    """What the strict reference makes of one message."""

    def __init__(self, consumed: Message, scope: RowFilter | None) -> None:
        self.scope = scope
        self.key, self.value = consumed.key(), consumed.value()
        self.headers: Any = consumed.headers() or []
        self.is_heartbeat = self.value is None and HEARTBEAT_HEADER in dict(self.headers)
        self.reason = ""
        try:
            self._judge()
        except InvalidRecord as error:
            self.reason = error.reason

    def _judge_heartbeat(self) -> None:
        found = [each for each in self.headers if each[0] in (ENVELOPE_HEADER, HEARTBEAT_HEADER)]
        in_form = len(found) == 1 and isinstance(found[0][1], bytes)
        if not in_form:
            raise InvalidRecord("malformed-heartbeat" if self.key else "missing-key")
        examine(
            ENVELOPE_SCHEMA,
            schema_id=None,
            key_item=None,
            key=self.key,
            message=found[0][1],
            resource=RESOURCE,
            sources=[SOURCE],
        )
        if self.key != SOURCE.encode():
            raise InvalidRecord("malformed-heartbeat")

    def _judge(self) -> None:
        if self.is_heartbeat:
            self._judge_heartbeat()
            return
        found = [value for name, value in self.headers if name == ENVELOPE_HEADER]
        if self.value is None and not (len(found) == 1 and isinstance(found[0], bytes)):
            raise InvalidRecord("delete-without-envelope" if self.key else "missing-key")
        examine(
            ENVELOPE_SCHEMA if self.value is None else SCHEMA,
            schema_id=None if self.value is None else SCHEMA_ID,
            key_item=None if self.value is None else CONTRACT.key,
            key=self.key,
            message=found[0] if self.value is None else self.value,
            resource=RESOURCE,
            sources=[SOURCE],
            scope=self.scope,
        )

    def in_view(self, policy: Policy) -> tuple[bool, bytes | None]:
        """Return whether the view has the message, and the value that it has."""
        if self.reason or self.is_heartbeat:
            return False, None
        assert self.key is not None
        if self.value is None:
            return all(row.matches(self.key) for row in policy.rows), None
        projected = project(
            policy,
            SCHEMA,
            schema_id=SCHEMA_ID,
            key_item=CONTRACT.key,
            key=self.key,
            message=self.value,
            resource=RESOURCE,
            sources=[SOURCE],
            scope=self.scope,
            view_schema_id=VIEW_ID,
        )
        return projected is not None, projected


CODES = st.sampled_from(["44", "4401", "440103", "11", "110101", "中"])
UPSERTS = st.builds(
    upsert,
    CODES,
    name=st.text(max_size=8),
    level=st.sampled_from(["province", "prefecture", "county", "township"]),
    path=st.lists(st.text(max_size=3), max_size=4),
    area=st.none() | st.floats(),
    envelope=st.builds(envelope, sequence=st.integers(-(2**63), 2**63 - 1)),
)
DELETES = st.builds(delete, CODES)
HOSTILE_CLAIMS = st.sampled_from([{"source": "health"}, {"resource": "geography.lake"}])


@st.composite
def damaged(draw: st.DrawFn) -> Message:
    """Return a good upsert with bytes changed, cut off or put behind."""
    good = draw(UPSERTS)
    value = bytearray(good.value() or b"")
    match draw(st.sampled_from(["change", "cut", "extend"])):
        case "change":
            value[draw(st.integers(0, len(value) - 1))] ^= draw(st.integers(1, 255))
        case "cut":
            del value[draw(st.integers(0, len(value) - 1)) :]
        case _:
            value += draw(st.binary(min_size=1, max_size=4))
    return message(good.key(), bytes(value))


@st.composite
def hostile_deletes(draw: st.DrawFn) -> Message:
    """Return a delete whose headers are not one good envelope."""
    good = avro(PARSED_ENVELOPE, envelope())
    claim = avro(PARSED_ENVELOPE, envelope(**draw(HOSTILE_CLAIMS)))
    noise = draw(st.binary(max_size=40))
    cut = good[: draw(st.integers(0, len(good) - 1))]
    name = ENVELOPE_HEADER
    headers = draw(
        st.sampled_from(
            [
                [],
                [("other", good)],
                [(name, good), (name, good)],
                [(name, None)],
                [(name, claim)],
                [(name, noise)],
                [(name, cut)],
                [(name, good + b"\x00")],
            ]
        )
    )
    return message(draw(CODES).encode(), None, headers)


@st.composite
def hostile_heartbeats(draw: st.DrawFn) -> Message:
    """Return a heartbeat that is none, or another's."""
    good = avro(PARSED_ENVELOPE, envelope())
    claim = avro(PARSED_ENVELOPE, envelope(**draw(HOSTILE_CLAIMS)))
    name = HEARTBEAT_HEADER
    headers = draw(
        st.sampled_from(
            [
                [(name, good), (name, good)],
                [(name, good), (ENVELOPE_HEADER, good)],
                [(ENVELOPE_HEADER, good), (name, good)],
                [(name, None)],
                [(name, claim)],
                [(name, good[: draw(st.integers(0, len(good) - 1))])],
                [(name, good + b"\x00")],
                [(name, good), ("other", b"x")],
            ]
        )
    )
    return message(draw(st.sampled_from([None, b"", SOURCE.encode(), b"4401"])), None, headers)


HEARTBEATS = st.builds(heartbeat, st.sampled_from([SOURCE.encode(), b"health", b"\xff"]))


@st.composite
def misplaced(draw: st.DrawFn) -> Message:
    """Return a good message under a key that is not its own."""
    good = draw(UPSERTS | DELETES)
    key = draw(st.sampled_from([None, b"", b"\xff\xfe", b"45"]))
    return message(key, good.value(), good.headers())


MESSAGES = st.lists(
    UPSERTS
    | DELETES
    | HEARTBEATS
    | damaged()
    | hostile_deletes()
    | hostile_heartbeats()
    | misplaced(),
    min_size=1,
    max_size=25,
)


SCOPES = st.none() | st.builds(
    RowFilter,
    st.just("code"),
    st.sampled_from([Match.IN, Match.PREFIX]),
    st.lists(CODES, min_size=1).map(tuple),
)


@given(messages=MESSAGES, scope=SCOPES)
@settings(max_examples=200)
def test_whatever_comes_gives_what_the_strict_reference_gives(
    messages: list[Message], scope: RowFilter | None
) -> None:
    """Accepted, each view and quarantine hold, in order, what decode-apply-encode says."""
    expected = [Expected(consumed, scope) for consumed in messages]
    outputs, tally = enforced(messages, *POLICIES, scope=scope)

    accepted = outputs.pop(f"accepted.{RESOURCE}")
    beats = [place for place, one in enumerate(expected) if one.is_heartbeat and not one.reason]
    good = [one for one in expected if not one.reason and not one.is_heartbeat]
    assert list(accepted.keys) == [one.key for one in good]
    assert list(accepted.values) == [one.value for one in good]
    assert accepted.partition == PARTITION

    for policy in POLICIES:
        kept = [(one.key, *one.in_view(policy)) for one in expected]
        rows = [(key, value) for key, there, value in kept if there]
        output = outputs.pop(view_topic(RESOURCE, policy.name), None)
        counted = tally.view(policy.name)
        assert (output is None) == (not rows)
        assert counted.out == len(rows)
        assert counted.deletes == sum(value is None for _, value in rows)
        assert counted.bytes == sum(len(key or b"") + len(value or b"") for key, value in rows)
        if output is not None:
            assert list(zip(output.keys, output.values, strict=True)) == rows
            assert output.partition == PARTITION % view_of(policy).partitions

    refused = [(place, one.reason) for place, one in enumerate(expected) if one.reason]
    quarantine = outputs.pop(f"quarantine.{RESOURCE}", None)
    found = [] if quarantine is None else list(quarantine.values)
    assert [event_codec("quarantine").decode(value or b"") for value in found] == [
        {
            "topic": RAW,
            "partition": PARTITION,
            "offset": FIRST_OFFSET + 2 * place,
            "source": SOURCE,
            "reason": reason,
        }
        for place, reason in refused
    ]
    assert not outputs

    assert tally.heartbeats == len(beats)
    assert tally.records == len(messages) - len(beats) == len(good) + tally.quarantined.total()
    others = set(range(len(messages))) - {*beats}
    assert tally.last_record_ms == (APPENDED_MS + max(others) if others else 0)
    assert tally.last_heartbeat_ms == (APPENDED_MS + max(beats) if beats else 0)
    assert tally.deletes == sum(one.value is None for one in good)
    assert tally.quarantined.total() == len(refused)


@given(messages=MESSAGES)
@settings(max_examples=50)
def test_a_delete_carries_its_envelope_and_an_upsert_no_header(messages: list[Message]) -> None:
    """In accepted and in every view, a delete says who deleted and when; nothing else is said."""
    outputs, _ = enforced(messages, *POLICIES)
    outputs.pop(f"quarantine.{RESOURCE}", None)
    for output in outputs.values():
        for place, value in enumerate(output.values):
            headers = output.headers.get(place, [])
            assert [name for name, _ in headers] == ([ENVELOPE_HEADER] if value is None else [])


@given(messages=MESSAGES)
@settings(max_examples=50)
def test_filling_a_view_gives_what_live_would_have_given(messages: list[Message]) -> None:
    """A new view starts with the present state: accepted in, the same records out."""
    live, _ = enforced(messages, *POLICIES)
    accepted = live[f"accepted.{RESOURCE}"]
    state = [
        message(key, value, accepted.headers.get(place))
        for place, (key, value) in enumerate(zip(accepted.keys, accepted.values, strict=True))
    ]
    made = enforcement(*POLICIES)
    for policy in POLICIES:
        topic, tally = (
            view_topic(RESOURCE, policy.name),
            Tally(RESOURCE, "", PARTITION, 0, "backfill"),
        )
        filled = list(made.fill(batch_of(state), tally, alone(made, policy)))
        assert filled == ([live[topic]] if topic in live else [])
        assert tally.records == len(state)
        assert not tally.quarantined


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (lambda: message(b"44", b"no record"), "bad-frame"),
        (heartbeat, "malformed-heartbeat"),
    ],
)
def test_what_was_accepted_and_is_refused_now_fills_no_view(
    strange: Callable[[], Message], reason: str
) -> None:
    """Fail closed, for that record alone: somebody else wrote it, or there are more checks now."""
    made = enforcement(POLICIES[0])
    batch = batch_of([upsert("11"), strange(), upsert("12")], f"accepted.{RESOURCE}")
    tally = Tally(RESOURCE, "", PARTITION, 0, "backfill")
    view, quarantine = made.fill(batch, tally, alone(made, POLICIES[0]))
    assert view.keys == [b"11", b"12"]
    assert quarantine.topic == f"quarantine.{RESOURCE}"
    (told,) = (event_codec("quarantine").decode(value or b"") for value in quarantine.values)
    assert (told["topic"], told["offset"], told["source"], told["reason"]) == (
        f"accepted.{RESOURCE}", FIRST_OFFSET + 2, "", reason,
    )  # fmt: skip
    assert (tally.records, tally.quarantined) == (3, {reason: 1})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: message(b"44", None), "delete-without-envelope"),
        (lambda: message(b"44", None, [("other", b"x")]), "delete-without-envelope"),
        (lambda: message(b"44", None, [(ENVELOPE_HEADER, None)]), "delete-without-envelope"),
        (lambda: message(b"44", None, [(ENVELOPE_HEADER, b"x")] * 2), "delete-without-envelope"),
        (lambda: message(b"44", None, [(ENVELOPE_HEADER, b"")]), "truncated"),
        (lambda: message(b"44", None, [(ENVELOPE_HEADER, b"\xff" * 60)]), "varint-overlong"),
        (lambda: delete(source="health"), "unknown-source"),
        (lambda: delete(resource="geography.lake"), "wrong-resource"),
        (lambda: message(None, None), "missing-key"),
        (lambda: message(b"", None, delete().headers()), "missing-key"),
        (lambda: message(b"\xff", None, delete().headers()), "key-utf8"),
        (lambda: message(b"44", b""), "bad-frame"),
        (lambda: message(b"44", upsert().value()), "key-mismatch"),
        (lambda: message(None, upsert().value()), "missing-key"),
        (lambda: upsert(envelope=envelope(source="health")), "unknown-source"),
        (lambda: upsert(), ""),
        (lambda: delete(), ""),
    ],
)  # fmt: skip
def test_a_message_is_refused_for_its_reason(make: Callable[[], Message], reason: str) -> None:
    """R5.4: every way to be wrong has a code, and what is right has none."""
    assert reason_of(make()) == reason


def test_deletes_go_to_the_views_whose_rows_their_keys_are_in() -> None:
    """A delete has no items, so the key alone decides, as it did for the record."""
    outputs, tally = enforced([delete("4401"), delete("11"), delete("31")], *POLICIES)
    keys = {topic: list(output.keys) for topic, output in outputs.items()}
    names = [view_topic(RESOURCE, policy.name) for policy in POLICIES]
    assert keys[names[0]] == [b"4401", b"11", b"31"]
    assert keys[names[1]] == [b"4401"]
    assert keys[names[2]] == [b"4401", b"11"]
    assert names[3] not in keys
    assert (tally.records, tally.deletes) == (3, 3)


def test_other_headers_of_a_delete_go_nowhere() -> None:
    """R5.4: nothing leaves beside what was judged; a header could carry a dropped item."""
    sent = message(b"4401", None, [*(delete().headers() or []), ("note", SECRET.encode())])
    outputs, tally = enforced([sent], *POLICIES)
    assert not tally.quarantined
    assert SECRET.encode() not in b"".join(_bytes(outputs.values()))


def test_quarantine_holds_no_byte_of_what_was_refused() -> None:
    """R5.4: coordinates, source and reason code; never contents, key or headers."""
    bad = [
        message(SECRET.encode(), (upsert(name=SECRET).value() or b"") + b"\x00"),
        upsert(name=SECRET, envelope=envelope(source=SECRET)),
        message(SECRET.encode(), None, [(ENVELOPE_HEADER, SECRET.encode())]),
    ]
    outputs, tally = enforced(bad, *POLICIES)
    quarantined = outputs[f"quarantine.{RESOURCE}"]
    assert tally.quarantined.total() == len(quarantined.values) == 3
    for part in _bytes([quarantined]):
        assert SECRET.encode() not in part


def test_quarantine_is_keyed_by_coordinates() -> None:
    """A refused key may be anything; where it was is not."""
    outputs, _ = enforced([upsert(), message(b"44", b"x")])
    quarantined = outputs[f"quarantine.{RESOURCE}"]
    assert quarantined.keys == [f"{SOURCE}/{PARTITION}/{FIRST_OFFSET + 2}".encode()]
    assert not quarantined.headers


def test_dropped_items_are_in_no_view() -> None:
    """R12.1, R12.4: no byte of an item that a policy drops appears in its view."""
    policy = Policy.kept(RESOURCE, ("code", "level"))
    outputs, _ = enforced([upsert(name=SECRET, path=[SECRET])], policy)
    assert SECRET.encode() in b"".join(_bytes([outputs[f"accepted.{RESOURCE}"]]))
    assert SECRET.encode() not in b"".join(_bytes([outputs[view_topic(RESOURCE, policy.name)]]))


def _bytes(outputs: Any) -> list[bytes]:
    """Return every byte string of some outputs: keys, values and headers."""
    parts: list[bytes] = []
    for output in outputs:
        headers = chain.from_iterable(output.headers.values())
        parts += [*output.keys, *(value or b"" for value in output.values)]
        parts += [part for name, value in headers for part in (name.encode(), value or b"")]
    return parts


BOTH: Final = {
    SOURCE: RowFilter("code", Match.PREFIX, ("1", "44")),
    "surveying": RowFilter("code", Match.IN, ("22", "24")),
}
"""Two sources and the rows that each answers for."""


@pytest.mark.parametrize("source", BOTH)
def test_the_source_of_a_refused_record_is_who_may_write_its_topic(source: str) -> None:
    """R10.2: a record's own word is worth nothing; the topic, by its ACL, says who wrote."""
    topic = raw_topic(RESOURCE, source)
    tally = Tally(RESOURCE, source, PARTITION, FIRST_OFFSET)
    made = enforcement(sources=BOTH)
    *_, quarantined = made.enforce(batch_of([message(b"44", b"x")], topic), tally)
    told = event_codec("quarantine").decode(quarantined.values[0] or b"")
    assert (told["source"], told["topic"]) == (source, topic)
    assert quarantined.keys == [f"{source}/{PARTITION}/{FIRST_OFFSET}".encode()]


@pytest.mark.parametrize("source", BOTH)
def test_a_source_writes_as_itself_only(source: str) -> None:
    """R10.2: each of several sources is accepted on its own topic, and as nobody else."""
    (other,) = set(BOTH) - {source}
    own = ["11", "12", "13", "14"] if source == SOURCE else ["22", "22", "24", "24"]
    tally = Tally(RESOURCE, source, PARTITION, FIRST_OFFSET)
    made = enforcement(POLICIES[0], sources=BOTH)
    messages = [
        upsert(own[0], envelope=envelope(source=source)),
        upsert(own[1], envelope=envelope(source=other)),
        delete(own[2], source=source),
        delete(own[3], source=other),
    ]
    accepted, view, refused = made.enforce(batch_of(messages, raw_topic(RESOURCE, source)), tally)
    assert accepted.keys == view.keys == [own[0].encode(), own[2].encode()]
    assert refused.keys == [f"{source}/{PARTITION}/{FIRST_OFFSET + i}".encode() for i in (2, 6)]
    assert tally.quarantined == {"unknown-source": 2}


def test_a_view_is_filled_with_what_all_sources_sent() -> None:
    """Accepted holds every source's records; each of them was judged when it came."""
    made = enforcement(sources=BOTH)
    state = [upsert("11"), upsert("22", envelope=envelope(source="surveying"))]
    tally = Tally(RESOURCE, "", PARTITION, 0, "backfill")
    (filled,) = made.fill(batch_of(state), tally, alone(made, POLICIES[0]))
    assert filled.keys == [b"11", b"22"]


@pytest.mark.parametrize("source", BOTH)
def test_another_s_row_is_refused_and_goes_nowhere(source: str) -> None:
    """R5.3: of an upsert and a delete of another's row, only coordinates and reason come out."""
    codes = [b"11", b"22", b"221", b"440", b"2", b"24"]
    own = [b"11", b"440"] if source == SOURCE else [b"22", b"24"]
    said = envelope(source=source)
    upserts = [upsert(code.decode(), envelope=said) for code in codes]
    deletes = [delete(code.decode(), source=source) for code in codes]
    for messages in (upserts, deletes):
        tally = Tally(RESOURCE, source, PARTITION, FIRST_OFFSET)
        made = enforcement(POLICIES[0], sources=BOTH)
        batch = batch_of(messages, raw_topic(RESOURCE, source))
        accepted, view, refused = made.enforce(batch, tally)
        assert accepted.keys == view.keys == own
        assert tally.quarantined == {"foreign-row": 4}
        assert len(refused.keys) == 4
        assert tally.view(POLICIES[0].name).out == 2


def test_a_heartbeat_is_counted_and_passed_on_nowhere() -> None:
    """A source with nothing to send says so: a fact about the source, and about no row."""
    outputs, tally = enforced([heartbeat(), upsert("11"), heartbeat()], POLICIES[0])
    assert {topic: list(output.keys) for topic, output in outputs.items()} == {
        f"accepted.{RESOURCE}": [b"11"],
        view_topic(RESOURCE, POLICIES[0].name): [b"11"],
    }
    assert (tally.records, tally.heartbeats, tally.deletes) == (1, 2, 0)
    assert (tally.last_record_ms, tally.last_heartbeat_ms) == (APPENDED_MS + 1, APPENDED_MS + 2)


def test_a_heartbeat_needs_no_row_of_the_source() -> None:
    """Its key is the source's id, which lies in nobody's scope."""
    _, tally = enforced([heartbeat()], scope=RowFilter("code", Match.PREFIX, ("44",)))
    assert (tally.heartbeats, tally.quarantined.total()) == (1, 0)


def test_narrower_limits_keep_nothing_that_was_accepted_from_a_fill() -> None:
    """A view would else hold what came before it."""
    narrow = enforcement(POLICIES[0], limits=Limits(max_items=1))
    live, fill = Tally(RESOURCE, SOURCE, PARTITION, 0), Tally(RESOURCE, "", PARTITION, 0, "fill")
    narrow.enforce(batch_of([upsert("11")]), live)
    assert live.quarantined == {"item-limit": 1}
    (filled,) = narrow.fill(batch_of([upsert("11")]), fill, alone(narrow, POLICIES[0]))
    assert (filled.keys, fill.quarantined.total()) == ([b"11"], 0)


def test_only_the_broker_says_when_something_came() -> None:
    """A source may write any time into a message; that one is not taken for a sign of life."""
    batch = Input(RAW, PARTITION)
    for each in (upsert("11"), heartbeat()):
        batch.extend(
            [
                Message(
                    offset=1,
                    key=each.key(),
                    value=each.value(),
                    headers=each.headers(),
                    timestamp=(TIMESTAMP_CREATE_TIME, 253_402_300_799_000),
                )
            ]
        )
    tally = Tally(RESOURCE, SOURCE, PARTITION, 1)
    enforcement().enforce(batch, tally)
    assert (tally.records, tally.heartbeats) == (1, 1)
    assert (tally.last_record_ms, tally.last_heartbeat_ms) == (0, 0)


def test_without_a_view_nothing_is_let_out() -> None:
    """Nothing leaves except through a view: accepted is all there is."""
    outputs, tally = enforced([upsert(), delete()])
    assert set(outputs) == {f"accepted.{RESOURCE}"}
    assert not tally.views


def test_a_view_takes_part_from_the_next_batch_on() -> None:
    """Views come and go between batches; the numbers of each batch are its own."""
    made = enforcement()
    list(made.enforce(batch_of([upsert()]), Tally(RESOURCE, SOURCE, PARTITION, 0)))
    made.keep_view(made.view(view_of(POLICIES[0])), PARTITION)
    tally = Tally(RESOURCE, SOURCE, PARTITION, 1)
    list(made.enforce(batch_of([upsert(), upsert("44")]), tally))
    assert tally.view(POLICIES[0].name).out == 2


def test_headers_of_an_upsert_are_not_kept() -> None:
    """R5.4: what nobody judged is not taken along, not even as far as accepted."""
    good = upsert()
    batch = batch_of([message(good.key(), good.value(), [(ENVELOPE_HEADER, SECRET.encode())])])
    assert not batch.headers


def test_a_header_name_that_is_no_text_only_costs_its_own_record() -> None:
    """A delete whose headers can't be read has no envelope; the records beside it go on."""

    class Unreadable:
        """A delete as confluent-kafka shows it when a header's name is not UTF-8."""

        def headers(self) -> None:
            raise SystemError("returned a result with an exception set")

    assert envelope_headers(cast("Message", Unreadable())) == []


@pytest.mark.parametrize("culprit", [0, 2, 4])
def test_a_record_that_breaks_the_kernel_is_quarantined_alone(
    culprit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any exception: nothing of that record goes out, the reason is recorded, the others go on."""
    codes = ["11", "12", "13", "14", "15"]
    made = enforcement(POLICIES[0])
    scan = made.judges[RAW].scanners[0].scan

    def broken(keys: KeyBatch, payloads: Sequence[bytes]) -> Scanned:
        if codes[culprit].encode() in keys.bytes.tobytes():
            raise RuntimeError("contradiction")
        return scan(keys, payloads)

    monkeypatch.setattr(made.judges[RAW].scanners[0], "scan", broken)
    tally = Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    batch = batch_of([upsert(code) for code in codes])
    with pytest.raises(UnknownVersion):  # asks before any part is counted
        made.enforce(batch, tally, all_versions_known=False)
    assert tally.records == 0
    outputs = made.enforce(batch, tally)
    keys: dict[str, list[bytes]] = {}
    for output in outputs:
        keys.setdefault(output.topic, []).extend(output.keys)
    others = [code.encode() for code in codes if code != codes[culprit]]
    assert keys[f"accepted.{RESOURCE}"] == keys[view_topic(RESOURCE, POLICIES[0].name)] == others
    assert keys[f"quarantine.{RESOURCE}"] == [
        f"{SOURCE}/{PARTITION}/{FIRST_OFFSET + 2 * culprit}".encode()
    ]
    assert (tally.records, tally.view(POLICIES[0].name).out) == (5, 4)
    assert tally.quarantined == {"internal": 1}


def test_a_machine_without_memory_quarantines_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good records are not called bad for it: the process ends, and they are read again."""
    made = enforcement(POLICIES[0])

    def starved(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(made.judges[RAW].scanners[0], "scan", starved)
    tally = Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    with pytest.raises(MemoryError):
        made.enforce(batch_of([upsert("11"), upsert("12")]), tally)
    assert (tally.records, tally.quarantined.total()) == (0, 0)


def longest(kind: str, beyond: int) -> Message:
    """Return a good message whose key and value, or envelope, are at the limit, or beyond it."""
    if kind == "upsert":
        tried = "n" * (LIMIT - 1000)
        room = LIMIT - size(upsert(name=tried))
        return upsert(name=tried + "n" * (room + beyond))
    room = LIMIT - size(delete(""))
    return delete("4" * (room + beyond))


def growth(kind: str) -> int:
    """Return by how many bytes masks and pseudonyms could make such a message longer."""
    strings, numbers = (7, 3) if kind == "upsert" else (2, 2)
    return 33 * strings + 9 * numbers


def size(consumed: Message) -> int:
    """Return how long key and value are, or key and envelope."""
    headers: Any = consumed.headers() or []
    parts = [consumed.key(), consumed.value(), *(value for _, value in headers)]
    return sum(len(part or b"") for part in parts)


@pytest.mark.parametrize("kind", ["upsert", "delete"])
def test_what_is_accepted_can_be_sent_on(kind: str) -> None:
    """The longest record is taken by the bus's producer; one that is a byte longer is refused."""
    assert reason_of(longest(kind, 1)) == "output-limit"
    assert reason_of(longest(kind, 1 - growth(kind))) == "output-growth"
    outputs, tally = enforced([longest(kind, -growth(kind))], POLICIES[0])
    assert not tally.quarantined
    producer = Access("127.0.0.1:1", "nobody", "none").producer({"log_level": 0})
    for output in outputs.values():
        headers = output.headers.get(0, [])
        producer.produce(output.topic, output.values[0], output.keys[0], headers=headers)
    producer.purge()
