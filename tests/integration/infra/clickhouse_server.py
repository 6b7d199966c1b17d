"""A real ClickHouse server over one directory, for tests: Debian's 18.16, or whatever is there."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.clickhouse.native import NativeWarehouse
from schemas.errors import Unavailable
from tests.integration.infra.running_warehouse import READER, WRITER

SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"))
BINARY = shutil.which("clickhouse-server", path=SEARCHED)
_LIMIT_S = 60
_TICK_S = 0.05
_NAMES = {WRITER[0]: "writer", READER[0]: "reader"}
"""A user is an XML element there, so its name has no dot."""

_CONFIG = """<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host><tcp_port>{port}</tcp_port>
  <path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path>
  <user_files_path>{path}/user_files/</user_files_path>
  <format_schema_path>{path}/format_schemas/</format_schema_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size><mlock_executable>false</mlock_executable>
  <timezone>Asia/Shanghai</timezone>
</yandex>
"""
_USER = (
    "<{0}><password_sha256_hex>{1}</password_sha256_hex><networks><ip>127.0.0.1</ip></networks>"
    "<profile>{2}</profile><quota>default</quota></{0}>"
)


@dataclass
class ClickHouseServer:
    """One server; its time zone is not UTC, so that nothing can depend on it.

    Attributes:
        directory: its configuration, data and log.
        port: chosen at the first start, and kept.
        process: that runs it.
    """

    directory: Path
    port: int = 0
    process: subprocess.Popen[bytes] = field(init=False)

    def url(self, credentials: tuple[str, str] = WRITER) -> str:
        """Return the address with which a user comes in."""
        user, password = credentials
        return f"clickhouse://{_NAMES.get(user, user)}:{password}@127.0.0.1:{self.port}/default"

    def as_user(self, credentials: tuple[str, str]) -> NativeWarehouse:
        """Return the port's adapter with a user's credential."""
        return NativeWarehouse(self.url(credentials))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert BINARY is not None
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = int(probe.getsockname()[1])
        config = self.directory / "config.xml"
        config.write_text(_CONFIG.format(port=self.port, path=self.directory))
        (self.directory / "users.xml").write_text(_users())
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, f"--config-file={config}"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._await_answer()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(_LIMIT_S)

    def stop(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_LIMIT_S)
        finally:
            self.process.kill()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while True:
            client = self.as_user(READER)
            try:
                client.query("SELECT 1")
                return
            except Unavailable:
                log = (self.directory / "log").read_text("utf-8", "replace")[-2000:]
                assert self.process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(_TICK_S)
            finally:
                client.close()


def _users() -> str:
    users = "".join(
        _USER.format(_NAMES[user], hashlib.sha256(password.encode()).hexdigest(), profile)
        for (user, password), profile in ((WRITER, "default"), (READER, "readonly"))
    )
    profiles = "<default/><readonly><readonly>1</readonly></readonly>"
    return (
        f"<yandex><profiles>{profiles}</profiles><users>{users}</users>"
        "<quotas><default/></quotas></yandex>\n"
    )


def skip_without_binary() -> None:
    """Skip the test, saying what is missing, where no ClickHouse server is installed."""
    if BINARY is None:
        pytest.skip("NOT TESTED: no clickhouse-server here (apt-get install clickhouse-server)")


@contextmanager
def clickhouse_server(directory: Path) -> Iterator[ClickHouseServer]:
    """Run a server, and end it; skips the test where none is installed."""
    skip_without_binary()
    server = ClickHouseServer(directory)
    server.start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
