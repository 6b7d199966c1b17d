"""The registry as the stock npm client `@kafkajs/confluent-schema-registry` meets it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.infra.evolving_events import FIRST, HOSTILE, SECOND
from tests.integration.infra.registry_session import registry_on_a_broker
from tests.integration.infra.running_registry import WRITER

pytestmark = pytest.mark.integration

SOURCES = Path(__file__).with_name("npm_client")
LIMIT_S = 240


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the client in its locked version; skip where it can't be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("NOT TESTED: the npm client, because node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm") / "client"
    shutil.copytree(SOURCES, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if ended.returncode:
        pytest.skip(f"NOT TESTED: the npm client, because npm ci failed: {ended.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def session(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what came of one session of the client with a registry."""
    envelope = {"event_id": "00" * 16, "sequence": 1, "source": "a",
                "resource": "b.c", "occurred_at": 0}  # fmt: skip
    value = {"envelope": envelope, "code": "110000", "area": None}
    with registry_on_a_broker(tmp_path_factory.mktemp("broker")) as registry:
        said = {
            "url": registry.url,
            "user": WRITER[0],
            "password": WRITER[1],
            "subject": "npm/trial 行-value",
            "first": {"schema": FIRST, "value": value},
            "second": {"schema": SECOND, "value": {**value, "name": "北京"}},
            "hostile": HOSTILE,
        }
        ended = subprocess.run(
            ["node", "session.js"], cwd=installed, input=json.dumps(said), capture_output=True,
            text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_it_registers_and_finds_what_it_registered(session: dict[str, Any]) -> None:
    """Two versions, found as the latest, by number and by schema; again gives the same id."""
    first, second = session["ids"]
    assert first != second
    assert session["again"] == session["latest"] == second
    assert session["byVersion"] == session["bySchema"] == first


def test_either_version_reads_the_other(session: dict[str, Any]) -> None:
    """Without any credential, decoding with the writer's or with the other's schema."""
    assert session["read"]["code"] == "110000"
    assert session["oldAsNew"]["name"] is None
    assert "name" not in session["newAsOld"]
    assert session["newAsOld"]["code"] == "110000"


@pytest.mark.parametrize("reason", HOSTILE)
def test_it_is_told_why_a_hostile_evolution_is_refused(
    session: dict[str, Any], reason: str
) -> None:
    """By checking compatibility and by registering."""
    assert session["good"] == {"is_compatible": True}
    checked, refused = session["checks"][reason], session["refusals"][reason]
    assert checked["is_compatible"] is False
    assert any(line.startswith(reason) for line in checked["messages"])
    assert refused["status"] == 409
    assert reason in refused["message"]


def test_it_must_ask_for_the_level_that_is_kept(session: dict[str, Any]) -> None:
    """Its own default BACKWARD is refused by itself; without a credential it can't register."""
    assert "BACKWARD != FULL_TRANSITIVE" in session["otherLevel"]["message"]
    assert session["anonymous"]["status"] == 401
