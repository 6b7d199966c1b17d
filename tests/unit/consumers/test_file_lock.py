"""Of two processes that write a copy's files, the second is turned away before it harms them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.records import Record
from consumers.targets.columns import Column, Kind, layout_of
from consumers.targets.opening import open_target
from consumers.targets.port import Holding, Place, Target
from schemas.errors import AlreadyRunning, Unavailable

TOPIC = "view.a.b.0123"
AT = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = (Column("code", Kind.TEXT),)
WRITER = """
import sys, time
from tests.unit.consumers.test_file_lock import at, opened, record
target = opened(sys.argv[1], sys.argv[2])
target.holding()
target.begin(at(0))
target.store([record("a")], at(1), sweep=False)
print("stored", flush=True)
time.sleep(600)
"""


def at(offset: int) -> Holding:
    """Return a position."""
    return Holding(TOPIC, "id", layout_of(COLUMNS), 1, None, {0: Place(offset, AT)})


def record(key: str) -> Record:
    """Return an upsert."""
    return Record(TOPIC, 0, 0, key, bytes(16), 1, "health", AT, {"code": key})


def opened(kind: str, place: str) -> Target:
    """Return the target as a process opens it."""
    return open_target(kind, place, "", TOPIC, COLUMNS, lambda: AT)


@pytest.mark.parametrize(("kind", "lost"), [("csv", "copy"), ("parquet", "copy/unfinished.tmp")])
def test_a_second_process_harms_nothing_and_is_told_whose_target_it_is(
    kind: str, lost: str, tmp_path: Path
) -> None:
    """What the first one has written is what it would cut off; killed, the first one is no more."""
    place = str(tmp_path / "copy")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, kind, place], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "stored\n"
        before = (tmp_path / lost).stat().st_size
        with pytest.raises(AlreadyRunning, match=f"{place} is running .* {writer.pid}") as caught:
            opened(kind, place)
        assert "another target" in caught.value.remedy
        assert (tmp_path / lost).stat().st_size == before > 0
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
    with closing(opened(kind, place)) as target:
        held = target.holding()
    assert held is not None


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_target_that_was_closed_is_free(kind: str, tmp_path: Path) -> None:
    """In the same process, too."""
    opened(kind, str(tmp_path / "copy")).close()
    with closing(opened(kind, str(tmp_path / "copy"))), pytest.raises(AlreadyRunning):
        opened(kind, str(tmp_path / "copy"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_place_that_can_t_be_written_is_told(kind: str, tmp_path: Path) -> None:
    """Another try may find it mended."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="can't") as caught:
        opened(kind, str(tmp_path / "file" / "copy"))
    assert "file" in str(caught.value)
