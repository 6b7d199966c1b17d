"""Draws the result as one SVG: bars of records a second by case, CPU seconds and latency beside."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from contest.cases import BARE, CASES, FASTAVRO, FAUST, QUIX, SHAREBUS, SHOWN, STREAMS

Document = Mapping[str, Any]
COLOURS: Final = {
    BARE: "#9aa3ad", SHAREBUS: "#0b6e4f", STREAMS: "#c8553d", FASTAVRO: "#d9a441",
    QUIX: "#5b6fb5", FAUST: "#8d5a97",
}  # fmt: skip
WIDTH, LEFT, BAR, ROW = 940, 150, 430, 19
_CPU: Final = LEFT + BAR + 110
_WHISKER: Final = BAR + 40
"""What reaches farther is drawn up to here; the file of figures has it whole."""


def draw(document: Document) -> str:
    """Return the picture of what `Results.document` gave; cases without figures are named."""
    parts: list[str] = []
    y = 58
    parts.append(_text(12, 22, _caption(document), "note"))
    rates = [f["records_per_s"] for _, _, f in _figures(document) if "records_per_s" in f]
    scale = BAR / max(rates, default=1.0)
    parts.append(_text(_CPU, y - 8, "CPU s a million records: own + broker", "head"))
    parts.append(_text(LEFT, y - 8, "records a second", "head"))
    for case in CASES:
        found = document.get(case.name)
        if found is None:
            continue
        y += 24
        parts.append(_text(12, y, case.title, "case"))
        if "not_supported" in found:
            y += ROW
            parts.append(_text(LEFT, y, "not supported yet", "note"))
            continue
        for name in SHOWN:
            if name in found:
                y += ROW
                parts += _line(name, found[name], y, scale)
    height = y + 24
    style = (
        "text{font:12px system-ui,sans-serif;fill:#222}.case{font-weight:600}"
        ".head,.note{fill:#666}.name{text-anchor:end}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">'
        f"<title>Enforcement beside its peers</title><style>{style}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _caption(document: Document) -> str:
    run = document["run"]
    return f"Medians of {run['rounds']} rounds, least to most; {run['machine']}; {run['broker']}"


def _figures(document: Document) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [
        (case.name, name, document[case.name][name])
        for case in CASES
        for name in case.contenders
        if name in document.get(case.name, {})
    ]


def _line(name: str, figures: Mapping[str, Any], y: int, scale: float) -> list[str]:
    parts = [_text(LEFT - 8, y, name, "name")]
    if "failed" in figures:
        return [*parts, _text(LEFT, y, "failed", "note")]
    if "not_supported" in figures:
        return [*parts, _text(LEFT, y, "not supported yet", "note")]
    if "p50_ms" in figures:
        said = ", ".join(
            f"{label} {figures[key]:,.0f} ms"
            for label, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p99_9_ms"))
        )
        return [*parts, _text(LEFT, y, said, "")]
    rate = figures["records_per_s"]
    least, most = figures["spread"]["records_per_s"]
    length = max(1.0, rate * scale)
    end = min(most * scale, _WHISKER)
    middle = y - 4
    parts.append(
        f'<rect x="{LEFT}" y="{y - 11}" width="{length:.1f}" height="14" rx="2" '
        f'fill="{COLOURS[name]}"/>'
        f'<path d="M{LEFT + least * scale:.1f} {middle}H{LEFT + end:.1f}" '
        'stroke="#222" stroke-opacity=".55"/>'
    )
    parts.append(_text(LEFT + max(length, end) + 6, y, f"{rate:,.0f}", ""))
    own, broker = figures["cpu_s_per_million"], figures["broker_cpu_s_per_million"]
    parts.append(_text(_CPU, y, f"{own:,.2f} + {broker:,.2f}", ""))
    return parts


def _text(x: float, y: float, said: str, kind: str) -> str:
    return f'<text x="{x:.0f}" y="{y}" class="{kind}">{escape(said)}</text>'
