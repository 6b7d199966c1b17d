"""quixstreams, exactly once, as its documentation has it; fastavro decodes and encodes.

    quixstreams_app.py JOB        in the peers' environment

Topics get their bytes ready-made; the partition follows from the key, as in the raw topic.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from quixstreams import Application
from quixstreams.kafka import ConnectionConfig

from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, read_job


def application(job: Job) -> Application:
    """Return the application with its one stream."""
    app = Application(
        broker_address=ConnectionConfig(
            bootstrap_servers=job.bootstrap,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=job.user,
            sasl_password=job.password,
        ),
        consumer_group=job.group,
        processing_guarantee="exactly-once",
        commit_interval=job.commit_interval_ms / 1000,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        consumer_extra_config={"fetch.wait.max.ms": 50, "queued.min.messages": 200_000},
        producer_extra_config={
            "linger.ms": 5,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 2_000_000,
            "transaction.timeout.ms": 10_000,
        },
        consumer_poll_timeout=0.05,
        state_dir=job.folder,
        loglevel="WARNING",
    )
    as_bytes: dict[str, Any] = {"value_serializer": "bytes", "key_serializer": "bytes"}
    raw = app.topic(job.source, value_deserializer="bytes", key_deserializer="bytes")
    accepted = app.topic(job.accepted, **as_bytes)
    views = [app.topic(view.topic, **as_bytes) for view in job.views]
    projection = FastavroViews(job)

    def project(value: bytes, key: bytes, *_: object) -> Iterator[tuple[int, bytes, bytes]]:
        return projection.outputs(key, value)

    stream = app.dataframe(raw)
    stream.to_topic(accepted)
    projected = stream.apply(project, expand=True, metadata=True)
    for place, view in enumerate(views):
        own = projected[projected.apply(lambda output, place=place: output[0] == place)]
        own = own.apply(lambda output: output[2])
        own.to_topic(view)
    return app


if __name__ == "__main__":
    application(read_job(sys.argv[1])).run()
