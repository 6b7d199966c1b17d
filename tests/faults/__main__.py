"""Run faults on a loaded bus, and say what went wrong.

    make faults
    python -m tests.faults [--seed N] [--faults 60] [--records 1000000] [--control-faults N]

Writes build/faults.json. Exits with 1 if anything was lost, duplicated, torn, disordered or
miscounted, or if the checker did not see that the control is unprotected.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.run import Plan, run

REPORT = Path("build/faults.json")
WRONG = ("lost", "duplicated", "unexpected", "torn", "disordered", "miscounted")


def main() -> int:
    """Run as the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=None, help="drawn if left out")
    parser.add_argument("--faults", type=int, default=60)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--control-faults", type=int, default=None, help="a tenth if left out")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    control = max(2, asked.faults // 10) if asked.control_faults is None else asked.control_faults
    began = time.monotonic()
    logging.getLogger().addHandler(logging.NullHandler())  # what is told here is what happens

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)  # noqa: T201

    folder = Path(tempfile.mkdtemp(prefix="sharebus-faults-"))
    tell(f"in {folder}, which is left there if this fails")
    report = run(Plan(seed, asked.faults, asked.records, control), folder, tell)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    wrong = sum(report[name] for name in WRONG)
    seen = sum(report["control"][name] for name in WRONG)
    tell(f"wrong: {wrong}; in the control: {seen}; see {REPORT}")
    if wrong or not seen:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
