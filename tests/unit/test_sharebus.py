"""The command line answers at once: what only a running bus needs is not loaded to say `--help`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import sharebus
from schemas.errors import InvalidInput
from schemas.ledger.chain import export_line
from tests.unit.ledger_story import published

ROOT = Path(__file__).parents[2]
HEAVY = ("numba", "numpy", "llvmlite", "faust", "aiokafka", "chdb", "confluent_kafka", "starlette",
         "uvicorn", "fastavro", "cryptography", "httpx", "jgo")  # fmt: skip
CPU_LIMIT_S = 0.5
SHOW_ALL_HELP = """
import contextlib, io, json, sys
import typer.main
import sharebus

def paths(command, path):
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from paths(below, [*path, name])

shown = []
for path in paths(typer.main.get_command(sharebus.app), []):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        sharebus.app([*path, "--help"])
    assert "Usage" in out.getvalue()
    shown.append(" ".join(path))
print(json.dumps({"shown": shown, "loaded": sorted(sys.modules)}))
"""


@dataclass(frozen=True)
class Told:
    """What a command said, and how it ended."""

    status: int
    text: str


Cli = Callable[..., Told]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process, in a home of the test's own where no bus ever was."""
    monkeypatch.setenv("SHAREBUS_HOME", str(tmp_path / "bus"))

    def run(*arguments: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["sharebus", *arguments])
        with pytest.raises(SystemExit) as ended:
            sharebus.main()
        said = capsys.readouterr()
        return Told(int(ended.value.code or 0), said.out + said.err)

    return run


def test_no_command_s_help_loads_what_only_the_bus_needs() -> None:
    """Imports of brokers, engines and compilers happen inside the commands that use them."""
    answer = json.loads(subprocess.check_output([sys.executable, "-c", SHOW_ALL_HELP], cwd=ROOT))
    assert {
        "publish",
        "request",
        "subscribe",
        "usage",
        "up",
        "ledger verify",
        "policy explain",
    } <= set(answer["shown"])
    assert not set(HEAVY) & set(answer["loaded"])


def test_help_takes_less_than_half_a_second_of_cpu() -> None:
    """Measured as CPU time of the process, which a busy machine hardly changes; best of three."""
    used = []
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "sharebus", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        used.append(usage.ru_utime + usage.ru_stime)
    assert min(used) < CPU_LIMIT_S


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ("down", 0, "No bus is running"),
        ("status", 5, "stopped"),
        ("grants", 5, "sharebus up"),
        ("subscribe --grant g1", 5, "sharebus up"),
        ("policy explain g1", 5, "sharebus up"),
        ("policy explain g1 --record no.json", 2, "can't be read"),
        ("publish geography.division no.csv --as zhang", 2, "No such file"),
        ("run kitchen", 2, "broker"),
        ("ledger verify no.jsonl", 2, "can't be read"),
        ("subscribe", 2, "sharebus grants"),
        ("catalogue lint no.yaml", 2, "schemas/resources"),
    ],
)
def test_an_error_is_told_in_words_with_its_exit_status(
    cli: Cli, arguments: str, status: int, told: str
) -> None:
    """A new user reads what is wrong and what to do."""
    answer = cli(*arguments.split())
    assert told in answer.text
    assert answer.status == status


def test_the_home_may_be_given_on_the_command_line(cli: Cli, tmp_path: Path) -> None:
    """`--home` goes before the environment."""
    assert str(tmp_path / "given") in cli("--home", str(tmp_path / "given"), "down").text


def test_an_export_is_verified_without_a_bus(cli: Cli, tmp_path: Path) -> None:
    """R22: whoever has the file can prove it."""
    lines = exported(tmp_path / "export.jsonl")
    answer = cli("ledger", "verify", str(tmp_path / "export.jsonl"))
    assert answer.status == 0
    assert f"{len(lines)} entries are intact" in answer.text


@pytest.mark.parametrize("changed", ['"0perator"', '"operatör"', '"operator\udcff'])
def test_a_changed_export_names_the_entry(cli: Cli, tmp_path: Path, changed: str) -> None:
    """A changed byte, also one that is no text any more, is told with exit status 4."""
    file = tmp_path / "export.jsonl"
    lines = exported(file)
    lines[5] = lines[5].replace('"operator"', changed, 1)
    file.write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
    answer = cli("ledger", "verify", str(file))
    assert answer.status == 4
    assert f"where: {file}, entry 5" in answer.text
    assert "to do: " in answer.text


def exported(file: Path) -> list[str]:
    """Export a ledger to a file; return its lines."""
    lines = [f"{export_line(message)}\n" for message in published().messages]
    file.write_text("".join(lines), "utf-8")
    return lines


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("enforcement", None), "enforcement"),
        (("enforcement", 0), "enforcement"),
        (("enforcement", 12), "enforcement-12"),
        (("enforcement-12", None), "enforcement-12"),
        (("enforcement-x", None), None),
        (("sink", None), None),
    ],
)
def test_a_worker_of_enforcement_is_named_by_its_slot(
    arguments: tuple[str, int | None], name: str | None
) -> None:
    worker = sharebus._worker(*arguments)
    assert (worker.name if worker else None) == name


def test_only_enforcement_has_slots() -> None:
    with pytest.raises(InvalidInput, match="sink has no slots"):
        sharebus._worker("sink", 1)
