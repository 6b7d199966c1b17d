"""The long run: `make fuzz`, or `python -m tests.fuzz --seed S --schemas N --payloads M`.

Random schemas, policies and hostile records go through kernel and strict reference, which must
agree. What is found is printed with the seed that repeats it, and figures go to `build/fuzz.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz.sharing import MODES, Share, Told, run, shares

GROWTH_MIB = 64
"""What the memory of a warmed-up process may grow by."""

_DIRECTORY = Path("build")
_NO_END_S = 86_400.0


def main() -> int:
    """Run, print, and give the exit status: 0 where nothing is wrong."""
    asked = _asked()
    if asked.worker:
        from tests.fuzz.worker import work

        first, count, payloads, seconds, canaries = asked.worker
        work(
            int(first), int(count), int(payloads), canaries=canaries == "1", seconds=float(seconds)
        )
        return 0
    modes = asked.mode or [*MODES]
    if asked.one:
        given = [Share(mode, asked.seed, 1, asked.payloads, asked.seconds) for mode in modes]
    else:
        given = [
            *shares(asked.seed, asked.schemas, asked.payloads, asked.seconds, asked.workers, modes)
        ]
    begun = time.monotonic()
    told = run(given, asked.workers, _DIRECTORY / "numba", asked.patience)
    report = _report(asked.seed, told, round(time.monotonic() - begun, 1))
    payloads = {share.mode: share.payloads for share in given}
    for mode, each in told.items():
        for finding in each.findings:
            sys.stdout.write(
                f"{finding.wrong} ({mode}): {finding.told}\n  key {finding.key}\n  message "
                f"{finding.message}\n  again: python -m tests.fuzz --one --seed {finding.seed} "
                f"--mode {mode} --payloads {payloads[mode]}\n"
            )
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    if not asked.one:
        _DIRECTORY.mkdir(exist_ok=True)
        asked.report.write_text(json.dumps(report, indent=2) + "\n")
    wrong = any(each.findings for each in told.values())
    is_whole = not asked.one and not asked.mode and asked.seconds >= _NO_END_S
    few = is_whole and report["payloads"] < asked.payloads
    if few:
        sys.stdout.write(f"only {report['payloads']} records were tried\n")
    return int(wrong or few or report["rss_growth_mib"] > GROWTH_MIB)


def _report(seed: int, told: dict[str, Told], seconds: float) -> dict[str, Any]:
    whole = Told()
    for each in told.values():
        whole.take(each)
    return {
        "seed": seed,
        **whole.document(),
        "seconds": seconds,
        "modes": {mode: each.document() for mode, each in told.items()},
        "outcomes": dict(whole.outcomes.most_common()),
    }


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemas", type=int, default=5_000)
    parser.add_argument("--payloads", type=int, default=1_000_000, help="of all schemas together")
    parser.add_argument("--seconds", type=float, default=_NO_END_S, help="an end, for all together")
    parser.add_argument("--mode", action="append", choices=[*MODES], help="only this one")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--patience", type=float, default=600, help="after which a case hangs")
    parser.add_argument("--report", type=Path, default=_DIRECTORY / "fuzz.json")
    parser.add_argument("--one", action="store_true", help="the one case that has the seed")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
