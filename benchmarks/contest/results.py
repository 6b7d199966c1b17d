"""What was found, as values, and as the document of build/bench/enforcement.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contest.cases import Case
from contest.contenders import CONTENDERS, Contender
from contest.figures import Figure, Latency, Round, figure


@dataclass
class CaseResult:
    """Rounds of one case by contender, or why there are none."""

    case: Case
    records: int = 0
    few: int = 0
    unsupported: str = ""
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    latencies: dict[str, list[Latency]] = field(default_factory=dict)
    outputs_equal: dict[str, bool] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    load_per_s: float = 0.0

    def add(self, name: str, found: Round | Latency) -> None:
        """Keep what a contender did in a round."""
        if isinstance(found, Round):
            self.rounds.setdefault(name, []).append(found)
        else:
            self.latencies.setdefault(name, []).append(found)

    def figures(self, name: str) -> dict[str, Figure]:
        """Return a contender's figures by name; those that were not measured are not there."""
        found = {}
        if rounds := self.rounds.get(name):
            found["records_per_s"] = figure([each.records_per_s for each in rounds])
            found["cpu_s_per_million"] = figure([each.cpu for each in rounds])
            found["broker_cpu_s_per_million"] = figure([each.broker_cpu for each in rounds])
        if latencies := self.latencies.get(name):
            found["p50_ms"] = figure([each.p50 for each in latencies])
            found["p99_ms"] = figure([each.p99 for each in latencies])
            found["p99_9_ms"] = figure([each.p999 for each in latencies])
        return found


@dataclass
class Results:
    """Everything of one run."""

    contenders: Mapping[str, Contender]
    rounds: int
    cases: dict[str, CaseResult] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """Whether nobody failed and all outputs that were compared were right."""
        several = self.cases.values()
        return all(all(case.outputs_equal.values()) for case in several) and not any(
            case.failed for case in several
        )

    def document(self) -> dict[str, Any]:
        """Return the result as JSON has it: cases by name, and how they were made under `run`."""
        return {
            **{name: _of_case(result) for name, result in self.cases.items()},
            "run": {
                "rounds": self.rounds,
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "system": platform.platform(),
                "python": platform.python_version(),
                "broker": "Apache Kafka 4.3.0, one node, heap 512 MB, 4 partitions a topic",
                "commit_interval_ms": 100,
                "contenders": {
                    name: {
                        "guarantee": contender.guarantee,
                        "settings": contender.settings,
                        "versions": dict(contender.versions()),
                    }
                    for name, contender in self.contenders.items()
                },
            },
        }


def _of_case(result: CaseResult) -> dict[str, Any]:
    if result.unsupported:
        return {"not_supported": result.unsupported}
    measured = {**result.rounds, **result.latencies}
    return (
        {
            name: {
                **{each: round(f.median, 3) for each, f in result.figures(name).items()},
                "spread": {
                    each: [round(f.least, 3), round(f.most, 3)]
                    for each, f in result.figures(name).items()
                },
                **_amount(result, name),
                **_equality(result, name),
            }
            for name in measured
        }
        | {name: {"failed": reason} for name, reason in result.failed.items()}
        | {name: {"not_supported": reason} for name, reason in result.lacking.items()}
    )


def _amount(result: CaseResult, name: str) -> dict[str, float]:
    if result.case.is_open:
        return {"load_per_s": round(result.load_per_s)}
    return {"records": result.few if CONTENDERS[name].is_slow else result.records}


def _equality(result: CaseResult, name: str) -> dict[str, bool]:
    found = result.outputs_equal.get(name)
    return {} if found is None else {"outputs_equal": found}
