"""Asks an existing Kafka cluster whether the bus can be at home there; nothing is changed on it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation

from infra.kafka import authorized
from infra.kafka.access_control import On, Permission, permissions_of
from infra.kafka.broker_settings import set_at
from infra.kafka.clients import Access
from infra.kafka.cluster import Cluster
from infra.kafka.process_permissions import CLUSTER
from infra.kafka.readiness import quiet_admin, who_answers
from infra.kafka.refusals import is_refusal
from infra.kafka.topics import OFFSETS_KEPT_DAYS
from schemas import names
from schemas.errors import AccessDenied, InvalidInput, Unavailable

ANSWERS_WITHIN_S: Final = 10.0
_OF_CLUSTER: Final = (
    AclOperation.DESCRIBE,
    AclOperation.CREATE,
    AclOperation.ALTER,
    AclOperation.DESCRIBE_CONFIGS,
    AclOperation.ALTER_CONFIGS,
)
_OF_TOPIC: Final = (
    AclOperation.DESCRIBE,
    AclOperation.READ,
    AclOperation.DELETE,
    AclOperation.DESCRIBE_CONFIGS,
    AclOperation.ALTER_CONFIGS,
)
_OFFSETS_KEPT: Final = "offsets.retention.minutes"
_MINUTES_A_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Found:
    """The cluster's own id, and how many brokers of it are there now."""

    id: str
    brokers: int


def examine(cluster: Cluster) -> Found:
    """Return who answers at the cluster's addresses, once all that the bus needs is given.

    Raises:
        AccessDenied: the cluster refuses the administrator, or each permission that it lacks.
        InvalidInput: TLS can't be agreed upon, the cluster has no authorizer, without which
            everybody may do everything, or it forgets committed offsets while raw topics still
            hold what they stand for.
        Unavailable: nothing answers.
    """
    found = _answer(cluster.administrator)
    _check_permissions(cluster.administrator)
    _check_offsets_are_kept(cluster.administrator)
    return found


def _answer(access: Access) -> Found:
    errors: list[KafkaError] = []
    admin = quiet_admin(access, errors)
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while time.monotonic() < deadline:
        found, brokers = who_answers(admin)
        if found is not None:
            return Found(found, brokers)
        if any(map(is_refusal, errors)):
            raise AccessDenied(
                f"the Kafka cluster refuses the administrator {access.principal}",
                where=access.bootstrap,
                remedy="Check sasl.mechanism, sasl.username and sasl.password",
            )
        if any(error.code() == KafkaError._SSL for error in errors):
            raise InvalidInput(
                "the Kafka cluster and this machine don't agree on TLS",
                where=access.bootstrap,
                remedy="Check ssl.ca.location, and that the certificate names this host",
            )
    raise Unavailable(
        f"no Kafka cluster answers within {ANSWERS_WITHIN_S:.0f} s",
        where=access.bootstrap,
        remedy="Check bootstrap.servers and security.protocol, and that the cluster runs",
    )


def _check_permissions(access: Access) -> None:
    name = access.principal
    needed = [
        *(Permission(name, On.CLUSTER, CLUSTER, operation) for operation in _OF_CLUSTER),
        *(Permission(name, On.TOPIC, names.LEDGER, operation) for operation in _OF_TOPIC),
    ]
    lacking = authorized.missing(access, needed)
    if lacking:
        raise AccessDenied(
            f"the administrator {name} of the Kafka cluster may not do what the bus needs",
            where="; ".join(permission.told for permission in lacking),
            remedy="Grant it, or name a super user of the cluster in the Kafka properties",
        )
    try:
        permissions_of(access.admin(), name)
    except Unavailable as error:
        if error.where == "SECURITY_DISABLED":
            raise InvalidInput(
                "the Kafka cluster has no authorizer, so everybody may do everything there",
                where=access.bootstrap,
                remedy="Set authorizer.class.name in its configuration",
            ) from error
        raise


def _check_offsets_are_kept(access: Access) -> None:
    """Refuse a cluster on which enforcement, after a longer pause, would begin anew.

    Where nothing is committed it begins with the oldest record of raw: what was delivered and
    counted is delivered and counted again. What of a file was published is an offset as well.
    """
    needed = OFFSETS_KEPT_DAYS * _MINUTES_A_DAY
    kept = {broker: int(told) for broker, told in set_at(access, _OFFSETS_KEPT).items()}
    short = {broker: minutes for broker, minutes in kept.items() if minutes < needed}
    if short:
        days = min(short.values()) / _MINUTES_A_DAY
        raise InvalidInput(
            f"the Kafka cluster forgets committed offsets after {days:g} days, so a bus that was "
            "down for longer would deliver and count records again",
            where="; ".join(f"broker {b}: {_OFFSETS_KEPT}={n}" for b, n in sorted(short.items())),
            remedy=f"Set {_OFFSETS_KEPT} to {needed} ({OFFSETS_KEPT_DAYS} days) or more on every "
            "broker; a year (527040) does no harm",
        )
