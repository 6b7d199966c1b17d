"""Publishes the rows of a source through a delivery, in transactions.

Bad rows are told one by one, each once; the others go out. A transaction that was given up is
repeated from its mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from producers.delivery import Delivery
from producers.sources.source import NOTHING, Deletion, Mark, Row, Source
from schemas.errors import AlreadyRunning, Fenced, InvalidInput, InvalidRecord, Unavailable

TRANSACTION_ROWS: Final = 50_000
TRANSACTION_S: Final = 1.0
"""So long readers of committed records wait at most; the broker takes ten times as much."""
_ATTEMPTS: Final = 5
_LOOK_EVERY: Final = 256


@dataclass(slots=True)
class Published:
    """What came of it.

    Attributes:
        events: committed by this run.
        bad: rows that could not be sent.
        mark: behind the last committed row; None before the first.
        behind: where this run began; 0 at the file's beginning.
        changed: whether a mark was there, but of another content.
    """

    events: int = 0
    bad: int = 0
    mark: Mark | None = None
    behind: int = 0
    changed: bool = False


class Watcher(Protocol):
    """Is told how it goes."""

    def opened(self, source: Source, published: Published) -> None:
        """Reading begins, or begins again; `published` says behind which row."""

    def bad_row(self, source: Source, number: int, error: InvalidRecord) -> None:
        """A row could not be sent."""

    def advanced(self, source: Source, events: int) -> None:
        """So many events were sent, nearly all of them committed."""

    def committing(self) -> None:
        """What was told until now is about to count."""


class Publishing:
    """One run over one file.

    Args:
        delivery: where to.
        open_source: opens the file at its beginning.
        watcher: is told how it goes.
        stopped: is asked now and then; True ends the run behind a row.
        again: begin at the beginning, whatever was delivered before.
    """

    def __init__(
        self,
        delivery: Delivery,
        open_source: Callable[[], Source],
        watcher: Watcher,
        stopped: Callable[[], bool],
        *,
        again: bool = False,
    ) -> None:
        self._delivery, self._open_source = delivery, open_source
        self._watcher, self._stopped, self._again = watcher, stopped, again
        self._stored: Mark | None = None
        self._tried: Mark | None = None
        self._sent = self._told = 0
        self.published = Published()

    def run(self) -> Published:
        """Publish what is left of the file, or until stopped; `published` holds the result.

        Raises:
            InvalidInput: the file can't be read, or is damaged; what stands before counts.
            AccessDenied: the department is no source of the resource.
            AlreadyRunning: somebody else began to publish the same file.
            Unavailable: the broker doesn't take it; what was committed counts.
        """
        self._open_source()  # a file that can't be read is told before the bus is asked
        self._stored = self._delivery.start()
        source = self._first_source()
        failures = 0
        while True:
            before = self.published.events
            try:
                self._pass(source)
                return self.published
            except Fenced as error:
                failures = failures + 1 if self.published.events == before else 1
                if self._stopped():
                    return self.published
                if failures >= _ATTEMPTS:
                    raise Unavailable(
                        "the broker does not take the file's rows",
                        where=error.where,
                        remedy="Publish the file again: it goes on where it stood",
                    ) from error
            source = self._next_source(self._delivery.start())

    def _first_source(self) -> Source:
        source, begun = self._open_source(), self._stored is not None and self._stored.size > 0
        if begun and self._again:
            # First forgotten, so that no mark is met that this run will make.
            self._delivery.commit(NOTHING)
            self._stored = NOTHING
        elif begun and self._stored is not None:
            if source.go_on(self._stored):
                self.published.mark, self.published.behind = self._stored, self._stored.number
            else:
                self.published.changed, source = True, self._open_source()
        self._watcher.opened(source, self.published)
        return source

    def _next_source(self, stored: Mark | None) -> Source:
        """Return where to go on after an uncertain commit, having counted what became of it."""
        if stored is not None and stored == self._tried:
            self._count(stored)
        elif stored != self._stored:
            raise AlreadyRunning(
                "another command began to publish the same file",
                remedy="Let it finish, or end it and publish the file again",
            )
        source, mark = self._open_source(), self.published.mark
        if mark is not None and not source.go_on(mark):
            raise InvalidInput("the file was changed while it was being published")
        return source

    def _pass(self, source: Source) -> None:
        self._sent, began = 0, 0.0
        try:
            for count, (number, row) in enumerate(source.rows(), 1):
                self._send(source, number, row)
                if count % _LOOK_EVERY != 1:
                    continue
                now = time.monotonic()
                began = began or now
                self._watcher.advanced(source, self.published.events + self._sent)
                if self._stopped():
                    break
                if self._sent >= TRANSACTION_ROWS or now - began >= TRANSACTION_S:
                    self._commit(source)
                    began = 0.0
        except InvalidInput:
            self._commit(source)
            raise
        if source.mark() != self.published.mark:
            self._commit(source)
        self._watcher.advanced(source, self.published.events)

    def _send(self, source: Source, number: int, row: Row | Deletion | InvalidRecord) -> None:
        try:
            if isinstance(row, InvalidRecord):
                raise row
            self._delivery.send(row)
            self._sent += 1
        except InvalidRecord as error:
            if number > self._told:
                self._told = number
                self.published.bad += 1
                self._watcher.bad_row(source, number, error)

    def _commit(self, source: Source) -> None:
        self._tried = source.mark()
        self._watcher.committing()
        self._delivery.commit(self._tried)
        self._count(self._tried)

    def _count(self, mark: Mark) -> None:
        self.published.events += self._sent
        self.published.mark = self._stored = mark
        self._sent, self._tried = 0, None
