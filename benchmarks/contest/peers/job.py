"""What a peer is told: where the broker is, what to read, what to write; a JSON file, 0600.

Every peer does the same with it: it reads `source` from the group's offsets on, writes each record
byte for byte to `accepted`, and what each matching view lets through to the view's topic; it
commits outputs and offsets together about every `commit_interval_ms`, until SIGTERM. Written for
the standard library alone, because some peers have an environment of their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FRAME = 5
"""Bytes before the Avro of a record: a zero and the schema's id."""


@dataclass(frozen=True)
class ViewJob:
    """One view: its topic, its schema, whose rows, and what becomes of an item.

    Attributes:
        prefixes: of the keys let through, all of one length; empty: every row.
        masks: by item, as in a policy's document; `keep` is left out.
        key: of the pseudonyms, hexadecimal; empty where there are none.
    """

    topic: str
    partitions: int
    schema_id: int
    schema: Mapping[str, Any]
    prefixes: tuple[str, ...] = ()
    masks: Mapping[str, Any] | None = None
    key: str = ""


@dataclass(frozen=True)
class Job:
    """One run of one peer; `number` tells its workers apart, `folder` is for files of its own."""

    bootstrap: str
    user: str
    password: str
    group: str
    source: str
    partitions: int
    accepted: str
    schema: Mapping[str, Any]
    key_item: str
    views: tuple[ViewJob, ...]
    commit_interval_ms: int
    folder: str = ""
    threads: int = 1
    number: int = 0


def write_job(job: Job, file: Path) -> None:
    """Write a job so that only this user can read it."""
    file.touch(0o600)
    file.write_text(json.dumps(asdict(job)), "utf-8")


def read_job(file: str) -> Job:
    """Read what `write_job` wrote."""
    document = json.loads(Path(file).read_text("utf-8"))
    views = tuple(
        ViewJob(**{**view, "prefixes": tuple(view["prefixes"])}) for view in document.pop("views")
    )
    return Job(**document, views=views)


class Routes:
    """Which views a key belongs to: cost follows the views that match."""

    def __init__(self, views: tuple[ViewJob, ...]) -> None:
        self._always = [place for place, view in enumerate(views) if not view.prefixes]
        self._by_prefix: dict[bytes, list[int]] = {}
        lengths = {len(prefix.encode()) for view in views for prefix in view.prefixes}
        if len(lengths) > 1:
            raise ValueError("the prefixes of a job have one length")
        self._length = lengths.pop() if lengths else 0
        for place, view in enumerate(views):
            for prefix in view.prefixes:
                self._by_prefix.setdefault(prefix.encode(), []).append(place)

    def of(self, key: bytes) -> list[int]:
        """Return the places of the views that let the rows of this key through."""
        if not self._length:
            return self._always
        return self._always + self._by_prefix.get(key[: self._length], [])
