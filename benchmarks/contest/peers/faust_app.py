"""Faust, at least once (its exactly-once does not work); fastavro decodes and encodes.

    faust_app.py JOB

Built by the bus's own `faust_app`, so that it reads committed records, from the start.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Any

from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, read_job
from infra.kafka.clients import Access
from infra.kafka.faust_app import build_app, run_app


def run(job: Job) -> None:
    """Run until SIGTERM."""
    app = build_app(
        job.group,
        Access(job.bootstrap, job.user, job.password),
        lambda assigned: dict.fromkeys(assigned, 0),
        Path(tempfile.mkdtemp(prefix="bench-faust-")),
        lambda: None,
    )
    app.conf.broker_commit_interval = job.commit_interval_ms / 1000
    app.conf.producer_linger = 0.005
    accepted = app.topic(job.accepted)
    views = [app.topic(view.topic) for view in job.views]
    projection = FastavroViews(job)

    @app.agent(app.topic(job.source), concurrency=1)
    async def enforce(stream: Any) -> None:
        events: AsyncIterable[Any] = stream.events()
        async for event in events:
            message, key, value = event.message, event.message.key, event.message.value
            await accepted.send(key=key, value=value, partition=message.partition)
            for place, view_key, projected in projection.outputs(key, value):
                partition = message.partition % job.views[place].partitions
                await views[place].send(key=view_key, value=projected, partition=partition)

    run_app(app)


if __name__ == "__main__":
    run(read_job(sys.argv[1]))
