"""What the broker holds now: topics, users, permissions, quotas; as the administrator sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import IsolationLevel
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from infra.kafka.clients import Access, translated
from infra.kafka.offsets import end_offsets
from infra.kafka.quotas import Quota, quotas

CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class ObservedTopic:
    """A topic as it is; `replicas` is the least of its partitions' numbers."""

    partitions: int
    replicas: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the broker holds; Kafka's own topics are left out."""

    topics: Mapping[str, ObservedTopic]
    users: frozenset[str]
    permissions: frozenset[AclBinding]
    quotas: Mapping[str, Quota]


def observe(access: Access) -> Observed:
    """Ask the broker for everything that it holds.

    Raises:
        Unavailable: it did not answer, or does not let the principal ask.
    """
    admin = access.admin()
    return Observed(_topics(admin), _users(admin), _permissions(admin), quotas(access))


def holds_data(access: Access, topic: str, partitions: int) -> bool:
    """Tell whether anything was ever written to a topic, undecided transactions included."""
    places = [(topic, number) for number in range(partitions)]
    return any(end_offsets(access.admin(), places, IsolationLevel.READ_UNCOMMITTED).values())


def ends_of(admin: AdminClient, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return where each partition of some topics ends: nobody can have read at or behind that.

    Undecided transactions lie before these ends; a client may have read them without waiting for
    the decision. A topic that isn't there has no partitions.

    Raises:
        Unavailable: the broker did not answer.
    """
    if not names:
        return {}
    with translated("the broker did not say which topics it has"):
        known = admin.list_topics(timeout=CALL_TIMEOUT_S).topics
    counts = {name: len(known[name].partitions) if name in known else 0 for name in names}
    places = [(name, number) for name, count in counts.items() for number in range(count)]
    ends = end_offsets(admin, places, IsolationLevel.READ_UNCOMMITTED)
    return {name: tuple(ends[name, n] for n in range(count)) for name, count in counts.items()}


def _topics(admin: AdminClient) -> dict[str, ObservedTopic]:
    with translated("the broker did not say which topics it has"):
        listed = admin.list_topics(timeout=CALL_TIMEOUT_S).topics
        found = {name: topic for name, topic in listed.items() if not name.startswith("__")}
        if not found:
            return {}
        asked = [ConfigResource(ResourceType.TOPIC, name) for name in found]
        answers = {
            resource.name: future.result(CALL_TIMEOUT_S)
            for resource, future in admin.describe_configs(asked).items()
        }
    return {
        name: ObservedTopic(
            len(topic.partitions),
            min((len(p.replicas) for p in topic.partitions.values()), default=0),
            {key: entry.value or "" for key, entry in answers[name].items()},
        )
        for name, topic in found.items()
    }


def _users(admin: AdminClient) -> frozenset[str]:
    with translated("the broker did not say which users it has"):
        asked: Any = admin.describe_user_scram_credentials()
        return frozenset(asked.result(CALL_TIMEOUT_S))


def _permissions(admin: AdminClient) -> frozenset[AclBinding]:
    anything: Any = None  # the stub knows only strings
    every = AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        anything,
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    with translated("the broker did not say which ACLs it has"):
        return frozenset(admin.describe_acls(every).result(CALL_TIMEOUT_S))
