"""A file beside the present state: what is new, changed, gone; each key once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from producers.present import Comparison, Summary


@pytest.fixture
def comparison() -> Iterator[Comparison]:
    """Four rows are there, one of them changed meanwhile, one gone."""
    found = Comparison()
    for key, digest in (("a", b"1"), ("b", b"1"), ("c", b"1"), ("d", b"1"), ("b", b"2")):
        found.is_present(key, digest)
    found.is_present("d", None)
    yield found
    found.close()


def test_each_key_is_new_changed_gone_or_the_same(comparison: Comparison) -> None:
    for key, digest in (("a", b"1"), ("b", b"9"), ("d", b"1"), ("e", b"1")):
        comparison.is_wanted(key, digest)
    assert comparison.summary() == Summary(new=2, changed=1, deleted=1, same=1)
    assert comparison.summary().present == 3
    assert list(comparison.surplus()) == ["c"]
    assert not comparison.take("a", b"1")
    assert comparison.take("b", b"9")
    assert comparison.take("e", b"1")


def test_a_key_that_the_file_has_twice_is_sent_once_as_it_is_last(comparison: Comparison) -> None:
    for digest in (b"1", b"5", b"5"):
        comparison.is_wanted("a", digest)
    assert not comparison.take("a", b"1")
    assert comparison.take("a", b"5")
    assert not comparison.take("a", b"5")


def test_a_deletion_of_the_file_is_the_last_word(comparison: Comparison) -> None:
    comparison.is_wanted("a", b"1")
    comparison.is_wanted("a", None)
    comparison.is_wanted("unknown", None)
    assert set(comparison.surplus()) == {"a", "b", "c"}
    assert comparison.summary() == Summary(new=0, changed=0, deleted=3, same=0)


def test_the_file_may_be_read_before_the_present_state() -> None:
    comparison = Comparison()
    comparison.is_wanted("a", b"1")
    comparison.is_present("a", b"1")
    assert comparison.summary() == Summary(0, 0, 0, 1)
    assert Comparison().summary() == Summary(0, 0, 0, 0)
