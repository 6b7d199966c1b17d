"""What inspection finds in sequences, against a plain dictionary that does the same."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime
from itertools import pairwise

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.change_events import ChangeEvents
from schemas.catalogue import packaged_resource
from schemas.clock import micros
from schemas.codec import event_codec, load_event_schema
from stream_apps.inspection.events import (
    Events,
    head_of_value,
    read_events,
    source_of,
)
from stream_apps.inspection.judgement import CLOCK_FROM, KINDS, Finding, Kind, judge
from stream_apps.inspection.memory import NEVER, LastEvents

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
LONGS = st.integers(-(2**63), 2**63 - 1)
IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40)
ENVELOPE = fastavro.parse_schema(load_event_schema("envelope"))
Told = tuple[int, int, int]
"""Key, sequence, tag: what an event is to inspection."""
SEQUENCES = st.one_of(
    st.integers(0, 12),
    st.integers(CLOCK_FROM - 3, CLOCK_FROM + 3),
    st.integers(-(2**63) + 1, -(2**63) + 3),
    st.integers(2**63 - 3, 2**63 - 1),
)
EVENTS = st.lists(st.tuples(st.integers(1, 6), SEQUENCES, st.integers(0, 2)), max_size=60)


def columns(told: list[Told]) -> Events:
    return Events(
        np.array([key for key, _, _ in told], np.uint64),
        np.array([sequence for _, sequence, _ in told], np.int64),
        np.array([tag for _, _, tag in told], np.uint32),
    )


def plainly(told: list[Told]) -> list[Kind | None]:
    """Return what is wrong with each event, by the rule in words."""
    last: dict[int, tuple[int, int]] = {}
    found: list[Kind | None] = []
    for key, sequence, tag in told:
        kind = None
        if key in last:
            before, tag_before = last[key]
            if sequence == before and tag == tag_before:
                kind = Kind.DUPLICATE
            elif sequence <= before:
                kind = Kind.REGRESSION
            elif sequence > before + 1 and sequence < 10**12:
                kind = Kind.GAP
        found.append(kind)
        last[key] = sequence, tag
    return found


def inspect(memory: LastEvents, told: list[Told]) -> list[Kind | None]:
    events = columns(told)
    before, _ = memory.exchange(events)
    return [KINDS[index] for index in judge(events, before).tolist()]


@given(EVENTS, st.lists(st.integers(0, 60), max_size=4))
def test_batches_are_judged_as_one_event_after_the_other(told: list[Told], cuts: list[int]) -> None:
    """However a partition's records come in batches, the findings are the same."""
    memory, found = LastEvents(), list[Kind | None]()
    edges = sorted({0, len(told), *(min(cut, len(told)) for cut in cuts)})
    for first, last in pairwise(edges):
        found += inspect(memory, told[first:last])
    assert found == plainly(told)


@given(EVENTS, st.lists(EVENTS, max_size=3), EVENTS)
def test_what_was_not_committed_is_taken_back(
    kept: list[Told], lost: list[list[Told]], then: list[Told]
) -> None:
    """After a transaction that didn't count, memory is as it was before it."""
    memory = LastEvents()
    memory.exchange(columns(kept))
    undo = [memory.exchange(columns(batch))[1] for batch in lost]
    while undo:
        memory.exchange(undo.pop())
    assert inspect(memory, then) == plainly(kept + then)[len(kept) :]


def test_memory_grows_and_keeps_every_key_in_sixty_bytes() -> None:
    """The bound that its docstring states, and a million keys found again with what they had."""
    chance = np.random.default_rng(20261)
    keys = np.unique(chance.integers(1, 2**64 - 1, 1_000_000, np.uint64))
    chance.shuffle(keys)
    memory = LastEvents()
    sequences = np.arange(len(keys), dtype=np.int64)
    tags = sequences.astype(np.uint32)
    for first in range(0, len(keys), 10_000):
        part = slice(first, first + 10_000)
        before, _ = memory.exchange(Events(keys[part], sequences[part], tags[part]))
        assert (before.sequences == NEVER).all()
        if memory.count > 10_000:
            assert 30 <= memory.bytes / memory.count <= 61
    before, _ = memory.exchange(Events(keys[::-1], sequences, tags))
    assert memory.count == len(keys)
    assert (before.sequences == sequences[::-1]).all()
    assert (before.tags == tags[::-1]).all()


@given(st.lists(st.tuples(st.uuids(), LONGS, IDS, st.binary(max_size=5)), min_size=1, max_size=20))
def test_envelopes_are_read_as_fastavro_wrote_them(
    said: list[tuple[uuid.UUID, int, str, bytes]],
) -> None:
    """Every long and every id of a source, whatever follows in the record."""
    heads = []
    for event_id, sequence, source, _ in said:
        buffer = io.BytesIO()
        claims = {"event_id": event_id.bytes, "sequence": sequence, "source": source}
        fastavro.schemaless_writer(
            buffer, ENVELOPE, claims | {"resource": "a.b", "occurred_at": AT}
        )
        heads.append(head_of_value(bytes(5) + buffer.getvalue() + b"what follows" * 9))
    events = read_events(heads, [key for *_, key in said])
    assert events.sequences.tolist() == [sequence for _, sequence, _, _ in said]
    assert [source_of(head) for head in heads] == [source for _, _, source, _ in said]
    pairs = [(source, key) for _, _, source, key in said]
    assert len(set(events.keys.tolist())) == len(set(pairs))
    assert 0 not in events.keys


def test_the_publisher_never_lets_inspection_cry_wolf() -> None:
    """Runs one after the other, a clock that stands still between two events, many keys."""
    contract, schema = packaged_resource("geography.division")
    memory = LastEvents()
    for run in range(3):
        now = AT.replace(second=run)
        events = ChangeEvents(
            contract, schema, 7, "civil-affairs", clock=lambda: micros(now),  # noqa: B023 - called within its turn
            event_ids=lambda _: uuid.uuid4().bytes,
        )  # fmt: skip
        sent = [events.delete(f"{number % 7}") for number in range(100)]
        read = read_events([head for _, head in sent], [key for key, _ in sent])
        before, _ = memory.exchange(read)
        assert not judge(read, before).any()
    assert memory.count == 7


@pytest.mark.parametrize("last", [3, 2**63 - 1])
def test_a_finding_has_coordinates_and_numbers_only(last: int) -> None:
    """What is expected above the last long there is, is that long."""
    finding = Finding(Kind.REGRESSION, "a.b", "s", "accepted.a.b", 3, 17, last, found=2)
    assert event_codec("finding").decode(finding.encode(AT)) == {
        "at": AT,
        "kind": "sequence-regression",
        "resource": "a.b",
        "source": "s",
        "topic": "accepted.a.b",
        "partition": 3,
        "offset": 17,
        "expected": min(last + 1, 2**63 - 1),
        "found": 2,
    }
