"""Kafka's own command-line tools, run from the same jars as the broker."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.kafka import jars, java
from infra.kafka.clients import Access

_LIMIT_S = 240
_MODULES = "org.apache.kafka.common.security"


def run_tool(
    main_class: str, arguments: Sequence[str], folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run one of them to its end, in a folder."""
    command = java.tool(java.find(), jars.verify(jars.default_directory()), main_class, arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=_LIMIT_S, check=False)


def scram_login(principal: str, password: str) -> str:
    """Return the properties of who comes to the listener for clients."""
    return _login("SCRAM-SHA-512", "scram.ScramLoginModule", principal, password)


def plain_login(principal: str, password: str) -> str:
    """Return the properties of who comes to the controller's listener."""
    return _login("PLAIN", "plain.PlainLoginModule", principal, password)


def kafka_configs(access: Access, folder: Path, *arguments: str) -> str:
    """Return what the tool for settings says to someone; its file goes into the folder."""
    config = folder / "configs.properties"
    config.write_text(scram_login(access.principal, access.password))
    who = ("--bootstrap-server", access.bootstrap, "--command-config", str(config))
    done = run_tool("kafka.admin.ConfigCommand", [*who, *arguments])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def configure_group(access: Access, folder: Path, group: str, settings: Mapping[str, str]) -> None:
    """Set what no librdkafka client can: how a share group reads."""
    kafka_configs(
        access,
        folder,
        *("--alter", "--entity-type", "groups", "--entity-name", group, "--add-config"),
        ",".join(f"{name}={value}" for name, value in settings.items()),
    )


def _login(mechanism: str, module: str, principal: str, password: str) -> str:
    return (
        f"security.protocol=SASL_PLAINTEXT\nsasl.mechanism={mechanism}\n"
        f'sasl.jaas.config={_MODULES}.{module} required username="{principal}"'
        f' password="{password}";\n'
    )
