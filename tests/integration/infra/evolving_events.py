"""A change event, a good second version, and five hostile ones: what stock clients try to register.

The reasons are those that `schemas.evolution` gives; each is a name that a client is told.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

ENVELOPE: Schema = json.loads(Path("schemas/events/envelope.avsc").read_text("utf-8"))
FIRST: Schema = {
    "type": "record",
    "name": "Trial",
    "namespace": "test",
    "fields": [
        {"name": "envelope", "type": ENVELOPE},
        {"name": "code", "type": "string"},
        {"name": "area", "type": ["null", "double"]},
    ],
}


def _changed(number: int, **attributes: Any) -> Schema:
    schema = copy.deepcopy(FIRST)
    schema["fields"][number] |= attributes
    return schema


def _with(*items: Schema) -> Schema:
    return {**FIRST, "fields": [*FIRST["fields"], *items]}


SECOND = _with({"name": "name", "type": ["null", "string"], "default": None})

HOSTILE: dict[str, Schema] = {
    "ITEM_DROPPED at area": {**FIRST, "fields": FIRST["fields"][:2]},
    "ALIAS at code": _changed(1, aliases=["area"]),
    "DEFAULT at code": _changed(1, default=""),
    "TYPE_WIDENED at code": _changed(1, type=["null", "string"]),
    "RECURSIVE at next<Trial>": _with({"name": "next", "type": ["null", "Trial"], "default": None}),
}
"""Each against version 1 of the same subject, by the beginning of the reason."""
