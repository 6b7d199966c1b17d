"""The command: sets each scene, lets the contenders take turns, compares outputs, reports."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from contest import report
from contest.cases import BARE, CASES, Case, chosen
from contest.contenders import CONTENDERS, Contender
from contest.figures import Latency, Round, order_of
from contest.governance import NotSupported
from contest.latency import half_load, measure_latency
from contest.measuring import ends, measure, outputs
from contest.outputs import differences
from contest.processes import Ended
from contest.results import CaseResult, Results
from contest.scene import Offsets, Scene, scene
from schemas.errors import SharebusError

OUTPUT: Final = Path("build/bench")
OPEN_BACKLOG: Final = 1000
"""Where records are sent while they are measured, those before only make the topics be there."""


Run = Callable[[Scene, Contender, int], Round | Latency | None]
TROUBLES: Final = (Ended, TimeoutError, SharebusError, KafkaException)


@dataclass(frozen=True)
class Options:
    """What was asked for; None: as the case says."""

    records: int | None
    rounds: int
    cases: tuple[Case, ...]
    only: frozenset[str]
    plot: Path


def main() -> None:
    """Measure what was asked for, and write the result."""
    options = _options()
    # So that what was started is ended, whichever way this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # For the peers, which are scripts in interpreters of their own.
    path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    logs = OUTPUT / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    present = dict(_present(options))
    results = Results({name: present[name] for name in present}, options.rounds)
    for case in options.cases:
        print(f"\n{case.name}: {case.title}", flush=True)
        try:
            results.cases[case.name] = _measured(case, options, present, logs)
        except NotSupported as error:
            print(f"  NOT SUPPORTED by this bus yet: {error}", flush=True)
            results.cases[case.name] = CaseResult(case, unsupported=str(error))
        except TROUBLES as error:
            print(f"  FAILED: {error}", flush=True)
            results.cases[case.name] = CaseResult(case, failed={"all": str(error)})
        report.write_json(results, OUTPUT / "enforcement.json")
    report.print_table(results)
    report.write_plot(results, options.plot)
    if not results.is_sound:
        sys.exit("a contender failed, or its outputs are not what had to come")


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Enforcement beside its peers, on one broker.")
    parser.add_argument("--records", type=int, help="of a case; default: as each case says")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--cases", default="", help=f"comma-separated: {', '.join(case.name for case in CASES)}"
    )
    parser.add_argument("--only", default="", help="contenders, comma-separated; default: all")
    parser.add_argument("--plot", type=Path, default=OUTPUT / "enforcement.svg")
    given = parser.parse_args()
    only = frozenset(_split(given.only) or CONTENDERS)
    try:
        cases = chosen(_split(given.cases))
    except ValueError as error:
        parser.error(str(error))
    if unknown := only - set(CONTENDERS):
        parser.error(f"no contender {', '.join(unknown)}; there are {', '.join(CONTENDERS)}")
    return Options(given.records, given.rounds, cases, only, given.plot)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _present(options: Options) -> Iterable[tuple[str, Contender]]:
    wanted = {name for case in options.cases for name in case.contenders} & options.only
    for name, contender in CONTENDERS.items():
        if name not in wanted:
            continue
        if reason := contender.missing():
            print(f"SKIPPED {name}: {reason}", flush=True)
            continue
        versions = ", ".join(f"{n} {v}" for n, v in contender.versions().items())
        print(f"{name:14} {contender.guarantee}; {versions}; {contender.settings}", flush=True)
        yield name, contender


def _measured(
    case: Case, options: Options, present: dict[str, Contender], logs: Path
) -> CaseResult:
    records = OPEN_BACKLOG if case.is_open else options.records or case.records
    few = min(records, case.few)
    result = CaseResult(case, records, few)
    names = [name for name in case.contenders if name in present]
    for name in names:
        if reason := present[name].lacks(case):
            result.lacking[name] = reason
            print(f"  NOT SUPPORTED yet: {name}: {reason}", flush=True)
    names = [name for name in names if name not in result.lacking]
    with scene(case, records, few, logs) as ready:
        run: Run = measure
        if case.is_open:
            result.load_per_s = half_load(ready, [present[name] for name in names])
            print(f"  half load: {result.load_per_s:,.0f} records/s", flush=True)
            run = partial(measure_latency, rate=result.load_per_s, most=options.records)
        for number in range(options.rounds):
            for name in order_of(names, number):
                if name not in result.failed:
                    _turn(ready, present[name], number, run, result)
    return result


def _turn(ready: Scene, contender: Contender, number: int, run: Run, result: CaseResult) -> None:
    """Let one contender have one round; its outputs are compared in the first."""
    name = contender.name
    before = ends(ready, contender) if number == 0 else {}
    try:
        found = run(ready, contender, number)
    except TROUBLES as error:
        # Told, and left out from here on: a contender that can't is a result too.
        result.failed[name] = str(error)
        print(f"  round {number + 1}  {name:14} FAILED: {error}", flush=True)
        return
    said = "too few records for figures: all came in one commit"
    if found is not None:
        result.add(name, found)
        said = report.told(found)
    if number == 0 and not result.case.is_open:
        said += _compared(ready, contender, before, result)
    print(f"  round {number + 1}  {name:14} {said}", flush=True)


def _compared(ready: Scene, contender: Contender, before: Offsets, result: CaseResult) -> str:
    written = outputs(ready, contender, before, ends(ready, contender))
    backlog = contender.backlog(ready)
    wrong = differences(written, backlog.copied if contender.name == BARE else backlog.expected)
    result.outputs_equal[contender.name] = not wrong
    return f"  OUTPUTS DIFFER: {'; '.join(wrong[:5])}" if wrong else "  outputs as expected"
