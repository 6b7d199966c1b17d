"""What the broker really lets a principal do, asked as that principal, and what is missing."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation

from infra.kafka.access_control import On, Permission
from infra.kafka.clients import Access, translated
from infra.kafka.moving import until_settled
from schemas.errors import AccessDenied

CALL_TIMEOUT_S: Final = 30.0
PATIENCE_S: Final = 5.0
"""What furnishing has just granted comes to every broker of a cluster in less."""
_TICK_S: Final = 0.2
_EVERY: Final = frozenset(AclOperation) - {
    AclOperation.UNKNOWN,
    AclOperation.ANY,
    AclOperation.ALL,
}
_SHOW: Final = frozenset(
    {
        AclOperation.DESCRIBE,
        AclOperation.READ,
        AclOperation.WRITE,
        AclOperation.DELETE,
        AclOperation.ALTER,
    }
)
"""Whoever may do one of these may also look: so who may not look may do none of them."""
_DENIED: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}
)
Refused = frozenset[AclOperation]


def check(
    access: Access, permissions: Collection[Permission], patience_s: float = PATIENCE_S
) -> None:
    """Return if the broker lets the principal do all this; wait a little for it.

    Raises:
        AccessDenied: it does not; each missing permission is named.
        Unavailable: the broker does not answer.
    """
    deadline = time.monotonic() + patience_s
    while lacking := missing(access, permissions):
        if time.monotonic() > deadline:
            raise AccessDenied(
                f"{access.principal} lacks permissions on the broker",
                where="; ".join(permission.told for permission in lacking),
                remedy="Run: sharebus drift --fix",
            )
        time.sleep(_TICK_S)


def missing(access: Access, permissions: Collection[Permission]) -> list[Permission]:
    """Return which of these permissions the broker does not give the principal.

    A permission on names with a prefix is looked for on each such topic that the principal sees.
    What nothing can be asked about (transactional ids, a topic that doesn't exist) counts as held.

    Raises:
        Unavailable: the broker does not answer.
    """
    admin: Any = access.admin()
    asked = {on: [p for p in permissions if p.on is on] for on in On}
    refused: dict[tuple[On, str], Refused] = {}
    with translated("the broker did not say what a principal may do"):
        if asked[On.TOPIC]:
            seen = list(admin.list_topics(timeout=CALL_TIMEOUT_S).topics)
            names = {name for p in asked[On.TOPIC] for name in _places(p, seen)}
            answers = admin.describe_topics(TopicCollection(sorted(names)), **_INCLUDED)
            refused |= {(On.TOPIC, name): each for name, each in _refused(answers).items()}
        if asked[On.GROUP]:
            groups = sorted({p.name for p in asked[On.GROUP]})
            of_groups = _refused_on_groups(admin, groups)
            refused |= {(On.GROUP, name): each for name, each in of_groups.items()}
        if asked[On.CLUSTER]:
            allowed = admin.describe_cluster(**_INCLUDED).result(CALL_TIMEOUT_S)
            # Without DESCRIBE the broker tells nothing of the rest.
            operations = frozenset(allowed.authorized_operations or ())
            of_cluster = _EVERY - operations if operations else _SHOW
            refused |= {(On.CLUSTER, p.name): of_cluster for p in asked[On.CLUSTER]}
    visible = [name for on, name in refused if on is On.TOPIC]
    return [
        permission
        for permission in permissions
        if any(
            permission.operation in refused.get((permission.on, name), ())
            for name in (_places(permission, visible))
        )
    ]


def _places(permission: Permission, topics: Iterable[str]) -> list[str]:
    """Return where to look for a permission; the prefix stands for itself, too."""
    if permission.on is not On.TOPIC or not permission.prefix:
        return [permission.name]
    return [permission.name, *(name for name in topics if name.startswith(permission.name))]


def _refused_on_groups(admin: Any, groups: list[str]) -> dict[str, Refused]:
    """Ask until the groups have a coordinator: a broker that has just started is none yet."""
    return until_settled(
        lambda: _refused(admin.describe_consumer_groups(groups, **_INCLUDED)), CALL_TIMEOUT_S
    )


def _refused(answers: Mapping[str, Any]) -> dict[str, Refused]:
    found = {}
    for name, future in answers.items():
        try:
            allowed = future.result(CALL_TIMEOUT_S).authorized_operations
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            if code not in _DENIED:
                raise
            found[name] = _SHOW
        else:
            found[name] = _EVERY - frozenset(allowed or ())
    return found


_INCLUDED: Final[Mapping[str, Any]] = {
    "include_authorized_operations": True,
    "request_timeout": CALL_TIMEOUT_S,
}
