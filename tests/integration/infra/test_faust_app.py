"""A Faust app of the bus over a real broker: it ends rather than pass over what it failed on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.kafka import topics
from tests.integration.infra.following_app import BAD
from tests.integration.infra.running_broker import RunningBroker, running_broker
from tests.unit.eventually import eventually

pytestmark = pytest.mark.integration

LIMIT_S = 60
VALUES = ["before", BAD, "after"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """Return a broker whose topic `facts` has three records, the second of them bad."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as running:
        topics.create(running.admin.admin(), [topics.Topic("facts", 1)])
        producer = running.admin.producer()
        for value in VALUES:
            producer.produce("facts", value.encode())
        assert producer.flush(LIMIT_S) == 0
        yield running


@contextmanager
def following(node: RunningBroker, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the app; what it logs goes to `log`."""
    module = "tests.integration.infra.following_app"
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, node.settings.bootstrap, "facts", str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            text=True,
        )
    assert process.stdin is not None
    process.stdin.write(node.settings.admin_password + "\n")
    process.stdin.close()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read(folder: Path) -> list[str]:
    """Return what the app has read."""
    file = folder / "read"
    return file.read_text().split() if file.exists() else []


def test_what_an_agent_failed_on_is_not_passed_over(node: RunningBroker, tmp_path: Path) -> None:
    """The process ends with an error, reads nothing behind it, and begins again where told."""
    with following(node, tmp_path) as process:
        assert process.wait(LIMIT_S) == 1
    assert read(tmp_path) == ["before"]
    (tmp_path / "mended").touch()
    with following(node, tmp_path) as process:
        eventually(lambda: len(read(tmp_path)) == 4, "the rest to be read")
        assert read(tmp_path)[1:] == VALUES
        process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_why_an_agent_failed_is_told_without_the_record(
    node: RunningBroker, tmp_path: Path
) -> None:
    """The log names the exception and the line it came from; its text may quote the record."""
    with following(node, tmp_path) as process:
        process.wait(LIMIT_S)
    log = (tmp_path / "log").read_text()
    assert "ValueError" in log
    assert "following_app.py" in log
    assert "follow" in log
    assert BAD not in log


def test_an_app_that_is_not_told_its_positions_ends(node: RunningBroker, tmp_path: Path) -> None:
    """Without positions nothing is read; the process that is started next asks for them again."""
    (tmp_path / "lost").touch()
    with following(node, tmp_path) as process:
        assert process.wait(LIMIT_S) != 0
    assert read(tmp_path) == []
