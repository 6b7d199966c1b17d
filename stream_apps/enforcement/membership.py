"""Which keys each row-limited view holds: so that what leaves its rows is deleted there.

One table a resource and worker, for all of its views: an entry is the 64-bit keyed hash of the
key as the view has it, and the view's number. An entry takes 21 to 43 bytes (measured: ten million
keys of one view, 256 MiB, and half as much again while the table grows). Two keys with one hash
would share their fate: for ten million keys the chance of one such pair is 3 in a million.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from stream_apps.enforcement.kernel import members
from stream_apps.enforcement.layouts import Longs, Words
from stream_apps.enforcement.scanner import KeyBatch

_FIRST_SIZE = 1024
_BUFFER = 4096


class Membership:
    """The keys that the views of a resource hold.

    It changes with what a transaction lets out, so after one that did not count it is thrown away
    and read again from the views.

    Args:
        secret: 16 bytes, so that nobody can choose keys whose hashes meet.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = np.frombuffer(bytearray(secret), np.uint64)
        self._hashes = np.zeros(_FIRST_SIZE, np.uint64)
        self._owners = np.zeros(_FIRST_SIZE, np.int64)
        self._used = 0
        self._ended: set[int] = set()

    def __len__(self) -> int:
        return self._used

    @property
    def size_bytes(self) -> int:
        """Bytes that the table takes."""
        return self._hashes.nbytes + self._owners.nbytes

    def forget(self, views: Iterable[int]) -> None:
        """Let go of what these views held; their place is free when the next room is needed.

        Args:
            views: their numbers, which are not used again.
        """
        self._ended.update(views)

    def hashes(self, keys: KeyBatch, places: Longs) -> Words:
        """Give the hashes of some keys of a batch."""
        found = np.empty(places.size, np.uint64)
        members.hash_texts(self._secret, keys.bytes, keys.offsets, places, found)
        return found

    def track(
        self, hashes: Words, firsts: Longs, views: Longs, own: Collection[int]
    ) -> tuple[Longs, Longs]:
        """Note of records, in their order, which views have them now; tell which have them no more.

        Args:
            hashes: of the records' keys.
            firsts: where each record's views start in `views`, and the last one's end.
            views: numbers of the views that let the record through.
            own: numbers of the views whose entries these hashes are about; others stay.

        Returns:
            Views, and the records that they lose, as places in `hashes`; in the records' order.
        """
        among = np.zeros(max(own) + 1, np.bool_)
        among[list(own)] = True
        lost_views, lost = np.empty(_BUFFER, np.int64), np.empty(_BUFFER, np.int64)
        found_views, found = [], []
        record = 0
        while True:
            self._make_room(int(firsts[-1] - firsts[record]))
            record, made, more = members.track(
                self._hashes, self._owners, hashes, firsts, views, among, record, lost_views, lost
            )
            self._used += more
            found_views.append(lost_views[:made].copy())
            found.append(lost[:made].copy())
            if record == hashes.size:
                return np.concatenate(found_views), np.concatenate(found)

    def _make_room(self, more: int) -> None:
        if 4 * (self._used + more) <= 3 * self._hashes.size:
            return
        if self._ended:
            self._move(self._hashes.size)
        size = self._hashes.size
        while 4 * (self._used + more) > 3 * size:
            size *= 2
        if size > self._hashes.size:
            self._move(size)

    def _move(self, size: int) -> None:
        """Begin a table of this size with all that has not ended."""
        gone = np.zeros(max(self._ended, default=-1) + 1, np.bool_)
        gone[list(self._ended)] = True
        hashes, owners = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        self._used = members.rehash(self._hashes, self._owners, gone, hashes, owners)
        self._hashes, self._owners = hashes, owners
        self._ended.clear()
