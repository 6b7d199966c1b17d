"""The numbers of one transaction and partition, as metering carries them."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.codec import event_codec
from stream_apps.enforcement.tally import Tally

AT = datetime(2026, 1, 5, 1, 2, 3, 4, UTC)


def test_an_empty_tally_is_a_record_of_nothing() -> None:
    """Offsets without records are told too."""
    record = event_codec("metering").decode(Tally("a.b", "s", 3, 17, to_offset=17).encode(AT, 0, 5))
    assert record == {
        "at": AT,
        "kind": "live",
        "slot": 0,
        "ledger_sequence": 5,
        "resource": "a.b",
        "source": "s",
        "partition": 3,
        "from_offset": 17,
        "to_offset": 17,
        "records": 0,
        "deletes": 0,
        "heartbeats": 0,
        "last_record_at": None,
        "last_heartbeat_at": None,
        "quarantined": {},
        "views": [],
    }


def test_what_was_counted_is_told() -> None:
    """R17: what each department was supplied is computed from these numbers."""
    tally = Tally("a.b", "s", 3, 17, "backfill", to_offset=27, records=9, deletes=2)
    tally.quarantined.update(["truncated", "missing-key", "truncated"])
    view = tally.view("f" * 16)
    view.out, view.deletes, view.bytes = 5, 1, 700
    record = event_codec("metering").decode(tally.encode(AT, 2, 40))
    assert (record["kind"], record["slot"], record["ledger_sequence"]) == ("backfill", 2, 40)
    assert (record["records"], record["deletes"]) == (9, 2)
    assert record["quarantined"] == {"truncated": 2, "missing-key": 1}
    assert record["views"] == [{"view": "f" * 16, "out": 5, "deletes": 1, "bytes": 700}]


def test_the_newest_of_each_kind_is_told_to_the_millisecond() -> None:
    """Batches of one transaction add up to the newest record and the newest heartbeat."""
    tally = Tally("a.b", "s", 0, 0)
    for milliseconds, is_heartbeat in ((5_007, False), (6_000, True), (4_000, False), (0, True)):
        counted = tally.blank()
        counted.note(milliseconds, is_heartbeat=is_heartbeat)
        counted.heartbeats = int(is_heartbeat)
        tally.add(counted)
    record = event_codec("metering").decode(tally.encode(AT, 0, 0))
    assert record["last_record_at"] == datetime(1970, 1, 1, 0, 0, 5, 7_000, UTC)
    assert record["last_heartbeat_at"] == datetime(1970, 1, 1, 0, 0, 6, tzinfo=UTC)
    assert record["heartbeats"] == 2


def test_views_without_output_are_left_out_and_the_others_sorted() -> None:
    """A metering record is as small as what happened."""
    tally = Tally("a.b", "s", 0, 0)
    for name, out in (("c" * 16, 2), ("b" * 16, 0), ("a" * 16, 1)):
        tally.view(name).out = out
    views = event_codec("metering").decode(tally.encode(AT, 0, 0))["views"]
    assert [(view["view"][0], view["out"]) for view in views] == [("a", 1), ("c", 2)]


def test_a_view_has_one_tally() -> None:
    """Two batches of one transaction add up."""
    tally = Tally("a.b", "s", 0, 0)
    tally.view("a" * 16).out += 1
    tally.view("a" * 16).out += 1
    assert tally.view("a" * 16).out == 2


def test_records_of_one_source_partition_stay_in_order() -> None:
    """Their key is resource, source and partition: they lie in one partition of metering."""
    assert Tally("a.b", "s", 3, 17).key == Tally("a.b", "s", 3, 99).key == b"a.b/s/3"
    others = Tally("a.b", "s", 4, 17), Tally("a.b", "t", 3, 17)
    assert b"a.b/s/3" not in {other.key for other in others}


def test_tallies_share_nothing() -> None:
    """What an aborted transaction counted is dropped with it."""
    one, other = Tally("a.b", "s", 0, 0), Tally("a.b", "s", 0, 0)
    one.quarantined["truncated"] += 1
    one.view("a" * 16).out += 1
    assert not other.quarantined
    assert not other.views
