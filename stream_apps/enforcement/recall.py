"""Reads which keys views hold from the views themselves, after a start or a rebalance."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

import numpy as np
from confluent_kafka import IsolationLevel, KafkaError, Message, TopicPartition

from infra.kafka.clients import READ_TO_END, Access, close
from infra.kafka.offsets import end_offsets
from schemas.errors import Unavailable
from stream_apps.enforcement.membership import Membership
from stream_apps.enforcement.routing import by_record
from stream_apps.enforcement.scanner import KeyBatch
from stream_apps.enforcement.views import EnforcedView

_BATCH: Final = 10_000
_PATIENCE_S: Final = 60.0
"""Without any record."""


def recall(
    access: Access,
    group: str,
    views: Collection[EnforcedView],
    partitions: Collection[int],
    membership: Membership,
) -> None:
    """Let a membership know what is committed in some views, transactions under way awaited.

    Args:
        access: the principal that may read the views.
        group: names the reader.
        views: those that need it.
        partitions: of the source; a view's own follow from its count.
        membership: where it is noted. Keys of other partitions do no harm.

    Raises:
        Unavailable: a view can't be read.
    """
    places = {
        (each.view.topic, partition % each.view.partitions): each
        for each in views
        for partition in partitions
    }
    if not places:
        return
    begun = IsolationLevel.READ_UNCOMMITTED
    left = {p: end for p, end in end_offsets(access.admin(), places, begun).items() if end}
    consumer = access.consumer(f"{group}.recall", READ_TO_END)
    consumer.assign([TopicPartition(*place, 0) for place in left])
    deadline = time.monotonic() + _PATIENCE_S
    try:
        while left:
            taken: dict[tuple[str, int], list[Message]] = {}
            for message in consumer.consume(_BATCH, 0.1):
                place = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is None:
                    taken.setdefault(place, []).append(message)
                    reached = (message.offset() or 0) + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reached = message.offset() or 0
                else:
                    raise Unavailable("a view can't be read", where=error.name())
                if reached >= left.get(place, 0):
                    left.pop(place, None)
                deadline = time.monotonic() + _PATIENCE_S
            for place, messages in taken.items():
                _note(places[place], messages, membership)
            if time.monotonic() > deadline:
                raise Unavailable("a view could not be read to its end", where=next(iter(left))[0])
    finally:
        close(consumer)


def _note(view: EnforcedView, messages: list[Message], membership: Membership) -> None:
    keys = KeyBatch([message.key() for message in messages])
    held = np.array([i for i, m in enumerate(messages) if m.value() is not None], np.int64)
    hashes = membership.hashes(keys, np.arange(len(messages)))
    firsts, views = by_record([(view.number, held)], len(messages))
    membership.track(hashes, firsts, views, {view.number})
