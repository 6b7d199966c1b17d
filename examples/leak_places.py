"""Where no value of a person may be: all that a bus writes beside the records themselves.

Searched are every file of the bus's folder, Kafka's own logs among them; every process's metrics
page; keys, values and headers of every topic (quarantine, metering, findings, ledger, commands,
offsets), also what was aborted; and every row that ClickHouse holds, asked for, because most of its
files is compressed. Left out is where records have their place: the topics raw, accepted and view,
and with them Kafka's data files.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition
from leaks import Leak, Values

from infra.bus import Bus
from infra.clickhouse.opening import open_warehouse
from infra.home import Home
from infra.kafka.clients import READ_TO_END, close
from infra.observability.recorder import SUFFIX
from schemas.errors import Unavailable
from schemas.names import OPERATOR, department_principal

RECORDS: Final = ("raw.", "accepted.", "view.")
_PATIENCE_S: Final = 120


@dataclass(frozen=True, slots=True)
class Searched:
    """What was searched, and what was found."""

    files: int
    pages: int
    messages: int
    rows: int
    size: int
    leaks: list[Leak]


def search(bus: Bus, values: Values) -> Searched:
    """Look for the values everywhere; the bus must be up.

    Raises:
        Unavailable: something of it can't be read to its end.
    """
    counts: Counter[str] = Counter()
    leaks = []
    for kind, contents in _by_kind(bus).items():
        for place, content in contents:
            counts[kind] += 1
            counts["size"] += len(content)
            leaks += values.search(place, content)
    kinds = ("files", "pages", "messages", "rows", "size")
    return Searched(**{kind: counts[kind] for kind in kinds}, leaks=leaks)


def read(bus: Bus) -> bytes:
    """Return all that would be searched now: before the first record came, nobody's values.

    Raises:
        Unavailable: something of it can't be read to its end.
    """
    every = (contents for contents in _by_kind(bus).values())
    return b"\0".join(content for contents in every for _, content in contents)


def _by_kind(bus: Bus) -> dict[str, Iterator[tuple[str, bytes]]]:
    return {
        "files": _files(bus.home),
        "pages": _pages(bus.home),
        "messages": _messages(bus),
        "rows": _rows(bus),
    }


def _files(home: Home) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(home.path):
        within = Path(folder).relative_to(home.path).parts
        if within[:1] == ("kafka",) and "data" in folders:
            folders.remove("data")
        if within == ("cache",) and "numba" in folders:
            folders.remove("numba")  # compiled before the first record
        for name in names:
            file = Path(folder, name)
            try:
                yield str(file), file.read_bytes()
            except FileNotFoundError:  # merged or turned over meanwhile
                continue


def _pages(home: Home) -> Iterator[tuple[str, bytes]]:
    for file in sorted(home.folder("run").glob(f"*{SUFFIX}")):
        url = f"http://{file.read_text('utf-8').strip()}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE_S) as answer:
                yield f"metrics of {file.stem}", answer.read()
        except OSError as error:
            if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                continue  # of a process that is no more
            raise Unavailable("a process does not show its metrics", where=url) from error


def _messages(bus: Bus) -> Iterator[tuple[str, bytes]]:
    isolation = {**READ_TO_END, "isolation.level": "read_uncommitted"}
    consumer = bus.admin_access().consumer("leak-search", isolation)
    topics = consumer.list_topics(timeout=_PATIENCE_S).topics
    left = {
        (name, partition)
        for name, topic in topics.items()
        if not name.startswith(RECORDS)
        for partition in topic.partitions
    }
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in left])
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while left:
            if time.monotonic() > deadline:
                told = ", ".join(sorted({topic for topic, _ in left}))
                raise Unavailable("topics could not be read to their ends", where=told)
            for message in consumer.consume(10_000, 0.1):
                error = message.error()
                if error is None:
                    headers: Any = message.headers() or []
                    parts = [message.key(), message.value(), *(p for pair in headers for p in pair)]
                    yield str(message.topic()), b"\0".join(map(_as_bytes, parts))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((message.topic() or "", message.partition() or 0))
    finally:
        close(consumer)


def _as_bytes(part: str | bytes | None) -> bytes:
    return part.encode() if isinstance(part, str) else part or b""


def _rows(bus: Bus) -> Iterator[tuple[str, bytes]]:
    warehouse = open_warehouse(bus, department_principal(OPERATOR))
    try:
        for named in warehouse.query("SHOW TABLES"):
            (table,) = named.values()
            for row in warehouse.query(f"SELECT * FROM {table}"):  # noqa: S608 - ClickHouse's name
                text = json.dumps(row, ensure_ascii=False, default=str)
                yield f"table {table}", text.encode()
    finally:
        warehouse.close()
