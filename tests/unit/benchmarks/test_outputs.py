"""Outputs are compared as multisets: order is free, nothing else is."""

import random

from contest.outputs import Fingerprint, differences, fingerprint_of

RECORDS = [(b"k%d" % (number % 7), b"value %d" % number) for number in range(100)]


def test_order_does_not_matter() -> None:
    shuffled = RECORDS.copy()
    random.Random(5).shuffle(shuffled)
    assert shuffled != RECORDS
    assert fingerprint_of(shuffled) == fingerprint_of(RECORDS)


def test_parts_add_up_to_the_whole() -> None:
    assert fingerprint_of(RECORDS[:40]) + fingerprint_of(RECORDS[40:]) == fingerprint_of(RECORDS)


def test_a_record_added_several_times_is_that_many_records() -> None:
    key, value = RECORDS[0]
    assert Fingerprint().and_(key, value, 3) == fingerprint_of([RECORDS[0]] * 3)


def test_equal_outputs_differ_in_nothing() -> None:
    whole = fingerprint_of(RECORDS)
    assert differences((whole, whole), (whole, whole)) == []


def test_a_lost_or_doubled_record_is_told_with_its_topic() -> None:
    whole = fingerprint_of(RECORDS)
    lost, doubled = fingerprint_of(RECORDS[1:]), fingerprint_of([*RECORDS, RECORDS[0]])
    assert differences((lost, whole), (whole, whole)) == ["accepted: 99 records instead of 100"]
    assert differences((whole, doubled), (whole, whole)) == ["view 1: 101 records instead of 100"]


def test_one_record_in_place_of_another_is_told() -> None:
    whole = fingerprint_of(RECORDS)
    other = fingerprint_of([*RECORDS[1:], RECORDS[1]])
    assert differences((whole, other), (whole, whole)) == ["view 1: 100 records, not all the same"]


def test_a_byte_that_moved_from_key_to_value_is_told() -> None:
    one, other = fingerprint_of([(b"ab", b"c")]), fingerprint_of([(b"a", b"bc")])
    assert differences((one,), (other,)) == ["accepted: 1 records, not all the same"]


def test_a_missing_topic_is_told() -> None:
    whole = fingerprint_of(RECORDS)
    assert differences((whole,), (whole, whole)) == ["1 topics instead of 2"]
