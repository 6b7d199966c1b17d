"""Where the broker differs from what it has to hold; pure.

What must be there and what may be there are two things: what is just being made or taken away is in
provisioning's hands, and is neither missing nor surplus.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from confluent_kafka.admin import AclBinding

from infra.kafka import topics
from infra.kafka.access_control import told
from infra.kafka.desired import Desired
from infra.kafka.observed import Observed, ObservedTopic
from infra.kafka.quotas import CUT_OFF, NO_QUOTA, Quota
from infra.kafka.topics import Topic


class Kind(StrEnum):
    """What a deviation is about."""

    TOPIC = "topic"
    USER = "user"
    PERMISSION = "permission"
    QUOTA = "quota"


class Finding(StrEnum):
    """How the broker differs."""

    MISSING = "missing"
    SURPLUS = "surplus"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference.

    Attributes:
        kind: of what.
        finding: how.
        name: of the topic or principal.
        found: what the broker has, in words.
        wanted: what it has to have, in words.
        subject: the thing itself, for whoever mends it.
    """

    kind: Kind
    finding: Finding
    name: str
    found: str
    wanted: str
    subject: Topic | AclBinding | Quota | None = None


def compare(
    must: Desired, may: Desired, observed: Observed, brokers: int, exempt: frozenset[str]
) -> list[Deviation]:
    """Return every difference, topics first, each kind in the order of its names.

    Args:
        must: what has to be there.
        may: what may be there, `must` included.
        observed: what is.
        brokers: that the cluster was made with.
        exempt: principals that are none of the ledger's, such as the administrator.
    """
    return [
        *_topics(must, may, observed, brokers),
        *_users(must, may, observed, exempt),
        *_permissions(must, may, observed, exempt),
        *_quotas(must, may, observed, exempt),
    ]


def _topics(must: Desired, may: Desired, observed: Observed, brokers: int) -> Iterator[Deviation]:
    for name in sorted(must.topics.keys() | observed.topics.keys()):
        wanted, found = may.topics.get(name), observed.topics.get(name)
        if wanted is None:
            yield Deviation(Kind.TOPIC, Finding.SURPLUS, name, "there", "")
        elif found is None:
            yield Deviation(Kind.TOPIC, Finding.MISSING, name, "", "there", wanted)
        else:
            yield from _topic(wanted, found, brokers)


def _topic(wanted: Topic, found: ObservedTopic, brokers: int) -> Iterator[Deviation]:
    replicas = topics.replication_of(brokers)
    for what, has, should in (
        ("partitions", found.partitions, wanted.partitions),
        ("replicas", found.replicas, replicas),
    ):
        if has != should:
            yield Deviation(
                Kind.TOPIC, Finding.DIFFERENT, wanted.name, f"{what}={has}", f"{what}={should}"
            )
    config = topics.configuration(wanted, brokers)
    wrong = {key for key, value in config.items() if found.config.get(key) != value}
    if wrong:
        yield Deviation(
            Kind.TOPIC,
            Finding.DIFFERENT,
            wanted.name,
            ", ".join(f"{key}={found.config.get(key, '')}" for key in sorted(wrong)),
            ", ".join(f"{key}={config[key]}" for key in sorted(wrong)),
            Topic(wanted.name, wanted.partitions, {key: config[key] for key in wrong}),
        )


def _users(
    must: Desired, may: Desired, observed: Observed, exempt: frozenset[str]
) -> Iterator[Deviation]:
    for name in sorted(must.users.keys() - observed.users):
        yield Deviation(Kind.USER, Finding.MISSING, name, "", "there")
    for name in sorted(observed.users - may.users.keys() - exempt):
        yield Deviation(Kind.USER, Finding.SURPLUS, name, "there", "")


def _permissions(
    must: Desired, may: Desired, observed: Observed, exempt: frozenset[str]
) -> Iterator[Deviation]:
    wanted = {permission.binding() for permission in must.permissions}
    allowed = {permission.binding() for permission in may.permissions}
    exempted = {f"User:{name}" for name in exempt}
    for binding in sorted(wanted - observed.permissions, key=told):
        yield Deviation(
            Kind.PERMISSION, Finding.MISSING, _principal(binding), "", told(binding), binding
        )
    for binding in sorted(observed.permissions - allowed, key=told):
        if binding.principal not in exempted:
            yield Deviation(
                Kind.PERMISSION, Finding.SURPLUS, _principal(binding), told(binding), "", binding
            )


def _quotas(
    must: Desired, may: Desired, observed: Observed, exempt: frozenset[str]
) -> Iterator[Deviation]:
    for name in sorted((must.users.keys() | observed.quotas.keys()) - exempt):
        if name in may.users and name not in must.users:
            continue  # it is being made or taken away
        wanted, found = must.users.get(name, NO_QUOTA), observed.quotas.get(name, NO_QUOTA)
        if found == CUT_OFF and name not in must.users:
            continue  # a cut's: it holds a fetch that may still wait, until provisioning removes it
        if wanted != found:
            finding = (
                Finding.MISSING
                if found == NO_QUOTA
                else Finding.SURPLUS
                if wanted == NO_QUOTA
                else Finding.DIFFERENT
            )
            yield Deviation(Kind.QUOTA, finding, name, _limits(found), _limits(wanted), wanted)


def _principal(binding: AclBinding) -> str:
    return str(binding.principal).removeprefix("User:")


def _limits(quota: Quota) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in quota.limits.items())
