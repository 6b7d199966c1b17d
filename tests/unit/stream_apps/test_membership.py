"""Which keys views hold: against plain sets."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest

from stream_apps.enforcement.membership import Membership
from stream_apps.enforcement.routing import by_record
from stream_apps.enforcement.scanner import KeyBatch


def track(
    membership: Membership, keys: list[bytes], views: list[set[int]], own: set[int]
) -> set[tuple[int, int]]:
    """Note which views have each record; give (view, record) of what is lost."""
    found = [
        (view, np.array([i for i, given in enumerate(views) if view in given], np.int64))
        for view in sorted(own)
    ]
    firsts, numbers = by_record(found, len(keys))
    hashes = membership.hashes(KeyBatch(keys), np.arange(len(keys)))
    lost_views, lost = membership.track(hashes, firsts, numbers, own)
    pairs = list(zip(lost_views.tolist(), lost.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


@pytest.mark.parametrize("seed", range(30))
def test_a_view_loses_what_it_has_and_no_longer_lets_through(seed: int) -> None:
    """In the records' order, also where one key comes several times in a batch."""
    rng = random.Random(seed)
    membership = Membership(rng.randbytes(16))
    held: dict[int, set[bytes]] = {view: set() for view in range(5)}
    keys = [str(i).encode() for i in range(rng.choice([5, 400, 3000]))]
    for _ in range(30):
        own = set(rng.sample(range(5), rng.randrange(1, 6)))
        batch = [rng.choice(keys) for _ in range(rng.randrange(1, 400))]
        let = [{view for view in own if rng.random() < 0.4} for _ in batch]
        expected = set()
        for i, key in enumerate(batch):
            for view in own:
                if view in let[i]:
                    held[view].add(key)
                elif key in held[view]:
                    held[view].discard(key)
                    expected.add((view, i))
        assert track(membership, batch, let, own) == expected
        assert len(membership) == sum(map(len, held.values()))


def test_more_is_lost_at_once_than_there_is_room_to_say() -> None:
    """The answer comes in parts and is whole."""
    membership = Membership(bytes(16))
    keys = [str(i).encode() for i in range(20_000)]
    assert track(membership, keys, [{0, 1}] * 20_000, {0, 1}) == set()
    lost = track(membership, keys, [set()] * 20_000, {0, 1})
    assert lost == {(view, i) for view in (0, 1) for i in range(20_000)}
    assert len(membership) == 0


def test_what_ended_views_held_gives_room_to_others() -> None:
    """A view amended again and again takes the room of two: the past takes none."""
    membership = Membership(bytes(16))
    keys = [str(i).encode() for i in range(5000)]
    sizes = []
    for view in range(20):
        track(membership, keys, [{view}] * 5000, {view})
        assert track(membership, keys[:10], [{view}] * 10, {view}) == set()
        sizes.append(membership.size_bytes)
        if view:
            membership.forget([view - 1])
    assert max(sizes) == sizes[2]
    assert track(membership, keys, [set()] * 5000, {19}) == {(19, i) for i in range(5000)}


def test_a_key_takes_few_bytes() -> None:
    """At most 43 bytes each, whatever the number; ten million so fit into a gibibyte."""
    membership = Membership(bytes(16))
    for count in range(1, 12):
        keys = [b"%d" % i for i in range(2000 * (count - 1), 2000 * count)]
        track(membership, keys, [{0}] * 2000, {0})
        assert membership.size_bytes <= 43 * len(membership)


def test_ten_million_keys_fit_in_a_gibibyte() -> None:
    """21 to 43 bytes a key; also while the table grows, and with what a batch needs beside it."""
    membership, chance = Membership(bytes(16)), np.random.default_rng(7)
    batch = 1_000_000
    firsts, views = np.arange(batch + 1), np.zeros(batch, np.int64)
    tracemalloc.start()
    try:
        for _ in range(10):
            hashes = chance.integers(1, 2**63, batch, np.uint64)
            membership.track(hashes, firsts, views, {0})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(membership) == 10 * batch
    assert 21 <= membership.size_bytes / len(membership) <= 43
    assert peak < 2**30
