"""Records as JSON Lines: where each was read, what happened to which key, and its items."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime
from typing import Any

from consumers.subscription import Record


def json_line(record: Record) -> str:
    """Return one line without its end."""
    return json.dumps(
        {
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
        },
        ensure_ascii=False,
        default=_plain,
    )


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)
