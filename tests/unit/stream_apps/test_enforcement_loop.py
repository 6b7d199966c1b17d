"""Which partitions a worker enforces; no broker is there."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from schemas.names import raw_topic
from stream_apps.enforcement.partitions import whole
from tests.unit.stream_apps.test_resource_enforcement import BOTH, RESOURCE, enforcement

ONE, OTHER = (raw_topic(RESOURCE, source) for source in BOTH)
ENFORCEMENT = enforcement(sources=BOTH)
BY_TOPIC = dict.fromkeys((ONE, OTHER), ENFORCEMENT)


def places(*assigned: tuple[str, int]) -> list[TopicPartition]:
    """Return an assignment."""
    return [TopicPartition(topic, partition) for topic, partition in assigned]


def test_a_number_that_a_worker_has_of_every_source_is_enforced() -> None:
    """Then nobody else writes `accepted` and the views from it."""
    assigned = places((ONE, 0), (OTHER, 0), (ONE, 3), (OTHER, 3))
    assert whole(assigned, BY_TOPIC) == assigned


def test_a_number_that_is_divided_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Fail closed: two workers on one number could each fill a view while the other writes."""
    assigned = places((ONE, 0), (OTHER, 0), (ONE, 1), (OTHER, 2))
    assert whole(assigned, BY_TOPIC) == assigned[:2]
    left = [record.getMessage().split()[0] for record in caplog.records]
    assert left == [f"{ONE}/1", f"{OTHER}/2"]
