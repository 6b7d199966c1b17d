"""The README is true: its lines work as they stand, in their order, on a new bus."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.home import Home
from tests.integration.running_bus import COMMAND_LIMIT_S, RunningBus, finish

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def new_bus(tmp_path: Path) -> Iterator[RunningBus]:
    """A home in which no bus ever was; what the README starts there is ended in any case."""
    running = RunningBus(Home(tmp_path / ".sharebus"))
    try:
        yield running
    finally:
        running.cli("down", status=None)


def pasted() -> list[tuple[str, ...]]:
    """Return the programs that the README's lines are, in its order."""
    text = (ROOT / "README.md").read_text("utf-8")
    behind = text[text.index("## Start a bus") :].replace("\\\n", "")
    found = re.finditer(r"^```python\n(.*?)^```$|^ {4}(sharebus [^\n]*)$", behind, re.M | re.S)
    return [
        (sys.executable, "-c", each[1]) if each[1] else ("bash", "-ec", each[2]) for each in found
    ]


def test_every_line_works_in_its_order(new_bus: RunningBus, tmp_path: Path) -> None:
    """Whoever pastes them one after another has no error, and no bad row."""
    for folder in ("schemas", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    environment = {
        **os.environ,
        "SHAREBUS_HOME": str(new_bus.home.path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    told = ""
    for command in pasted():
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = finish(process, COMMAND_LIMIT_S)
        assert process.returncode == 0, f"{command[-1]}\n{out}\n{err}"
        told += out
    for outcome in (
        "published 10,000 events of population.person, 0 bad rows",
        "5 accepted, 0 quarantined again",
        "0 new, 0 changed, 100 deleted, 9,900 same",
        "entries are intact",
        "The bus is down",
    ):
        assert outcome in told
