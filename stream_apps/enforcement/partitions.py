"""Which of the partitions that were assigned to a worker it enforces."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from confluent_kafka import TopicPartition

from stream_apps.enforcement.batches import RawPlace
from stream_apps.enforcement.resource import ResourceEnforcement

log = logging.getLogger(__name__)


def positions(offsets: Mapping[RawPlace, int]) -> list[TopicPartition]:
    """Return places with offsets as Kafka's clients want them."""
    return [TopicPartition(*place, offset) for place, offset in offsets.items()]


def whole(
    assigned: Collection[TopicPartition], by_topic: Mapping[str, ResourceEnforcement]
) -> list[TopicPartition]:
    """Return the partitions whose number was assigned here of every source of their resource.

    The range assignor gives a number of topics with equal counts and subscribers to one member. It
    doesn't for a moment while a new topic is not known everywhere, and who knows when else: a
    number that may be divided is left alone, until a later assignment has it whole.
    """
    places = {(each.topic, each.partition) for each in assigned}
    found = []
    for each in assigned:
        siblings = by_topic[each.topic].raw_topics
        if all((topic, each.partition) in places for topic in siblings):
            found.append(each)
        else:
            log.error("%s/%d is left alone: it is divided", each.topic, each.partition)
    return found
