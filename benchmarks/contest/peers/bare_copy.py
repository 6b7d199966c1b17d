"""The limit: each record copied byte for byte to every output, transactionally, nothing else done.

    bare_copy.py JOB

Reads, commits and produces as the enforcement loop does, with its settings.
"""

from __future__ import annotations

import sys

from contest.peers.job import Job, Routes, read_job
from contest.peers.transactional_loop import Batch, Produce, run


def copying(job: Job) -> Produce:
    """Return what produces the copies of a batch."""
    routes, views = Routes(job.views), job.views

    def produce(batch: Batch, partition: int) -> list[tuple[str, int, Batch]]:
        outputs = [(job.accepted, partition, batch)]
        if all(not view.prefixes for view in views):
            return outputs + [(view.topic, partition, batch) for view in views]
        by_view: dict[int, Batch] = {}
        for key, value in zip(batch.keys, batch.values, strict=True):
            for place in routes.of(key):
                to = by_view.setdefault(place, Batch([], []))
                to.keys.append(key)
                to.values.append(value)
        return outputs + [
            (views[place].topic, partition % views[place].partitions, each)
            for place, each in by_view.items()
        ]

    return produce


if __name__ == "__main__":
    run(read_job(sys.argv[1]), copying)
