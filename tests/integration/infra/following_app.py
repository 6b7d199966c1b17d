"""A Faust app built as the bus builds its own; fails at a record that says so, until it is mended.

python -m tests.integration.infra.following_app BOOTSTRAP TOPIC FOLDER, the password on stdin.
In FOLDER it writes `read`, a line a record; there it looks for `mended` and `lost`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.kafka.broker import ADMIN
from infra.kafka.clients import Access
from infra.kafka.faust_app import Position, build_app, run_app
from infra.logs import log_to_stderr
from schemas.errors import InvalidInput

BAD = "bad-record-4711"


def main(bootstrap: str, topic: str, folder: Path) -> None:
    """Follow a topic from its start until SIGTERM."""
    log_to_stderr("follower")

    def positions(assigned: frozenset[Position]) -> Mapping[Position, int]:
        if (folder / "lost").exists():
            raise InvalidInput("the positions are lost")
        return dict.fromkeys(assigned, 0)

    app = build_app(
        "follower",
        Access(bootstrap, ADMIN, sys.stdin.readline().strip()),
        positions,
        folder / "faust",
        lambda: None,
    )

    @app.agent(app.topic(topic), concurrency=1)
    async def follow(stream: Any) -> None:
        with (folder / "read").open("a", encoding="ascii") as out:
            async for value in stream:
                text = value.decode("ascii")
                if text == BAD and not (folder / "mended").exists():
                    raise ValueError(text)
                out.write(text + "\n")
                out.flush()

    run_app(app)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
