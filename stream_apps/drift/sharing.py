"""What of a cluster that others use, too, is the bus's concern; pure.

There, other topics, users and quotas are nobody's deviation. A permission is, whoever has it, when
it reaches the bus's topics: who may read them is the ledger's to say.
"""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AclBinding, ResourcePatternType, ResourceType

from infra.kafka.observed import Observed
from schemas import names


def of_the_bus(observed: Observed) -> Observed:
    """Return what a cluster holds without what is none of the bus's."""
    return Observed(
        {name: topic for name, topic in observed.topics.items() if names.is_bus_topic(name)},
        frozenset(filter(names.is_bus_principal, observed.users)),
        frozenset(acl for acl in observed.permissions if _is_of_bus(acl) or reaches_further(acl)),
        {name: quota for name, quota in observed.quotas.items() if names.is_bus_principal(name)},
    )


def reaches_further(acl: AclBinding) -> bool:
    """Tell whether a stranger's ACL is on topics of the bus and on others alike."""
    it: Any = acl
    if it.restype is not ResourceType.TOPIC or _is_of_bus(acl):
        return False
    if it.resource_pattern_type is ResourcePatternType.PREFIXED:
        return names.begins_bus_topics(it.name)
    return bool(it.name == "*")


def _is_of_bus(acl: AclBinding) -> bool:
    it: Any = acl
    if names.is_bus_principal(str(it.principal).removeprefix("User:")):
        return True
    return it.restype is ResourceType.TOPIC and names.is_bus_topic(it.name)
