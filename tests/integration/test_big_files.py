"""A file of any length is published in the memory that a short one takes."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.running_bus import RESOURCE, ZHANG, RunningBus, finish
from tests.integration.synthetic_divisions import townships, write_csv

pytestmark = pytest.mark.integration

SHORT, LONG = 10_000, 80_000
GROWTH_KIB = 32 * 1024
"""What is on its way in a transaction; all rows of the long file would take twice as much."""


def peak_kib(process: subprocess.Popen[str]) -> int:
    """Return the most memory that a command had at once, as the kernel counts it.

    Not its resource usage: that begins with the memory of whoever started it.
    """
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        except (FileNotFoundError, ProcessLookupError):
            break
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1])
        time.sleep(0.01)
    return peak


def test_a_longer_file_takes_no_more_memory(own_bus: RunningBus, tmp_path: Path) -> None:
    """Constant memory; and the same file again sends nothing."""
    rows = townships("91", LONG)
    peaks = []
    for count in (SHORT, LONG):
        file = write_csv(tmp_path / f"{count}.csv", rows[:count])
        process = own_bus.start_cli("publish", RESOURCE, file, "--as", ZHANG)
        peaks.append(peak_kib(process))
        said, _ = finish(process)
        assert process.returncode == 0
        assert f"published {count:,} events" in said
    assert "published 0 events" in own_bus.cli("publish", RESOURCE, file, "--as", ZHANG).stdout
    assert peaks[0] > 0
    assert peaks[1] - peaks[0] < GROWTH_KIB, peaks
