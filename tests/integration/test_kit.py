"""The kit is enough: what its README says works with stock parts, as it is written."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import fastavro
import pytest

from schemas.policy import Match, RowFilter
from tests.integration import java_consumer
from tests.integration.running_bus import LI, LIMIT_S, RunningBus
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

PROVINCE = "63"
ROWS = townships(PROVINCE, 10)


def test_a_kit_reads_its_view_from_python_and_from_java(bus: RunningBus, tmp_path: Path) -> None:
    """Both ways of the README print each row; samples fit the schema; the credential is 0600."""
    grant = bus.grant(
        LI, "kit", ("code", "name", "level"), RowFilter("code", Match.PREFIX, (PROVINCE,))
    )
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()
    kit = tmp_path / "kit"
    said = bus.cli("grants", "kit", grant.id, "--out", kit, "--zip")
    assert said.stdout.strip() == f"{kit}.zip"
    names = {"client.properties", "view.avsc", "dictionary.html", "dictionary.xlsx",
             "samples.jsonl", "read_view.py", "README.md"}  # fmt: skip
    assert {file.name for file in kit.iterdir()} == names
    with zipfile.ZipFile(f"{kit}.zip") as packed:
        assert set(packed.namelist()) == {f"kit/{name}" for name in names}
    for private in (kit / "client.properties", Path(f"{kit}.zip")):
        assert stat.S_IMODE(private.stat().st_mode) == 0o600

    # Outside the project, with nothing of it on the path.
    ended = subprocess.run(
        [sys.executable, "-I", kit / "read_view.py", str(len(ROWS))],
        cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert {line["key"]: line["items"]["name"] for line in lines} == {
        row["code"]: row["name"] for row in ROWS
    }
    java = java_consumer.consume(
        bus.bus.cluster.bootstrap, grant.view,
        _in_another_group(kit / "client.properties", grant.id), len(ROWS),
    )  # fmt: skip
    assert {line.key.decode() for line in java.lines} == {row["code"] for row in ROWS}, java.stderr

    schema = json.loads((kit / "view.avsc").read_text("utf-8"))
    schema["fields"] = schema["fields"][1:]
    records = [json.loads(line) for line in (kit / "samples.jsonl").read_text("utf-8").splitlines()]
    assert len(records) == 100
    assert all(fastavro.validate(record, schema) for record in records)
    assert all(record["code"].startswith(PROVINCE) for record in records)
    page = (kit / "dictionary.html").read_text("utf-8")
    readme = (kit / "README.md").read_text("utf-8")
    for words in ("行政区划代码", "无条件共享", "省级"):
        assert words in page
    assert "面积" not in page
    for words in ("卫生健康委", "民政部", "PT5S", "100 条样例", grant.view):
        assert words in readme
    assert "not empty" in bus.cli("grants", "kit", grant.id, "--out", kit, status=2).stderr

    # The same group again has nothing to read, and says so; another one begins at the start.
    assert "has read all there is" in _first_note(kit)
    again = (kit / "read_view.py", str(len(ROWS)), "--group", "again")
    ended = subprocess.run(
        [sys.executable, "-I", *again],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert len(ended.stdout.splitlines()) == len(ROWS), ended.stderr
    assert "has read all there is" not in ended.stderr

    # With a credential that the broker turned away it ends by itself.
    bus.cli("revoke", grant.id, "--reason", "事项已办结", "--as", LI)
    ended = subprocess.run(
        [sys.executable, "-I", kit / "read_view.py"],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the grant ended" in ended.stderr


def _first_note(kit: Path) -> str:
    process = subprocess.Popen(
        [sys.executable, "-I", kit / "read_view.py"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        note = process.stderr.readline()
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=LIMIT_S)[1]
    assert (process.returncode, rest) == (0, "")
    return note


def _in_another_group(file: Path, grant: str) -> Path:
    copy = file.parent.parent / "java.properties"
    copy.write_text(file.read_text("utf-8") + f"group.id=grant-{grant}.java\n", "utf-8")
    return copy
