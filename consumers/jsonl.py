"""Records as JSON Lines: where each was read, what happened to which key, and its items."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime
from functools import partial
from math import isfinite, isnan
from typing import Any

from consumers.records import Record


def json_line(record: Record) -> str:
    """Return one line without its end.

    JSON (RFC 8259) has no NaN and no infinity: they are written as text, as in Protobuf's mapping.
    """
    document = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "operation": "delete" if record.items is None else "upsert",
        "envelope": {
            "event_id": str(uuid.UUID(bytes=record.event_id)),
            "sequence": record.sequence,
            "source": record.source,
            "occurred_at": record.occurred_at.isoformat(),
        },
        "items": record.items,
    }
    return json_text(document)


def json_text(value: Any) -> str:
    """Return a decoded Avro value as JSON: times in ISO 8601, bytes in base64."""
    try:
        return _dumps(value)
    except ValueError:
        return _dumps(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)


_dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False, default=_plain)
