"""Events of two versions on one topic: one schema a view, and what a view can't have is told."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import fastavro
import pytest
from confluent_kafka import Message

from infra.secrets import Secrets
from schemas.codec import event_codec
from schemas.ledger.published import Resource, Version
from schemas.names import view_topic
from schemas.policy import Match, Policy, RowFilter, view_schema
from schemas.policy.reference import frame
from stream_apps.enforcement.batches import Output
from stream_apps.enforcement.resource import ResourceEnforcement, UnknownVersion
from stream_apps.enforcement.tally import Tally
from tests.unit.stream_apps.test_resource_enforcement import (
    CONTRACT,
    FIRST_OFFSET,
    PARTITION,
    RESOURCE,
    SCHEMA,
    SCHEMA_ID,
    SOURCE,
    VIEW_ID,
    alone,
    avro,
    batch_of,
    envelope,
    message,
    upsert,
    view_of,
)

LATER_ID: Final = SCHEMA_ID + 1
ALTITUDE: Final = {"name": "altitude", "type": ["null", "long"], "default": None}
LATER: Final[dict[str, Any]] = {**SCHEMA, "fields": [*SCHEMA["fields"], ALTITUDE]}
PARSED: Final = fastavro.parse_schema(LATER)
ROWS: Final = RowFilter("code", Match.PREFIX, ("44",))
BOTH: Final = Policy.kept(RESOURCE, ("code", "name"))
LATER_ALONE: Final = Policy.kept(RESOURCE, ("code", "altitude"))
SOME_LATER_ALONE: Final = Policy.kept(RESOURCE, ("code", "altitude"), ROWS)
BY_WHAT_CAME_LATER: Final = Policy.kept(
    RESOURCE, ("code",), RowFilter("altitude", Match.RANGE, low=0, high=100)
)


def enforcement(*policies: Policy) -> ResourceEnforcement:
    """Return the enforcement of an entry in two versions, over the views of these policies."""
    versions = (
        Version(1, CONTRACT, SCHEMA, SCHEMA_ID, ready=True),
        Version(2, CONTRACT, LATER, LATER_ID, ready=True),
    )
    made = ResourceEnforcement(Resource(SOURCE, {SOURCE: None}, versions), Secrets(bytes(32)))
    for policy in policies:
        made.keep_view(made.view(view_of(policy)), PARTITION)
    return made


def later(code: str, altitude: int | None = 8) -> Message:
    """Return the message of a division that is written with the later version."""
    row = {
        "envelope": envelope(),
        "code": code,
        "name": "后来",
        "level": "prefecture",
        "parent": code[:2],
        "path": ["某省"],
        "area": None,
        "population": None,
        "altitude": altitude,
    }
    return message(code.encode(), frame(LATER_ID) + avro(PARSED, row))


def enforced(messages: Sequence[Message], *policies: Policy) -> tuple[dict[str, Output], Tally]:
    """Enforce a batch; return outputs by topic."""
    tally = Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    outputs = enforcement(*policies).enforce(batch_of(messages), tally)
    assert len({output.topic for output in outputs}) == len(outputs)
    return {output.topic: output for output in outputs}, tally


def read(policy: Policy, output: Output) -> list[tuple[str, Any]]:
    """Return keys and items of a view, all of it read with the view's one schema."""
    schema: Any = fastavro.parse_schema(view_schema(policy, LATER, key_item="code"))
    found: list[tuple[str, Any]] = []
    for key, value in zip(output.keys, output.values, strict=True):
        if value is None:
            found.append((key.decode(), None))
        else:
            assert value.startswith(frame(VIEW_ID))
            items: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, None)
            found.append((key.decode(), {k: v for k, v in items.items() if k != "envelope"}))
    return found


def told(output: Output) -> list[tuple[int, str]]:
    """Return the offsets and reasons that a quarantine tells."""
    records = [event_codec("quarantine").decode(value or b"") for value in output.values]
    return [(record["offset"], record["reason"]) for record in records]


MIXED: Final = (upsert("4401"), later("4402", 3), upsert("1101"), later("1102", None))


