"""Waiting for a broker ends with a named error when there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.kafka.clients import Access
from infra.kafka.readiness import wait_ready
from schemas.errors import Unavailable

LOG = Path("logs/server.log")


def wait(*, alive: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    access = Access(f"127.0.0.1:{port}", "admin", "an-unused-password")
    wait_ready(access, "x" * 22, 0.2, lambda: alive, LOG)


def test_a_broker_that_died_is_reported_with_its_log() -> None:
    """The user is told that the process ended and which log says why."""
    with pytest.raises(Unavailable, match="ended before it was ready") as failure:
        wait(alive=False)
    assert failure.value.where == str(LOG)


def test_a_broker_that_never_answers_is_reported() -> None:
    """Waiting ends when the time is up."""
    with pytest.raises(Unavailable, match="not ready within"):
        wait(alive=True)
