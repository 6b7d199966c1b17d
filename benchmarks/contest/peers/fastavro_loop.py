"""What one would write by hand: decode with fastavro, drop, encode, in the bus's own transaction.

    fastavro_loop.py JOB

Nothing is checked but what fastavro checks.
"""

from __future__ import annotations

import sys

from contest.peers.fastavro_view import FastavroViews
from contest.peers.job import Job, read_job
from contest.peers.transactional_loop import Batch, Produce, run


def projecting(job: Job) -> Produce:
    """Return what produces the outputs of a batch."""
    projection = FastavroViews(job)

    def produce(batch: Batch, partition: int) -> list[tuple[str, int, Batch]]:
        by_view: dict[int, Batch] = {}
        for key, value in zip(batch.keys, batch.values, strict=True):
            for place, view_key, message in projection.outputs(key, value):
                to = by_view.setdefault(place, Batch([], []))
                to.keys.append(view_key)
                to.values.append(message)
        return [
            (job.accepted, partition, batch),
            *(
                (job.views[place].topic, partition % job.views[place].partitions, each)
                for place, each in by_view.items()
            ),
        ]

    return produce


if __name__ == "__main__":
    run(read_job(sys.argv[1]), projecting)
