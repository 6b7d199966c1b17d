"""Kafka's own console consumer, run from the same jars as the broker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.integration.java_tools import run_tool

_MAIN = "org.apache.kafka.tools.consumer.ConsoleConsumer"
_FIELD, _RECORD = b"<|field|>", b"<|record|>"
_PRINTED = ("print.partition", "print.offset", "print.key")
# It ends by itself after so long without a record, refused or not.
_IDLE_MS = 20_000


@dataclass(frozen=True)
class Line:
    """One record as the console consumer printed it."""

    partition: int
    offset: int
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Ended:
    """What the tool said; it exits with 0 also when the broker refused it."""

    lines: list[Line]
    stderr: str


def consume(
    bootstrap: str, topic: str, config: Path, count: int = 1, folder: Path | None = None
) -> Ended:
    """Run it with nothing but a properties file, until it has so many records or is refused.

    It runs in `folder`, by which relative paths in the properties go.
    """
    formatting = [f"{name}=true" for name in _PRINTED]
    formatting += [f"key.separator={_FIELD.decode()}", f"line.separator={_RECORD.decode()}"]
    arguments = [
        *("--bootstrap-server", bootstrap),
        *("--topic", topic),
        *("--command-config", str(config)),
        *("--max-messages", str(count)),
        *("--timeout-ms", str(_IDLE_MS)),
        *(word for each in formatting for word in ("--formatter-property", each)),
    ]
    ended = run_tool(_MAIN, arguments, folder)
    lines = [_line(text) for text in ended.stdout.split(_RECORD)[:-1]]
    return Ended(lines, ended.stderr.decode())


def _line(text: bytes) -> Line:
    partition, offset, key, value = text.split(_FIELD)
    return Line(
        int(partition.removeprefix(b"Partition:")), int(offset.removeprefix(b"Offset:")), key, value
    )
