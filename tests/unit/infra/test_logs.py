"""Logs: JSON a line for programs, text on a terminal, and never a record's contents."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.processes.last_words import LastWords, last_words

PROGRAM = """
import logging, warnings
from infra.logs import log_to_stderr, tell_end
from schemas.errors import Unavailable

log_to_stderr("sink")
ours, foreign = logging.getLogger("infra.somewhere"), logging.getLogger("library")
ours.info("stored %d", 3, extra={"rows": 3})
foreign.warning("odd", extra={"data": "S3CRET"})
warnings.warn("old way")

def parse(record):
    item = "S3CRET"
    raise ValueError(f"{item} is no number")

try:
    parse({"number": "S3CRET"})
except ValueError as error:
    foreign.exception("could not parse")
    tell_end(ours, "sink", error)
    try:
        raise Unavailable("the disk is full", where="/data", remedy="Free some") from error
    except Unavailable as end:
        ours.exception("again")
        tell_end(ours, "sink", end)
"""


def lines() -> list[dict[str, Any]]:
    """Return what the program logs into a file or pipe."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert "S3CRET" not in ended.stderr
    return [json.loads(line) for line in ended.stderr.splitlines()]


def test_every_line_is_one_object_that_tells_when_what_and_who() -> None:
    """Libraries' lines have the same form; a warning of Python's is one, too."""
    found = lines()
    for line in found:
        at = datetime.fromisoformat(line["time"])
        assert at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - at) < timedelta(hours=1)
        assert line["process"] == "sink"
    said = [(line["level"], line["logger"], line["event"].partition("\n")[0]) for line in found]
    assert said[:2] == [
        ("info", "infra.somewhere", "stored 3"),
        ("warning", "library", "odd"),
    ]
    assert said[2][1] == "py.warnings"
    assert said[3:] == [
        ("error", "library", "could not parse"),
        ("critical", "infra.somewhere", "sink ended: ValueError"),
        ("error", "infra.somewhere", "again"),
        ("critical", "infra.somewhere", "the disk is full"),
    ]
    assert found[0]["rows"] == 3


def test_a_traceback_has_places_and_no_values() -> None:
    """Neither a local variable nor a foreign exception's text is in it; ours keeps its words."""
    [chain] = [line["exception"] for line in lines() if line["event"] == "again"]
    assert [(each["kind"], each["text"]) for each in chain] == [
        ("schemas.errors.Unavailable", "the disk is full (/data). Free some"),
        ("builtins.ValueError", ""),
    ]
    assert [frame.rpartition(" ")[2] for frame in chain[1]["frames"]] == ["<module>", "parse"]


def test_a_terminal_gets_text() -> None:
    """Whoever runs a process by hand reads lines, not objects."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        program = PROGRAM.partition("def parse")[0]
        subprocess.run([sys.executable, "-c", program], stderr=theirs, check=True, timeout=60)
        os.close(theirs)
        text = screen.read(65_536).decode()
    assert "stored 3" in text
    assert not text.lstrip().startswith("{")


def said(**line: str) -> str:
    """Return a line of a log."""
    return json.dumps(line)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (None, None),
        ([], None),
        ([said(level="info", event="is ready")], LastWords("is ready")),
        (
            [
                said(level="error", event="first"),
                said(level="critical", event="port taken", where="here", remedy="End it"),
                said(level="info", event="goodbye"),
            ],
            LastWords("port taken", "here", "End it"),
        ),
        (["Error: Unable to start", "  at Java.main", ""], LastWords("at Java.main")),
        (
            [said(level="error", event="old"), *["[info] Java"] * 20],
            LastWords("[info] Java"),
        ),
        (["{no object", "[1]"], LastWords("[1]")),
        (
            ["error: it runs", "  where: here", "  to do: Wait"],
            LastWords("it runs", "here", "Wait"),
        ),
    ],
)
def test_a_log_s_last_words_are_its_last_error(
    tmp_path: Path, log: list[str] | None, words: LastWords | None
) -> None:
    """An error among the last lines; else the last line, whatever wrote it."""
    file = tmp_path / "a.log"
    if log is not None:
        file.write_text("\n".join(log))
    assert last_words(file) == words
