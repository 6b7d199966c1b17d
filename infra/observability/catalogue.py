"""Every metric of the bus, as data: nothing else is ever counted or shown.

Labels name resources, views, partitions, processes and codes from closed lists; never a key or a
value of a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """As Prometheus has them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Label(StrEnum):
    """What a number may be split by."""

    RESOURCE = "resource"
    VIEW = "view"
    TOPIC = "topic"
    PARTITION = "partition"
    REASON = "reason"
    """A reason of quarantine, or a code of refusal."""
    KIND = "kind"
    """Of a finding."""
    TABLE = "table"
    STATUS = "status"
    """Of an HTTP answer."""
    CHILD = "child"
    """A process of the bus."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: of its family, without the suffix that Prometheus gives a counter.
        kind: counter, gauge or histogram.
        processes: that have it.
        help: what it counts, and in which unit.
        labels: what it is split by.
    """

    name: str
    kind: Kind
    processes: tuple[str, ...]
    help: str
    labels: tuple[Label, ...] = ()


SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the histograms; 2 s is what a transaction may take."""

_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_IN, _OUT = (Label.RESOURCE,), (Label.RESOURCE, Label.VIEW)
_ENF, _INSP, _PLACE = ("enforcement",), ("inspection",), (Label.TOPIC, Label.PARTITION)
_WEB = ("registry", "warehouse")
METRICS: Final = (
    Metric("sharebus_enforcement_records_in", _C, _ENF, "Records taken, committed.", _IN),
    Metric("sharebus_enforcement_records_out", _C, _ENF, "Messages let out, committed.", _OUT),
    Metric(
        "sharebus_enforcement_quarantined",
        _C,
        _ENF,
        "Records not accepted, by reason, committed.",
        (Label.RESOURCE, Label.REASON),
    ),
    Metric("sharebus_enforcement_commit_seconds", _H, _ENF, "How long commits took."),
    Metric(
        "sharebus_enforcement_transaction_seconds",
        _H,
        _ENF,
        "How long transactions took, from their first record to the end of their commit.",
    ),
    Metric("sharebus_enforcement_aborts", _C, _ENF, "Transactions given up."),
    Metric("sharebus_enforcement_reopens", _C, _ENF, "Producers opened, the first included."),
    Metric("sharebus_enforcement_lag", _G, _ENF, "Records behind the end, at a commit.", _PLACE),
    Metric("sharebus_enforcement_committed_at", _G, _ENF, "Last commit, in seconds since 1970."),
    Metric("sharebus_inspection_records", _C, _INSP, "Records inspected, committed.", _IN),
    Metric(
        "sharebus_inspection_findings",
        _C,
        _INSP,
        "Findings, by kind, committed.",
        (Label.RESOURCE, Label.KIND),
    ),
    Metric(
        "sharebus_inspection_unjudged",
        _C,
        _INSP,
        "Gaps not told, because compaction may have made them.",
        _IN,
    ),
    Metric("sharebus_inspection_keys", _G, _INSP, "Keys whose last event is remembered.", _IN),
    Metric("sharebus_inspection_committed_at", _G, _INSP, "Last commit, in seconds since 1970."),
    Metric("sharebus_ledger_answers", _C, ("ledger",), "Commands answered, refusals included."),
    Metric("sharebus_ledger_refusals", _C, ("ledger",), "Commands refused.", (Label.REASON,)),
    Metric("sharebus_ledger_head", _G, ("ledger",), "Sequence of the last entry."),
    Metric("sharebus_provisioning_pending", _G, ("provisioning",), "Tasks not done yet."),
    Metric("sharebus_provisioning_failures", _C, ("provisioning",), "Tasks that failed."),
    Metric(
        "sharebus_provisioning_reported_at",
        _G,
        ("provisioning",),
        "Last report that the ledger took, in seconds since 1970.",
    ),
    Metric(
        "sharebus_ledger_position",
        _G,
        ("provisioning", "sink"),
        "Sequence of the last ledger entry that was applied.",
    ),
    Metric("sharebus_sink_rows", _C, ("sink",), "Rows stored.", (Label.TABLE,)),
    Metric(
        "sharebus_sink_offset",
        _G,
        ("sink",),
        "Offset of the last record stored.",
        _PLACE,
    ),
    Metric("sharebus_http_requests", _C, _WEB, "Requests answered.", (Label.STATUS,)),
    Metric("sharebus_restarts", _C, ("supervisor",), "Restarts of a process.", (Label.CHILD,)),
)


def of_process(process: str) -> tuple[Metric, ...]:
    """Return the metrics that a process has."""
    return tuple(metric for metric in METRICS if process in metric.processes)
