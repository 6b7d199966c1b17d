"""A PostgreSQL server of a test's own, from the machine's binaries, in a temporary folder.

PostgreSQL refuses to run as root, so then it runs as an unprivileged user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USERS = ("postgres", "nobody")
_LIMIT_S = 120


def binaries() -> Path | None:
    """Return the folder of the newest server's programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextmanager
def running_postgresql() -> Iterator[str]:
    """Start a server on loopback; give its connection string, and end it with the block."""
    programs = binaries()
    assert programs is not None
    # Not below pytest's folders, which only their owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="sharebus-postgresql-"))
    try:
        user = _unprivileged(folder)
        data, port = folder / "data", _free_port()
        _run(user, programs / "initdb", "-D", data, "-U", "sharebus", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -p {port}"
        control = (programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-t", _LIMIT_S)
        _run(user, *control, "-o", options, "start")
        try:
            yield f"postgresql://sharebus@127.0.0.1:{port}/postgres"
        finally:
            _run(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> str | None:
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in _USERS if name in known)
    shutil.chown(folder, user)
    return user


def _run(user: str | None, *arguments: object) -> None:
    ended = subprocess.run(
        [str(argument) for argument in arguments],
        user=user,
        extra_groups=[] if user else None,
        cwd="/",
        # The server inherits these, and must not keep a pipe of ours open.
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, f"{arguments[0]} ended with {ended.returncode}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _version(program: Path) -> int:
    name = program.parents[1].name
    return int(name) if name.isdigit() else 0
