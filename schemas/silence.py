"""When a source is silent, and when it merely has nothing to say (R13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from schemas.catalogue import UpdateCycle
from schemas.errors import InvalidInput

_DURATION: Final = re.compile(r"P(?:(?P<days>\d+)D|T(?P<hours>\d+)H)")


class Liveness(StrEnum):
    """What can be said of a source at a time."""

    FLOWING = "flowing"
    """Records come."""
    STILL = "still"
    """Heartbeats come, and no records."""
    SILENT = "silent"
    """Neither has come for longer than the update cycle allows, or ever."""


@cache
def longest_silence() -> Mapping[UpdateCycle, timedelta | None]:
    """Return for how long a source may say nothing, by update cycle; None: for ever."""
    text = files("schemas").joinpath("rules/silence.yaml").read_text("utf-8")
    return {UpdateCycle(cycle): _duration(span) for cycle, span in yaml.safe_load(text).items()}


def liveness(
    cycle: UpdateCycle,
    last_record: datetime | None,
    last_heartbeat: datetime | None,
    now: datetime,
) -> Liveness:
    """Tell whether a source flows, stands still, or is silent.

    Args:
        cycle: of its resource.
        last_record: when the broker took the newest one; None: never.
        last_heartbeat: the same of heartbeats.
        now: the time that is asked about.
    """
    allowed = longest_silence()[cycle]
    if allowed is not None:
        last_record, last_heartbeat = (
            at if at is not None and now - at <= allowed else None
            for at in (last_record, last_heartbeat)
        )
    elif last_record and last_heartbeat and last_record < last_heartbeat:
        # Nothing is ever due: what the source said last is what holds.
        return Liveness.STILL
    if last_record is not None:
        return Liveness.FLOWING
    return Liveness.SILENT if last_heartbeat is None else Liveness.STILL


def _duration(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidInput("a duration is PnD or PTnH", where="rules/silence.yaml")
    return timedelta(days=int(found["days"] or 0), hours=int(found["hours"] or 0))
