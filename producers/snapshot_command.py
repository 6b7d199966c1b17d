"""`sharebus publish --snapshot`: a file that is all there is; only differences are sent.

What the source sees of its own rows is compared with the file, once its view is filled and
enforcement has judged what was published before; where that does not come, nothing is sent. Nothing
is deleted on account of a file with bad rows, nor more than a tenth of the rows unless that is
said. Interrupted, the same command compares anew and sends what is left.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from infra.terminal import INTERRUPTED, late_progress_bar, note, on_interrupt, progress_bar, say
from producers.enforced import note_unjudged, wait_judged
from producers.filled import wait_filled
from producers.own_view import own_grant, own_rows
from producers.present import Comparison, Summary, digest_of
from producers.reporting import SHOWN_BAD_ROWS
from producers.row_writer import RowWriter
from producers.sources.choosing import Format, open_source
from producers.sources.source import Deletion, Row
from schemas.errors import InvalidInput, InvalidRecord

if TYPE_CHECKING:
    from infra.bus import Bus
    from infra.ledger.profiles import Profile
    from producers.opening import Opening
    from producers.publisher import Publisher
    from schemas.ledger.subjects import Grant, View

DELETIONS_AT_ONCE: Final = 0.1
"""Part of the present rows that may go without being asked for."""
_LOOK_EVERY: Final = 256


class Snapshot:
    """One comparison of a file with the present state."""

    def __init__(self, opening: Opening, file: Path, form: Format | None) -> None:
        self._opening, self._file, self._form = opening, file, form
        self._write = RowWriter(opening.contract, opening.schema).write
        self._key = opening.contract.key
        self.comparison = Comparison()
        self.bad = 0

    def read_present(self, bus: Bus, profile: Profile, grant: Grant) -> None:
        """Note what there is, as the source sees it through a grant of its own."""
        for key, items in own_rows(bus, profile, grant):
            self.comparison.is_present(key, None if items is None else self._present_digest(items))

    def read_file(self) -> None:
        """Note what the file wants, and show its bad rows."""
        source = open_source(self._file, self._opening.schema, self._form)
        if source.note:
            note(f"the file is {source.note}")
        with late_progress_bar() as bar:
            task, count = bar.add_task("comparing", total=source.size or 1, count=""), 0
            for count, (number, row) in enumerate(source.rows(), 1):
                bar.start()
                try:
                    if isinstance(row, InvalidRecord):
                        raise row
                    if isinstance(row, Deletion):
                        self.comparison.is_wanted(row.key, None)
                    else:
                        self.comparison.is_wanted(row[self._key], self._wanted_digest(row))
                except InvalidRecord as error:
                    self.bad += 1
                    if self.bad <= SHOWN_BAD_ROWS:
                        where = error.where or "row"
                        note(f"{source.unit} {number}: {where}: {error.reason}")
                if count % _LOOK_EVERY == 0:
                    bar.update(task, completed=source.position, count=f"{count:,} rows")
            bar.update(task, completed=source.size or 1, count=f"{count:,} rows")

    def send(self, publisher: Publisher) -> int:
        """Send what is new, changed or gone, and return how many events that were."""
        source = open_source(self._file, self._opening.schema, self._form)
        with progress_bar() as bar, on_interrupt() as interrupted:
            task = bar.add_task("sending", total=source.size or 1, count="")
            for count, (_, row) in enumerate(source.rows()):
                if not isinstance(row, (Deletion, InvalidRecord)):
                    self._send_row(publisher, row)
                if count % _LOOK_EVERY == 0:
                    bar.update(task, completed=source.position, count=f"{publisher.sent:,} rows")
                    if interrupted():
                        break
            for key in self.comparison.surplus() if not self.bad else ():
                if interrupted():
                    break
                publisher.delete(key)
            delivered = publisher.flush()
            bar.update(task, completed=source.size or 1, count=f"{delivered:,} rows")
            if interrupted():
                note("interrupted; the same command compares anew and sends the rest")
                say(f"published {delivered:,} events")
                raise typer.Exit(INTERRUPTED)
        return delivered

    def _send_row(self, publisher: Publisher, row: Row) -> None:
        try:
            if self.comparison.take(row[self._key], self._wanted_digest(row)):
                publisher.upsert(row)
        except InvalidRecord:
            return  # told when the file was compared

    def _wanted_digest(self, row: Row) -> bytes:
        encoded, scope = self._write(row), self._opening.scope
        if scope is not None and not scope.matches(row[self._key].encode()):
            raise InvalidRecord("foreign-row", where=self._key)
        return digest_of(encoded)

    def _present_digest(self, items: dict[str, object]) -> bytes:
        try:
            return digest_of(self._write(items))
        except InvalidRecord:
            return b""  # from before the contract's checks; the file's row replaces it


def publish_snapshot(
    bus: Bus,
    profile: Profile,
    opening: Opening,
    file: tuple[Path, Format | None],
    against: str,
    *,
    dry_run: bool,
    allow_deletions: bool,
) -> None:
    """Compare a file with the present state, say what differs, and send that.

    Raises:
        InvalidInput: it would delete too much, or the file can't be read.
        UnknownName: the department has no grant that shows it its own rows.
        Unavailable: what there is can't be known now; nothing was sent.
    """
    from infra.acting import read_state

    # A long file is not read for nothing, and what is wrong with it is told before the view is.
    own_grant(read_state(bus), profile.department, opening, against)
    snapshot = Snapshot(opening, *file)
    snapshot.read_file()
    # The file may have taken long; the grant may have another credential by now, or none.
    state = read_state(bus)
    grant = own_grant(state, profile.department, opening, against)
    _await_present(bus, profile, opening, state.views[grant.view], dry_run=dry_run)
    snapshot.read_present(bus, profile, grant)
    summary = snapshot.comparison.summary()
    say(
        f"{summary.new:,} new, {summary.changed:,} changed, {summary.deleted:,} deleted, "
        f"{summary.same:,} same, {snapshot.bad:,} bad rows"
    )
    if snapshot.bad and summary.deleted:
        note("nothing is deleted: a bad row may be one that seems to be missing; mend them first")
    elif not (allow_deletions or dry_run):
        _check_deletions(summary)
    if not dry_run:
        delivered = snapshot.send(opening.publisher(profile, profile.access(bus.cluster)))
        say(f"published {delivered:,} events of {opening.contract.resource}")
    snapshot.comparison.close()
    if snapshot.bad:
        raise typer.Exit(2)


def _await_present(
    bus: Bus, profile: Profile, opening: Opening, view: View, *, dry_run: bool
) -> None:
    """Wait until the view holds all that was published before, as far as that is accepted."""
    access = profile.access(bus.cluster)
    group = f"{profile.group_prefix}snapshot"
    wait_filled(access, group, view, opening.contract.partitions)
    if dry_run:
        note_unjudged(access, opening.topic)
    else:
        wait_judged(access, opening, profile)


def _check_deletions(summary: Summary) -> None:
    if summary.deleted > DELETIONS_AT_ONCE * summary.present:
        raise InvalidInput(
            f"the file lacks {summary.deleted:,} of {summary.present:,} rows, which would be "
            "deleted",
            remedy="If the file is complete, add --allow-deletions",
        )
