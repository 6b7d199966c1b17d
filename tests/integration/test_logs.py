"""The logs of a running bus: one form, whichever library speaks."""

from __future__ import annotations

import json

import pytest

from tests.integration.running_bus import RunningBus

pytestmark = pytest.mark.integration

JAVA = {"broker"}
KEYS = {"time", "level", "logger", "process", "event"}


def test_every_line_of_every_process_is_one_object(bus: RunningBus) -> None:
    """Faust's, uvicorn's and librdkafka's lines are among them; Kafka's own are Java's."""
    loggers = set()
    for file in bus.home.folder("logs").glob("*.log"):
        if file.stem in JAVA:
            continue
        for line in file.read_text("utf-8").splitlines():
            entry = json.loads(line)
            assert entry.keys() >= KEYS
            assert entry["process"] == file.stem
            loggers.add(entry["logger"].partition(".")[0])
    assert loggers >= {"infra", "stream_apps", "faust", "aiokafka", "uvicorn"}
