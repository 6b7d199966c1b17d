"""What holds for every unit test."""

from __future__ import annotations

from hypothesis import settings

# A machine that does something else meanwhile makes an example slow, not wrong.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")
