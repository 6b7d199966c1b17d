"""Examines what the bus needs from its machine; every finding says how to mend it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from infra.home import Home
from infra.kafka import jars, java
from infra.settings import Settings, read_settings
from schemas.errors import SharebusError

_ENOUGH_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    good: bool
    text: str


def examine(home: Home) -> list[Finding]:
    """Look at Python, Java, Kafka's jars, the folder, free space; nothing is changed.

    Where the settings name an existing Kafka cluster, it is asked instead of Java and jars.
    """
    try:
        settings = read_settings(home)
    except SharebusError as error:
        return [Finding("settings", False, str(error))]
    kafka = (
        [_finding("kafka", partial(_kafka, home, settings))]
        if settings.kafka_properties
        else [
            _finding("java", lambda: str(java.find())),
            _finding(
                "kafka jars", lambda: f"{len(jars.verify(jars.default_directory()))} verified"
            ),
        ]
    )
    return [
        _finding("python", _python),
        *kafka,
        _finding("home", lambda: _home(home)),
        _finding("disk", lambda: _disk(home)),
    ]


def _finding(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except SharebusError as error:
        return Finding(subject, False, str(error))


def _kafka(home: Home, settings: Settings) -> str:
    from infra.bus import existing_cluster
    from infra.kafka.existing_cluster import examine as ask

    cluster = existing_cluster(home, settings)
    assert cluster is not None
    return f"{cluster.bootstrap}, brokers: {ask(cluster).brokers}"


def _python() -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise SharebusError(f"Python {found} is not supported", remedy="Use 3.11, 3.12 or 3.13")
    return found


def _home(home: Home) -> str:
    folder = home.folder("")
    if not os.access(folder, os.W_OK):
        raise SharebusError(f"{folder} is not writable", remedy="Set SHAREBUS_HOME to one that is")
    return str(folder)


def _disk(home: Home) -> str:
    free = shutil.disk_usage(home.folder("")).free
    if free < _ENOUGH_FREE_BYTES:
        raise SharebusError(
            f"only {free / 1024**3:.1f} GiB are free", remedy="The bus wants 2 GiB at least"
        )
    return f"{free / 1024**3:.1f} GiB free"
