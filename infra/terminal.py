"""What commands print: a table for people, JSON for programs, errors with a remedy."""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal

from schemas.errors import SharebusError

if TYPE_CHECKING:
    from rich.progress import Progress


INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""


class Output(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"


def say(text: str) -> None:
    """Print one line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line beside the result, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show(rows: Iterable[Mapping[str, Any]], output: Output, title: str = "") -> None:
    """Print rows, all with the same keys, as a table or as a JSON array."""
    found = list(rows)
    if output is Output.JSON:
        say(json.dumps(found, ensure_ascii=False, indent=2, default=str))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not found:
        say(f"{title}: none" if title else "none")
        return
    table = Table(title=title or None, title_justify="left")
    for name, value in found[0].items():
        number = isinstance(value, int) and not isinstance(value, bool)
        justify: Literal["left", "right"] = "right" if number else "left"
        # Chinese has no spaces to break at: without folding rich cuts it off.
        table.add_column(name.replace("_", " "), justify=justify, overflow="fold")
    for row in found:
        # As it stands: in a plain string rich takes [a-z] for markup, and leaves it out.
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    # Piped output is not folded at 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(table)


def progress_bar() -> Progress:
    """Return a bar on standard error, with speed and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def late_progress_bar() -> Iterator[Progress]:
    """Give a bar that whoever gets it starts; so a file that can't be read is told without one."""
    bar = progress_bar()
    try:
        yield bar
    finally:
        if bar.live.is_started:
            bar.stop()


@contextmanager
def warnings_as_notes(logger: str) -> Iterator[None]:
    """Print what a library of ours warns of, in its words; other libraries stay silent."""

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            note(record.getMessage())

    handler = Notes(logging.WARNING)
    source = logging.getLogger(logger)
    source.addHandler(handler)
    try:
        yield
    finally:
        source.removeHandler(handler)


@contextmanager
def on_interrupt(stop: Callable[[], None] = lambda: None) -> Iterator[Callable[[], bool]]:
    """Call `stop` at the first Ctrl-C; the second one interrupts as usual. Yields: did it come?

    A KeyboardInterrupt comes up anywhere, also in a callback of librdkafka, where it is lost
    (confluent-kafka 2.16: SystemError). So loops over Kafka are stopped instead.
    """
    before = signal.getsignal(signal.SIGINT)
    came = False

    def handle(_: int, __: object) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, before)
        stop()

    if before is not signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: came
    finally:
        signal.signal(signal.SIGINT, before)


def explain(error: SharebusError) -> int:
    """Print what was wrong, where, and what to do; return the exit status."""
    note(f"error: {error.problem}")
    if error.where:
        note(f"  where: {error.where}")
    if error.remedy:
        note(f"  to do: {error.remedy}")
    return error.exit_status


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
