"""What each of the bus's own processes may do on the broker: declared once, here.

Everything that the broker allows is either in this file or follows from the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confluent_kafka.admin import AclOperation

from infra.kafka.access_control import (
    On,
    Permission,
    own_transaction,
    read,
    use_group,
    write,
)
from schemas import names

CLUSTER: Final = "kafka-cluster"
REGISTRY, LEDGER, PROVISIONING, ENFORCEMENT, INSPECTION, SINK = (
    names.process_principal(name)
    for name in ("registry", "ledger", "provisioning", "enforcement", "inspection", "sink")
)


def follow_ledger(principal: str, group_prefix: str) -> list[Permission]:
    """Permissions of a follower of the ledger."""
    return [
        read(principal, names.LEDGER),
        use_group(principal, group_prefix, prefix=True),
    ]


def _cluster(principal: str, operation: AclOperation) -> Permission:
    return Permission(principal, On.CLUSTER, CLUSTER, operation)


PROCESS_PERMISSIONS: Final[Mapping[str, list[Permission]]] = {
    REGISTRY: [
        read(REGISTRY, names.SCHEMAS),
        write(REGISTRY, names.SCHEMAS),
        use_group(REGISTRY, "registry", prefix=True),
    ],
    LEDGER: [
        *follow_ledger(LEDGER, "ledger"),
        write(LEDGER, names.LEDGER),
        read(LEDGER, "commands.", prefix=True),
        own_transaction(LEDGER, "ledger"),
    ],
    PROVISIONING: [
        *follow_ledger(PROVISIONING, "provisioning"),
        write(PROVISIONING, names.commands_topic(names.OPERATOR)),
        # Whether a view is whole, so that its grant can take over from another.
        read(PROVISIONING, names.PROGRESS),
        # Topics, users and ACLs: CREATE and DELETE of topics, ALTER and DESCRIBE of the rest;
        # quotas count as configuration.
        _cluster(PROVISIONING, AclOperation.CREATE),
        _cluster(PROVISIONING, AclOperation.ALTER),
        _cluster(PROVISIONING, AclOperation.DESCRIBE),
        _cluster(PROVISIONING, AclOperation.ALTER_CONFIGS),
        _cluster(PROVISIONING, AclOperation.DESCRIBE_CONFIGS),
        *(
            Permission(PROVISIONING, On.TOPIC, prefix, operation, prefix=True)
            for prefix in ("raw.", "accepted.", "quarantine.", "view.", "commands.")
            for operation in (AclOperation.CREATE, AclOperation.DESCRIBE)
        ),
        Permission(PROVISIONING, On.TOPIC, "view.", AclOperation.DELETE, prefix=True),
    ],
    ENFORCEMENT: [
        *follow_ledger(ENFORCEMENT, "enforcement"),
        read(ENFORCEMENT, "raw.", prefix=True),
        read(ENFORCEMENT, "accepted.", prefix=True),
        write(ENFORCEMENT, "accepted.", prefix=True),
        write(ENFORCEMENT, "quarantine.", prefix=True),
        # Which keys a row-limited view holds is read from the view.
        read(ENFORCEMENT, "view.", prefix=True),
        write(ENFORCEMENT, "view.", prefix=True),
        read(ENFORCEMENT, names.PROGRESS),
        write(ENFORCEMENT, names.PROGRESS),
        write(ENFORCEMENT, names.METERING),
        own_transaction(ENFORCEMENT, "enforcement-", prefix=True),
    ],
    INSPECTION: [
        *follow_ledger(INSPECTION, names.INSPECTION),
        read(INSPECTION, "accepted.", prefix=True),
        write(INSPECTION, names.FINDINGS),
        own_transaction(INSPECTION, "inspection-", prefix=True),
    ],
    SINK: [
        *follow_ledger(SINK, "sink"),
        read(SINK, names.METERING),
        read(SINK, names.FINDINGS),
    ],
}
