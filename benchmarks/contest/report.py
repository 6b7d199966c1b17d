"""The result for people: a line a round, a table at the end; and as JSON for whoever compares."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contest.cases import BARE, SHOWN
from contest.figures import Figure, Latency, Round
from contest.plot import draw
from contest.results import CaseResult, Results


def told(found: Round | Latency) -> str:
    """Return what a round gave, in one line."""
    if isinstance(found, Latency):
        return f"p50 {found.p50:7.1f} ms, p99 {found.p99:7.1f}, p99.9 {found.p999:7.1f}"
    return (
        f"{found.records_per_s:9,.0f} records/s   CPU s a million: "
        f"{found.cpu:7.2f} its own, {found.broker_cpu:6.2f} the broker's"
    )


def print_table(results: Results) -> None:
    """Print medians and spreads of every case."""
    columns = (
        "case", "contender", "records/s", "× bare copy", "CPU s / million", "broker's",
        "p50 ms", "p99 ms", "p99.9 ms", "outputs",
    )  # fmt: skip
    table = Table(*columns, title="Enforcement beside its peers")
    for result in results.cases.values():
        for number, row in enumerate(_rows(result)):
            table.add_row(result.case.title if number == 0 else "", *row)
        table.add_section()
    Console(width=160).print(table)


def _rows(result: CaseResult) -> list[list[str]]:
    if result.unsupported:
        return [["NOT SUPPORTED", result.unsupported]]
    bare = result.figures(BARE).get("records_per_s")
    rows = [
        _row(result, name, bare)
        for name in SHOWN
        if name in result.rounds or name in result.latencies
    ]
    rows += [[name, "NOT SUPPORTED", reason] for name, reason in result.lacking.items()]
    return rows + [[name, f"FAILED: {reason[:60]}"] for name, reason in result.failed.items()]


def _row(result: CaseResult, name: str, bare: Figure | None) -> list[str]:
    figures = result.figures(name)
    rate = figures.get("records_per_s")
    equal = result.outputs_equal.get(name)
    return [
        name,
        _spread(rate, 0),
        f"{rate.median / bare.median:.2f}" if rate and bare else "",
        _spread(figures.get("cpu_s_per_million"), 2),
        _spread(figures.get("broker_cpu_s_per_million"), 2),
        _spread(figures.get("p50_ms"), 0),
        _spread(figures.get("p99_ms"), 0),
        _spread(figures.get("p99_9_ms"), 0),
        "" if equal is None else "equal" if equal else "DIFFER",
    ]


def _spread(found: Figure | None, digits: int) -> str:
    if found is None:
        return ""
    return f"{found.median:,.{digits}f} ({found.least:,.{digits}f}–{found.most:,.{digits}f})"


def write_json(results: Results, file: Path) -> None:
    """Write the result whole or not at all."""
    fresh = file.with_suffix(".unfinished")
    fresh.write_text(json.dumps(results.document(), ensure_ascii=False, indent=2) + "\n", "utf-8")
    fresh.replace(file)


def write_plot(results: Results, file: Path) -> None:
    """Draw the rates of every case."""
    file.write_text(draw(results.document()), "utf-8")
