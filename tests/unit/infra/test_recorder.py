"""Metrics: exactly the declared names, on loopback, with labels that hold names only."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from infra.home import Home
from infra.observability.catalogue import METRICS, of_process
from infra.observability.recorder import OTHER, Recorder, endpoints, file_sd, serve_metrics

PROCESSES = sorted({process for metric in METRICS for process in metric.processes})


@pytest.mark.parametrize("process", PROCESSES)
def test_exactly_the_declared_names_appear(tmp_path: Path, process: str) -> None:
    recorder = serve_metrics(Home(tmp_path), process)
    for metric in of_process(process):
        labels = dict.fromkeys(metric.labels, "a")
        if metric.kind == "counter":
            recorder.count(metric.name, 2, **labels)
        elif metric.kind == "gauge":
            recorder.set(metric.name, 2, **labels)
        else:
            recorder.observe(metric.name, 2)
    address = endpoints(Home(tmp_path), [process, "nobody"])[process]
    assert address.startswith("127.0.0.1:")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    assert {f.name: f.type for f in families} == {m.name: m.kind for m in of_process(process)}
    for family in families:
        assert family.samples


def test_what_is_not_declared_can_not_be_counted() -> None:
    with pytest.raises(KeyError):
        Recorder("sink").count("sharebus_ledger_answers")
    with pytest.raises(ValueError, match="label"):
        Recorder("sink").count("sharebus_sink_rows", key="110101200001010001")


def test_a_label_holds_names_only() -> None:
    recorder = Recorder("sink")
    for odd in ("王小明", "a b", "", "x" * 200):
        recorder.count("sharebus_sink_rows", table=odd)
    sample = recorder.registry.get_sample_value
    assert sample("sharebus_sink_rows_total", {"table": OTHER}) == 4


def test_a_gauge_that_was_cleared_is_there_again_when_it_is_set() -> None:
    recorder, labels = Recorder("enforcement"), {"topic": "raw.a", "partition": "0"}
    sample = recorder.registry.get_sample_value
    name = "sharebus_enforcement_lag"
    for value in (5, 7):
        recorder.set(name, value, topic="raw.a", partition=0)
        assert sample(name, labels) == value
        recorder.clear(name)
        assert sample(name, labels) is None


def test_prometheus_finds_every_process() -> None:
    found = json.loads(file_sd({"sink": "127.0.0.1:1"}))
    assert found == [{"targets": ["127.0.0.1:1"], "labels": {"job": "sharebus", "process": "sink"}}]


def test_one_of_several_alike_is_shown_as_itself(tmp_path: Path) -> None:
    recorder = serve_metrics(Home(tmp_path), "enforcement", "enforcement-1")
    recorder.count("sharebus_enforcement_aborts")
    assert endpoints(Home(tmp_path), ["enforcement", "enforcement-1"]).keys() == {"enforcement-1"}
