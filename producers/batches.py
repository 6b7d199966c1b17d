"""Batches of rows that count whole or not at all, for a provider's own program.

    with open_batches(bus, profile, "population.person", "nightly") as batches:
        for batch in source.changes_after(batches.position):
            with batches.batch(position=batch.id) as send:
                for row in batch.rows:
                    send(row)

The position is the provider's own word for how far it is: it commits with the rows, in one
transaction, and is there again after a crash at any moment. So each batch counts exactly once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from infra.bus import Bus
from infra.ledger.profiles import Profile
from producers.delivery import Delivery
from producers.opening import open_resource
from producers.sources.source import Deletion, Mark, Row
from schemas.errors import InvalidInput, Unavailable
from schemas.names import check_group

Send = Callable[[Row | Deletion], None]
MAX_POSITION: Final = 1000
"""Bytes of a position; the broker keeps it as an offset's metadata, of at most 4,096."""


class Batches:
    """One program's way to one resource. For one thread; a second of the same name fences it.

    Args:
        delivery: of an origin that is the program's alone.

    Attributes:
        position: of the last batch that counts; empty before the first.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._number = 0
        self._open = False
        self.position = ""
        self._start()

    @contextmanager
    def batch(self, position: str) -> Iterator[Send]:
        """Give what takes a row, or a `Deletion`, into a batch; it counts when the block ends.

        Where the block raises, also InvalidRecord for a bad row, nothing of the batch counts.

        Args:
            position: what `position` will be once the batch counts.

        Raises:
            InvalidInput: the position is too long.
            Fenced: the batch may count or not; `position` of a new `open_batches` tells.
            AccessDenied: the department is no source of the resource.
        """
        if len(position.encode()) > MAX_POSITION:
            raise InvalidInput(f"a position has at most {MAX_POSITION} bytes")
        if not self._open:
            self._start()
        self._open = False
        try:
            yield self._delivery.send
        except BaseException:
            self._delivery.abort()
            raise
        number = self._number + 1
        self._delivery.commit(Mark(number, number, _encoded(position)))
        self._number, self.position, self._open = number, position, True

    def close(self) -> None:
        """Leave; what was not committed is taken back."""
        self._delivery.close()

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        mark = self._delivery.start()
        if mark is not None:
            self._number, self.position = mark.number, _decoded(mark.digest)
        self._open = True


def open_batches(bus: Bus, profile: Profile, resource: str, name: str) -> Batches:
    """Return a program's way to a resource, as the profile's department.

    Args:
        bus: a running one.
        profile: whose department is a source of the resource.
        resource: its id.
        name: of the program; its position is found again by it.

    Raises:
        UnknownName: nobody published the catalogue entry of the resource.
        AccessDenied: the department is none of its sources.
        Unavailable: the broker doesn't answer.
    """
    opening = open_resource(bus, profile, resource)
    return Batches(Delivery(bus, profile, opening, f"batches-{check_group(name)}"))


def _encoded(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode("ascii")


def _decoded(digest: str) -> str:
    try:
        return base64.urlsafe_b64decode(digest.encode()).decode()
    except ValueError as error:
        raise Unavailable("the stored position can't be read") from error
