"""What holds for every unit test."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

# A machine that does something else meanwhile makes an example slow, not wrong.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")

# The kernel is compiled by the first run only; numba reads this when it is first imported.
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "numba"
if "NUMBA_CACHE_DIR" not in os.environ:
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = str(CACHE)
