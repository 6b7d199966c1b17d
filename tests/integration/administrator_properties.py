"""Writes the file that names an existing cluster, as its administrator would."""

from __future__ import annotations

from pathlib import Path

from infra.kafka.clients import Access


def write_administrator(file: Path, access: Access, **changed: str | None) -> Path:
    """Write the properties, 0600; `changed` has other values by key (`_` for `.`), None: none."""
    lines: dict[str, str | None] = {
        "bootstrap.servers": access.bootstrap,
        "sasl.username": access.principal,
        "sasl.password": access.password,
        **access.connection,
        **{key.replace("_", "."): value for key, value in changed.items()},
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items() if value is not None)
    file.touch(mode=0o600)
    file.write_text(f"# an administrator of the cluster\n{text}", "utf-8")
    return file
