"""Faust, at least once (its exactly-once does not work); fastavro decodes and encodes.

    faust_app.py JOB        in the peers' environment

It goes on from its committed offsets. That it reads uncommitted records makes no difference here:
the backlog was not written in transactions.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterable
from typing import Any

import faust
from faust.types.auth import SASLMechanism

from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, read_job


def application(job: Job) -> faust.App:
    """Return the application with its one agent."""
    app = faust.App(
        job.group,
        broker=f"kafka://{job.bootstrap}",
        broker_credentials=faust.SASLCredentials(
            username=job.user, password=job.password, mechanism=SASLMechanism.SCRAM_SHA_512
        ),
        broker_commit_interval=job.commit_interval_ms / 1000,
        producer_linger=0.005,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        datadir=job.folder,
        value_serializer="raw",
        key_serializer="raw",
        stream_wait_empty=False,
    )
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

    return app


def main() -> None:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    app = application(read_job(sys.argv[1]))
    app.finalize()
    faust.Worker(
        app, redirect_stdouts=False, quiet=True, loglevel="WARNING"
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
