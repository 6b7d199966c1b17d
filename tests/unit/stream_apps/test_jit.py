"""Compiled code is kept on disk only where nobody else can put code of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stream_apps.enforcement.jit import is_private

SELECT_NOTHING = """
import logging; logging.basicConfig()
import numpy as np
from stream_apps.enforcement.kernel import members
words, longs = np.zeros(1, np.uint64), np.zeros(1, np.int64)
members.rehash(words, longs, np.zeros(1, np.bool_), words, longs)
"""


def run(directory: Path | None) -> str:
    """Compile a small part of the kernel in a process of its own; give what it says."""
    environment = {name: value for name, value in os.environ.items() if "NUMBA" not in name}
    if directory is not None:
        environment["NUMBA_CACHE_DIR"] = str(directory)
    done = subprocess.run(
        [sys.executable, "-c", SELECT_NOTHING],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stderr


def test_a_private_directory_is_used(tmp_path: Path) -> None:
    """What was compiled is found in the directory given, and nothing is complained of."""
    tmp_path.chmod(0o700)
    assert run(tmp_path) == ""
    assert list(tmp_path.rglob("members.rehash*.nbc"))


@pytest.mark.parametrize("mode", [0o777, None])
def test_a_directory_that_others_may_write_is_not_used(tmp_path: Path, mode: int | None) -> None:
    """The kernel still runs, uncached, and says why once."""
    if mode is not None:
        tmp_path.chmod(mode)
    said = run(tmp_path if mode is not None else None)
    assert said.count("compiled without a cache") == 1
    assert not list(tmp_path.rglob("*.nbc"))


def test_only_a_directory_of_our_own_is_private(tmp_path: Path) -> None:
    """Code is kept in no file, no absent place, and nothing that a group or others may write."""
    tmp_path.chmod(0o700)
    (tmp_path / "file").touch()
    assert is_private(str(tmp_path))
    assert not is_private(str(tmp_path / "file"))
    assert not is_private(str(tmp_path / "absent"))
    for others in (0o720, 0o702):
        tmp_path.chmod(others)
        assert not is_private(str(tmp_path))