def test_events_of_both_versions_give_one_view_one_schema() -> None:
    """In their order, whatever each is written with."""
    outputs, tally = enforced(MIXED, BOTH)
    view = outputs[view_topic(RESOURCE, BOTH.name)]
    assert read(BOTH, view) == [
        ("4401", {"code": "4401", "name": "广州市"}),
        ("4402", {"code": "4402", "name": "后来"}),
        ("1101", {"code": "1101", "name": "广州市"}),
        ("1102", {"code": "1102", "name": "后来"}),
    ]
    assert outputs[f"accepted.{RESOURCE}"].values == [each.value() for each in MIXED]
    assert not tally.quarantined


def test_what_a_view_can_not_have_goes_to_quarantine_and_is_lost_by_the_view() -> None:
    """It is accepted, other views have it; this one would show a state that is past."""
    messages = [*MIXED, upsert("4402")]
    outputs, tally = enforced(messages, BOTH, LATER_ALONE)
    assert len(outputs[f"accepted.{RESOURCE}"].keys) == 5
    assert len(outputs[view_topic(RESOURCE, BOTH.name)].keys) == 5
    assert read(LATER_ALONE, outputs[view_topic(RESOURCE, LATER_ALONE.name)]) == [
        ("4401", None),
        ("4402", {"code": "4402", "altitude": 3}),
        ("1101", None),
        ("1102", {"code": "1102", "altitude": None}),
        ("4402", None),
    ]
    lacking = [FIRST_OFFSET + 2 * place for place in (0, 2, 4)]
    reasons = told(outputs[f"quarantine.{RESOURCE}"])
    assert reasons == [(offset, "view-version") for offset in lacking]
    assert (tally.records, tally.quarantined) == (5, {"view-version": 3})


@pytest.mark.parametrize(
    ("policy", "places"), [(SOME_LATER_ALONE, [0]), (BY_WHAT_CAME_LATER, [0, 2])]
)
def test_only_what_may_be_of_a_views_rows_is_missed(policy: Policy, places: list[int]) -> None:
    """Unless the version doesn't say whether it is."""
    outputs, _ = enforced(MIXED, BOTH, policy)
    reasons = told(outputs[f"quarantine.{RESOURCE}"])
    assert reasons == [(FIRST_OFFSET + 2 * place, "view-version") for place in places]


def test_a_record_that_two_views_miss_is_told_once() -> None:
    """A quarantine tells of records."""
    outputs, tally = enforced(MIXED, LATER_ALONE, SOME_LATER_ALONE)
    assert [offset for offset, _ in told(outputs[f"quarantine.{RESOURCE}"])] == [
        FIRST_OFFSET, FIRST_OFFSET + 4,
    ]  # fmt: skip
    assert tally.quarantined.total() == 2


def test_a_fill_tells_what_its_view_can_not_have() -> None:
    """As a live batch does; what is missing in a view is never silent."""
    made = enforcement()
    tally = Tally(RESOURCE, "", PARTITION, 0, "backfill")
    batch = batch_of(MIXED, f"accepted.{RESOURCE}")
    view, quarantine = made.fill(batch, tally, alone(made, SOME_LATER_ALONE))
    assert read(SOME_LATER_ALONE, view) == [
        ("4401", None),
        ("4402", {"code": "4402", "altitude": 3}),
    ]
    assert told(quarantine) == [(FIRST_OFFSET, "view-version")]
    assert tally.quarantined == {"view-version": 1}


def test_a_schema_that_no_version_has_is_refused_among_both() -> None:
    """A frame that names neither is judged by the newest."""
    stranger = message(b"4403", frame(99) + (later("4403").value() or b"")[5:])
    outputs, _ = enforced([*MIXED, stranger], BOTH)
    assert told(outputs[f"quarantine.{RESOURCE}"]) == [(FIRST_OFFSET + 8, "unknown-schema")]
    assert len(outputs[view_topic(RESOURCE, BOTH.name)].keys) == 4


def test_a_version_that_may_not_be_known_yet_is_asked_for_first() -> None:
    """Nothing is counted, noted or let out before; the same batch is judged afterwards."""
    made = enforcement(BOTH)
    stranger = message(b"4403", frame(99) + (later("4403").value() or b"")[5:])
    batch, tally = batch_of([*MIXED, stranger]), Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    with pytest.raises(UnknownVersion):
        made.enforce(batch, tally, all_versions_known=False)
    assert tally == Tally(RESOURCE, SOURCE, PARTITION, FIRST_OFFSET)
    outputs, judged = enforced([*MIXED, stranger], BOTH)
    assert made.enforce(batch, tally) == [*outputs.values()]
    assert tally == judged
