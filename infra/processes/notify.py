"""READY=1, as systemd defined it: one datagram to the socket named in NOTIFY_SOCKET.

So `sharebus run NAME` behaves the same under `sharebus up` and under systemd (Type=notify).
"""

from __future__ import annotations

import contextlib
import os
import socket
import uuid

_AT_ONCE = 1000
"""Messages read at one look: more than a queue holds, and no child can keep its reader for ever."""


def notify_ready() -> None:
    """Tell whoever started this process that it works; nothing happens where nobody asked.

    Never waits: a queue that is full holds this message already, sent before and not yet read.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out,
        contextlib.suppress(BlockingIOError),
    ):
        out.sendto(b"READY=1", socket.MSG_DONTWAIT, address)


class ReadySocket:
    """The other side: an abstract socket (Linux) for one child, so that no path can be too long."""

    def __init__(self) -> None:
        self._name = f"sharebus-{uuid.uuid4().hex}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind("\0" + self._name)

    @property
    def address(self) -> str:
        """The value of NOTIFY_SOCKET for the child."""
        return "@" + self._name

    def was_notified(self) -> bool:
        """Tell whether READY=1 has come since the last question; leaves no message unread."""
        found = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                found |= b"READY=1" in self._socket.recv(4096).split(b"\n")
        return found

    def close(self) -> None:
        """Let the socket go."""
        self._socket.close()
