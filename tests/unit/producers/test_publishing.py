"""Rows of a file on an uncertain way: what counts is what the stored mark says.

The way is a stand-in that keeps what was committed, as the broker does; on the real broker this is
`tests/integration/test_publishing.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import fastavro
import pytest

from producers.delivery import Delivery
from producers.publishing import Published, Publishing
from producers.sources.choosing import open_source
from producers.sources.source import Mark, Source
from schemas.catalogue import packaged_resource
from schemas.errors import AlreadyRunning, Fenced, InvalidInput, InvalidRecord, Unavailable

SCHEMA = packaged_resource("geography.division")[1]
ROWS = 1000


class Way:
    """Keeps rows and mark together; `trouble` is asked before and behind each commit."""

    def __init__(self, trouble: Callable[[str, int], bool] = lambda *_: False) -> None:
        self.rows: list[Any] = []
        self.stored: Mark | None = None
        self.starts = self.commits = 0
        self._trouble, self._open = trouble, list[Any]()

    def start(self) -> Mark | None:
        """Return the stored mark; what was not committed is gone."""
        self.starts += 1
        self._open = []
        return self.stored

    def send(self, row: Any) -> None:
        """Add a row, or refuse it."""
        if row["name"] == "bad":
            raise InvalidRecord("bad", where="name")
        self._open.append(row["code"])

    def commit(self, mark: Mark) -> None:
        """Keep rows and mark, unless there is trouble."""
        self.commits += 1
        if self._trouble("before", self.commits):
            raise Fenced("given up")
        self.rows += self._open
        self._open, self.stored = [], mark
        if self._trouble("behind", self.commits):
            raise Fenced("who knows")


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.bad: list[int] = []

    def opened(self, source: Source, published: Published) -> None:
        """Not looked at."""

    def bad_row(self, source: Source, number: int, error: InvalidRecord) -> None:
        """Keep its number."""
        self.bad.append(number)

    def advanced(self, source: Source, events: int) -> None:
        """Not looked at."""

    def committing(self) -> None:
        """Not looked at."""


@pytest.fixture(autouse=True)
def small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several."""
    monkeypatch.setattr("producers.publishing.TRANSACTION_ROWS", 200)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of rows, every hundredth of them bad."""
    lines = [
        f"{n:09d},{'bad' if n % 100 == 0 else 'n'},township,44,a,," for n in range(1, ROWS + 1)
    ]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["code,name,level,parent,path,area,population", *lines, ""]))
    return file


WANTED = [f"{n:09d}" for n in range(1, ROWS + 1) if n % 100]


def publishing(
    way: Way, file: Path, told: Told, stopped: Callable[[], bool] = lambda: False, **more: bool
) -> Publishing:
    """Return a run over the file."""
    opening = lambda: open_source(file, SCHEMA)  # noqa: E731
    return Publishing(cast(Delivery, way), opening, told, stopped, **more)


@pytest.mark.parametrize("moment", ["before", "behind"])
@pytest.mark.parametrize("commit", [1, 2, 4])
def test_an_uncertain_commit_is_found_out(file: Path, moment: str, commit: int) -> None:
    """Whether it counted or not, each row is sent once, counted once, and told once."""
    way, told = Way(lambda at, number: (at, number) == (moment, commit)), Told()
    published = publishing(way, file, told).run()
    assert way.rows == WANTED
    assert way.starts == 2
    assert published.events == len(WANTED)
    assert told.bad == [n + 1 for n in range(100, ROWS + 1, 100)]


def test_a_broker_that_takes_nothing_is_given_up(file: Path) -> None:
    """After some tries the error says that the file goes on where it stood."""
    way = Way(lambda at, _: at == "before")
    with pytest.raises(Unavailable) as caught:
        publishing(way, file, Told()).run()
    assert "goes on" in caught.value.remedy
    assert way.rows == []


def test_another_command_on_the_same_file_is_noticed(file: Path) -> None:
    """Whoever was fenced by it stops, instead of fencing it back for ever."""
    way = Way()

    def other_took_over(at: str, number: int) -> bool:
        if (at, number) == ("before", 2):
            way.stored = Mark(1, 1, "other")
            return True
        return False

    way._trouble = other_took_over
    with pytest.raises(AlreadyRunning):
        publishing(way, file, Told()).run()


def test_stopping_commits_and_goes_on_there(file: Path) -> None:
    """Ctrl-C ends behind a row; what was sent until then counts."""
    way, answers = Way(), iter([False, True])
    first = publishing(way, file, Told(), lambda: next(answers)).run()
    assert 0 < first.events < len(WANTED)
    second = publishing(way, file, Told()).run()
    assert second.behind == first.mark.number if first.mark else False
    assert way.rows == WANTED
    third = publishing(way, file, Told()).run()
    assert (third.events, third.bad) == (0, 0)
    assert way.rows == WANTED


def test_again_sends_all_also_when_its_last_commit_is_uncertain(file: Path) -> None:
    """The old mark is forgotten first: it would look like the new one."""
    way = Way()
    publishing(way, file, Told()).run()
    commits = way.commits
    way._trouble = lambda at, number: (at, number) == ("before", commits + 5)
    publishing(way, file, Told(), again=True).run()
    assert way.rows == WANTED * 2


def test_another_content_begins_anew(file: Path) -> None:
    """And is said to."""
    way = Way()
    publishing(way, file, Told()).run()
    file.write_text(file.read_text().replace("000000001,n", "000000001,m"))
    assert publishing(way, file, Told()).run().changed
    assert way.rows == WANTED * 2


def test_what_stands_before_a_damage_counts(tmp_path: Path) -> None:
    """The error is told, and the file goes on behind what was read once it is whole."""
    file, way = tmp_path / "rows.avro", Way()
    rows = [
        {"code": f"1{n:06d}", "name": "n", "level": "township", "parent": "44", "path": []}
        | {"area": None, "population": None}
        for n in range(3000)
    ]
    with file.open("wb") as stream:
        fastavro.writer(stream, {**SCHEMA, "fields": SCHEMA["fields"][1:]}, rows)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="too early"):
        publishing(way, file, Told()).run()
    assert 0 < len(way.rows) < len(rows)
    file.write_bytes(whole)
    publishing(way, file, Told()).run()
    assert way.rows == [row["code"] for row in rows]
