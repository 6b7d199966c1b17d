"""What is compiled at the start is what records need: nothing is compiled beside them."""

from __future__ import annotations

import subprocess
import sys

CHECK = """
from stream_apps.enforcement.warming import compile_kernel
compile_kernel()
from stream_apps.enforcement.kernel import blake2, cutting, members, rows, scanning
entries = [scanning.scan, blake2.start, cutting.project, cutting.pseudonymise, rows.narrow,
           rows.route, members.hash_texts, members.track, members.rehash]
assert all(len(entry.signatures) == 1 for entry in entries)
import pytest
FILE = "tests/unit/stream_apps/test_policy_batches.py"
passed = pytest.main(["-q", "-p", "no:cacheprovider", "-k", "reference_says", FILE])
assert passed == 0
for entry in entries:
    assert len(entry.signatures) == 1, (entry, entry.signatures)
"""


def test_nothing_is_compiled_once_the_kernel_is_warm() -> None:
    """A transaction would wait for it, and could be given up meanwhile."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
