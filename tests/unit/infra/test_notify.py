"""READY=1 reaches whoever asked, and nothing else counts as it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.processes.notify import ReadySocket, notify_ready


@pytest.fixture
def ready() -> Iterator[ReadySocket]:
    """A socket on which a child may say that it is ready."""
    ready = ReadySocket()
    yield ready
    ready.close()


def send(ready: ReadySocket, message: bytes) -> None:
    """Send a datagram to the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(message, "\0" + ready.address.removeprefix("@"))


def test_a_child_says_that_it_is_ready(ready: ReadySocket, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process notifies, the other notices, once."""
    monkeypatch.setenv("NOTIFY_SOCKET", ready.address)
    assert not ready.was_notified()
    subprocess.run(
        [sys.executable, "-c", "from infra.processes.notify import notify_ready; notify_ready()"],
        check=True,
    )
    assert ready.was_notified()
    assert not ready.was_notified()


def test_a_socket_with_a_path_is_notified_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager names a path, or an abstract socket by @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "s"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        notify_ready()
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("value", [None, ""])
def test_where_nobody_asked_nothing_happens(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process in a terminal runs without anybody to notify."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if value is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", value)
    notify_ready()


@pytest.mark.parametrize("message", [b"STATUS=starting", b"READY=0", b"NOT-READY=1", b""])
def test_other_news_is_not_readiness(ready: ReadySocket, message: bytes) -> None:
    """Only READY=1 on a line of its own counts (sd_notify)."""
    send(ready, message)
    assert not ready.was_notified()


def test_readiness_among_other_news_counts(ready: ReadySocket) -> None:
    """A datagram may hold several lines (sd_notify)."""
    send(ready, b"STATUS=serving\nREADY=1\nMAINPID=3")
    assert ready.was_notified()


def test_saying_it_again_and_again_keeps_nobody(
    ready: ReadySocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child doesn't wait for a reader that does not read; one look finds all that came."""
    monkeypatch.setenv("NOTIFY_SOCKET", ready.address)
    script = "from infra.processes.notify import notify_ready\nfor _ in range(1000): notify_ready()"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
    assert ready.was_notified()
    assert not ready.was_notified()


def test_every_child_has_a_socket_of_its_own(ready: ReadySocket) -> None:
    """One's readiness is not another's."""
    other = ReadySocket()
    try:
        send(other, b"READY=1")
        assert not ready.was_notified()
        assert other.was_notified()
    finally:
        other.close()
