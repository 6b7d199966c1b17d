"""The ledger proves itself: an export that was touched names the entry."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path

import pytest

from tests.integration.running_bus import RunningBus

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def export(bus: RunningBus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    bus.cli("ledger", "export", file)
    return file


def test_an_export_is_verified_without_the_bus(bus: RunningBus, export: Path) -> None:
    """Whoever has the file, and nothing else, finds it intact, and as long as the ledger was."""
    lines = export.read_text("utf-8").splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(len(lines)))
    elsewhere = str(export.parent / "no-bus-here")
    said = bus.cli("ledger", "verify", export, SHAREBUS_HOME=elsewhere).stdout
    assert said.startswith(f"{len(lines)} entries are intact")


def test_the_ledger_of_the_bus_is_intact(bus: RunningBus) -> None:
    """Without a file, the bus's own ledger is verified."""
    assert "entries are intact" in bus.cli("ledger", "verify").stdout


@pytest.mark.parametrize("seed", range(3))
def test_one_changed_byte_names_the_entry(bus: RunningBus, export: Path, seed: int) -> None:
    """Wherever a byte of an entry is changed, `verify` says which entry it is."""
    chance = random.Random(seed)
    lines = export.read_text("utf-8").splitlines()
    touched = chance.randrange(1, len(lines))
    document = json.loads(lines[touched])
    message = bytearray(base64.b64decode(document["bytes"]))
    message[chance.randrange(len(message))] ^= 1 << chance.randrange(8)
    document["bytes"] = base64.b64encode(message).decode()
    lines[touched] = json.dumps(document, ensure_ascii=False)
    copy = export.with_name(f"touched-{seed}.jsonl")
    copy.write_text("\n".join(lines) + "\n", "utf-8")

    ended = bus.cli("ledger", "verify", copy, status=4)
    assert f", entry {touched}\n" in ended.stderr
    assert ended.stdout == ""


def test_an_entry_that_was_taken_out_is_missed(bus: RunningBus, export: Path) -> None:
    """Leaving an entry out breaks the chain where it stood."""
    lines = export.read_text("utf-8").splitlines()
    copy = export.with_name("shortened.jsonl")
    copy.write_text("\n".join([*lines[:3], *lines[4:]]) + "\n", "utf-8")
    ended = bus.cli("ledger", "verify", copy, status=4)
    assert "entry 4 stands where 3 belongs" in ended.stderr
