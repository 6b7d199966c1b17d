"""A Faust app built as the bus builds its own; writes what it reads to a file, a line a record.

python -m tests.integration.committed_counter HOME TOPIC FILE
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from infra.bus import open_bus
from infra.home import Home
from infra.kafka.faust_app import build_app, run_app

APP_ID = "tests-committed-counter"


def main(home: str, topic: str, file: str) -> None:
    """Follow a topic from its start until SIGTERM."""
    bus = open_bus(Home(Path(home)))
    data = Path(file).parent / "faust"
    data.mkdir()
    app = build_app(
        APP_ID,
        bus.admin_access(),
        lambda assigned: dict.fromkeys(assigned, 0),
        data,
        lambda: None,
    )

    @app.agent(app.topic(topic), concurrency=1)
    async def write(stream: Any) -> None:
        with Path(file).open("a", encoding="ascii") as out:
            async for value in stream:
                out.write(value.decode("ascii") + "\n")
                out.flush()

    run_app(app)


if __name__ == "__main__":
    main(*sys.argv[1:])
