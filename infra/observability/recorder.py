"""Counts what the catalogue names, and nothing else; a small HTTP endpoint on loopback shows it.

Counting is for batches and commits, not for records: a call takes a microsecond or two.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from infra.home import Home, write_private
from infra.observability.catalogue import SECONDS, Kind, Metric, of_process

LOOPBACK: Final = "127.0.0.1"
SUFFIX: Final = ".metrics"
_LABEL: Final = re.compile(r"[a-z0-9_.-]{1,100}")
OTHER: Final = "other"
"""Stands for a label's value that is no name of the bus."""


class Recorder:
    """One process's metrics.

    Args:
        process: has those that the catalogue gives it; naming another one is a mistake: KeyError.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        self.registry = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, Any] = {
            metric.name: _collector(metric, self.registry) for metric in of_process(process)
        }
        self._places: dict[str, dict[tuple[object, ...], Any]] = {
            name: {} for name in self._metrics
        }

    def count(self, name: str, amount: float = 1, **labels: object) -> None:
        """Add to a counter."""
        self._place(name, labels).inc(amount)

    def set(self, name: str, value: float, **labels: object) -> None:
        """Set a gauge."""
        self._place(name, labels).set(value)

    def observe(self, name: str, value: float) -> None:
        """Add an observation to a histogram."""
        self._metrics[name].observe(value)

    def clear(self, name: str) -> None:
        """Forget all that a split gauge was set to: what is no longer this process's."""
        self._places[name].clear()
        self._metrics[name].clear()

    def _place(self, name: str, labels: dict[str, object]) -> Any:
        if not labels:
            return self._metrics[name]
        key = tuple(labels.items())
        known = self._places[name].get(key)
        if known is None:
            texts = {label: str(value) for label, value in key}
            names = {n: text if _LABEL.fullmatch(text) else OTHER for n, text in texts.items()}
            known = self._metrics[name].labels(**names)
            if names == texts:  # of what is no name there is no end
                self._places[name][key] = known
        return known


def _collector(metric: Metric, registry: CollectorRegistry) -> Any:
    labels = [str(label) for label in metric.labels]
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.help, labels, registry=registry, buckets=SECONDS)
    kind = Counter if metric.kind is Kind.COUNTER else Gauge
    return kind(metric.name, metric.help, labels, registry=registry)


def serve_metrics(home: Home, process: str, shown_as: str = "") -> Recorder:
    """Return a process's recorder, shown on 127.0.0.1 at a port that the system chooses.

    The port is written to `run/<process>.metrics`. The endpoint has a thread of its own, which
    ends with the process. It asks for no credential: it shows names and numbers, to this machine.
    One of several processes alike is `shown_as` its own name.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    recorder = Recorder(process)
    server, _ = start_http_server(0, addr=LOOPBACK, registry=recorder.registry)
    address = f"{LOOPBACK}:{server.server_port}"
    write_private(home.folder("run") / f"{shown_as or process}{SUFFIX}", address + "\n")
    return recorder


def endpoints(home: Home, processes: list[str]) -> dict[str, str]:
    """Return host and port of the metrics of those processes that ever had any."""
    found = {}
    for process in processes:
        file: Path = home.folder("run") / f"{process}{SUFFIX}"
        if file.exists():
            found[process] = file.read_text("utf-8").strip()
    return found


def file_sd(found: dict[str, str]) -> str:
    """Return Prometheus's file-based service discovery: a target a process."""
    targets = [
        {"targets": [address], "labels": {"job": "sharebus", "process": process}}
        for process, address in found.items()
    ]
    return json.dumps(targets, indent=2)
