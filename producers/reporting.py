"""What a person sees of a file on its way: a progress bar, and what is wrong with bad rows.

Of a bad row are told its number, the item and the reason; never what stands there (R5.4).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from infra.terminal import note
from producers.publishing import Published
from producers.sources.source import Source
from schemas.errors import InvalidRecord, Unavailable

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_BAD_ROWS: Final = 20


class Rejects:
    """All bad rows of one file, a JSON object a line: line or row, item, reason.

    What an interrupted run told of rows behind its mark is dropped when the next one goes on there.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stream: IO[str] | None = None

    def begin(self, behind: int) -> None:
        """Keep what was told of rows up to this number, and go on behind it."""
        try:
            kept = self._lines(behind) if behind else []
            self._stream = self.file.open("w", encoding="utf-8")
            self._stream.writelines(kept)
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def add(self, unit: str, number: int, error: InvalidRecord) -> None:
        """Write one bad row."""
        told = {unit: number, "item": error.where, "reason": error.reason}
        self._write(json.dumps(told, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """See to it that what was told is in the file before its rows count as done."""
        self._write("")
        if self._stream is not None:
            try:
                self._stream.flush()
            except OSError as error:
                raise self._failed(error) from error

    def close(self) -> None:
        """End the file."""
        if self._stream is not None:
            try:
                self._stream.close()
            except OSError as error:
                raise self._failed(error) from error

    def _write(self, text: str) -> None:
        if self._stream is not None:
            try:
                self._stream.write(text)
            except OSError as error:
                raise self._failed(error) from error

    def _lines(self, behind: int) -> list[str]:
        if not self.file.exists():
            return []
        with self.file.open(encoding="utf-8") as stream:
            return [line for line in stream if _number(line) <= behind]

    def _failed(self, error: OSError) -> Unavailable:
        self._stream = None
        return Unavailable(
            f"bad rows can't be written down: {os.strerror(error.errno or 0)}",
            where=str(self.file),
            remedy="Make room or choose another folder, and publish the file again: it goes on",
        )


class Report:
    """Tells a person how a file is getting on.

    Args:
        title: of the progress bar.
        bar: the bar; it is started when rows come, and left to its owner to stop.
        rejects: where all bad rows are written, if wanted.
    """

    def __init__(self, title: str, bar: Progress, rejects: Rejects | None) -> None:
        self._bar, self._rejects = bar, rejects
        self._task = bar.add_task(title, total=None, count="")
        self._shown = self._at_begin = 0
        self._noted = ""

    def opened(self, source: Source, published: Published) -> None:
        """Say how the file is read, and where."""
        if source.note != self._noted:
            self._noted = source.note
            note(f"the file is {source.note}")
        if published.behind:
            note(f"goes on behind {source.unit} {published.behind:,}, up to which it was delivered")
        elif published.changed:
            note("another content was delivered from this file before: it begins anew")
        if self._rejects is not None:
            self._rejects.begin(published.behind)
        self._at_begin = source.position
        self._bar.update(self._task, total=source.size or 1, completed=source.position)

    def bad_row(self, source: Source, number: int, error: InvalidRecord) -> None:
        """Show the first bad rows, and write all of them where wanted."""
        self._shown += 1
        if self._shown <= SHOWN_BAD_ROWS:
            note(f"{source.unit} {number}: {error.where or 'row'}: {error.reason}")
        if self._rejects is not None:
            self._rejects.add(source.unit, number, error)

    def advanced(self, source: Source, events: int) -> None:
        """Move the bar to where reading is."""
        seconds = self._bar.tasks[0].elapsed or 0
        rate = f", {events / seconds:,.0f}/s" if seconds > 1 else ""
        self._bar.start()
        self._bar.update(self._task, completed=source.position, count=f"{events:,} rows{rate}")

    def committing(self) -> None:
        """Write bad rows down before they count as done."""
        if self._rejects is not None:
            self._rejects.flush()

    def finish(self) -> None:
        """Say how many bad rows were not shown, and where they are."""
        if self._shown > SHOWN_BAD_ROWS:
            more = f"and {self._shown - SHOWN_BAD_ROWS:,} more bad rows"
            told = f"; all are in {self._rejects.file}" if self._rejects else ": see --rejects"
            note(more + told)
        elif self._shown and self._rejects is not None:
            note(f"bad rows are in {self._rejects.file}")
        if self._rejects is not None:
            self._rejects.close()


def _number(line: str) -> int:
    try:
        told = json.loads(line)
        return int(told.get("line", told.get("row", 0)))
    except (ValueError, AttributeError, TypeError):
        return 1 << 62  # half a line, as a killed run leaves it
