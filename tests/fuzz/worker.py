"""A process that runs cases one after the other and tells of each on its standard output.

A line is told before each case, so that whoever watches knows which one crashed or hangs.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.cases import run_case

_WARM = 10
"""The process is warmed up after one in so many of its cases, or of its seconds."""


def work(first: int, count: int, payloads: int, *, canaries: bool, seconds: float) -> None:
    """Run the cases of so many seeds from the first on, until they or the seconds are over."""
    # What runs uncompiled has numpy's numbers, which wrap around as the kernel means them to.
    np.seterr(over="ignore")
    begun, warm = time.monotonic(), 0
    for seed in range(first, first + count):
        passed = time.monotonic() - begun
        if passed > seconds:
            break
        if not warm and (seed - first > count // _WARM or passed > seconds / _WARM):
            warm = resident()
        _tell({"begin": seed})
        found = run_case(seed, payloads, canaries=canaries)
        _tell(
            {
                "counts": found.counts,
                "outcomes": found.outcomes,
                "findings": [each.document() for each in found.findings],
            }
        )
    _tell({"growth": max(0, resident() - warm) if warm else 0})


def resident() -> int:
    """Give the bytes of memory that this process has, garbage collected."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def _tell(line: dict[str, Any | Counter[str]]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
