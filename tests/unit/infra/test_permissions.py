"""What each principal may do, as values: no more than its part of the picture."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from confluent_kafka.admin import (
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from infra.kafka.access_control import On, Permission, of_department, of_grant, of_source, read
from infra.kafka.process_permissions import (
    CLUSTER,
    ENFORCEMENT,
    INSPECTION,
    LEDGER,
    PROCESS_PERMISSIONS,
    PROVISIONING,
    REGISTRY,
    SINK,
)
from schemas import names

VIEW = "view.geography.division.0123456789abcdef"
PROCESSES = [p for several in PROCESS_PERMISSIONS.values() for p in several]
SECRET_TOPICS = (
    "raw.geography.division.civil-affairs",
    "accepted.geography.division",
    "view.geography.division.fedcba9876543210",
    "quarantine.geography.division",
    names.LEDGER,
    names.METERING,
    names.FINDINGS,
    names.PROGRESS,
    names.SCHEMAS,
    "commands.health",
)


FOREIGN = (
    "raw.geography.division",
    "raw.geography.division.civil-affairs-2",
    "raw.geography.division.surveying",
    "raw.geography.division-2.civil-affairs",
)
"""Topics of other sources and resources, with names that begin alike."""


def covers(permission: Permission, name: str) -> bool:
    """Tell whether a permission is on this name."""
    if permission.prefix:
        return name.startswith(permission.name)
    return name == permission.name


def topics_with(
    permissions: Iterable[Permission], operation: AclOperation, topics: Iterable[str]
) -> set[str]:
    """Return the topics on which an operation is allowed."""
    allowed = [p for p in permissions if p.on is On.TOPIC and p.operation is operation]
    return {topic for topic in topics if any(covers(p, topic) for p in allowed)}


def who_may(operation: AclOperation, topic: str) -> set[str]:
    """Return the processes that may do this to a topic."""
    return {
        principal
        for principal, permissions in PROCESS_PERMISSIONS.items()
        if topics_with(permissions, operation, [topic])
    }


def test_a_permission_is_one_allowing_binding_of_a_user() -> None:
    """The broker's form names user, pattern and operation, from any host."""
    binding = read("grant.g1", VIEW).binding()
    assert (binding.restype, binding.name) == (ResourceType.TOPIC, VIEW)
    assert binding.resource_pattern_type is ResourcePatternType.LITERAL
    assert (binding.principal, binding.host) == ("User:grant.g1", "*")
    assert binding.operation is AclOperation.READ
    assert binding.permission_type is AclPermissionType.ALLOW


def test_a_permission_on_a_prefix_is_a_prefixed_binding() -> None:
    """A literal pattern would match the name with the dot only."""
    binding = read("process.enforcement", "raw.", prefix=True).binding()
    assert binding.resource_pattern_type is ResourcePatternType.PREFIXED


def test_a_grant_reads_its_view_and_uses_its_groups_and_nothing_else() -> None:
    """R12.2, R14.1: a credential is a grant: one topic to read, one prefix of groups."""
    topic, group = of_grant("g1", VIEW)
    assert topic == Permission("grant.g1", On.TOPIC, VIEW, AclOperation.READ)
    assert group == Permission("grant.g1", On.GROUP, "grant-g1.", AclOperation.READ, prefix=True)
    assert not topics_with(of_grant("g1", VIEW), AclOperation.READ, SECRET_TOPICS)


def test_a_grant_uses_no_other_grant_s_groups() -> None:
    """R14.1: a group named like a longer id of another grant is not its own."""
    group = of_grant("g1", VIEW)[1]
    assert covers(group, "grant-g1.default")
    for other in ("grant-g10.default", "grant-g1", "department-g1.x", "enforcement", "ledger"):
        assert not covers(group, other)


def test_a_department_sends_commands_and_reads_the_ledger() -> None:
    """R4: every department acts and audits; it writes no other department's commands."""
    permissions = of_department("health")
    everything = [*SECRET_TOPICS, "commands.justice", "commands.health-2"]
    assert topics_with(permissions, AclOperation.WRITE, everything) == {"commands.health"}
    assert topics_with(permissions, AclOperation.READ, everything) == {"ledger"}
    assert {p.principal for p in permissions} == {"department.health"}


def test_a_department_publishes_in_transactions_of_its_own_name() -> None:
    """No department fences another's publishing, nor a process of the bus."""
    [own] = [p for p in of_department("health") if p.on is On.TRANSACTION]
    assert covers(own, "department-health.publish.population.person.0123456789abcdef")
    for other in ("department-health-2.publish.x", "department-justice.x", "enforcement-0"):
        assert not covers(own, other)


def test_a_source_sees_how_far_enforcement_is_but_does_not_join_it() -> None:
    """Describing a group shows offsets of topics that one may describe; joining needs more."""
    [seen] = [p for p in of_source("health", "population.person") if p.on is On.GROUP]
    assert (seen.name, seen.operation) == (names.ENFORCEMENT, AclOperation.DESCRIBE)
    assert not seen.prefix


def test_a_source_writes_its_own_topic_and_reads_its_quarantine() -> None:
    """R10.2: a source answers for its data; it reads back neither raw nor accepted, nor a view.

    What it reads names no record: coordinates of what was refused, and how far views are filled.
    """
    permissions = of_source("civil-affairs", "geography.division")
    everything = [*SECRET_TOPICS, *FOREIGN]
    written = topics_with(permissions, AclOperation.WRITE, everything)
    assert written == {"raw.geography.division.civil-affairs"}
    seen = topics_with(permissions, AclOperation.READ, everything)
    assert seen == {"quarantine.geography.division", names.PROGRESS}


@pytest.mark.parametrize("topic", [t for t in SECRET_TOPICS if t.startswith(("view", "accepted"))])
def test_only_enforcement_lets_anything_out(topic: str) -> None:
    """Nothing leaves except through a view that enforcement wrote."""
    assert who_may(AclOperation.WRITE, topic) == {ENFORCEMENT}


@pytest.mark.parametrize(
    ("topic", "writers"),
    [
        (names.LEDGER, {LEDGER}),
        (names.METERING, {ENFORCEMENT}),
        (names.FINDINGS, {INSPECTION}),
        (names.PROGRESS, {ENFORCEMENT}),
        (names.SCHEMAS, {REGISTRY}),
        ("quarantine.geography.division", {ENFORCEMENT}),
        ("raw.geography.division.civil-affairs", set()),
        ("commands.platform", {PROVISIONING}),
        ("commands.health", set()),
    ],
)
def test_a_topic_has_the_writers_of_the_design(topic: str, writers: set[str]) -> None:
    """Each topic has one writing process, or only its departments."""
    assert who_may(AclOperation.WRITE, topic) == writers


@pytest.mark.parametrize(
    ("topic", "readers"),
    [
        ("raw.geography.division.civil-affairs", {ENFORCEMENT}),
        ("accepted.geography.division", {ENFORCEMENT, INSPECTION}),
        (VIEW, {ENFORCEMENT}),
        ("quarantine.geography.division", set()),
        ("commands.health", {LEDGER}),
        (names.METERING, {SINK}),
        (names.FINDINGS, {SINK}),
        (names.LEDGER, {LEDGER, PROVISIONING, ENFORCEMENT, INSPECTION, SINK}),
    ],
)
def test_a_topic_has_the_readers_of_the_design(topic: str, readers: set[str]) -> None:
    """R5.4: who doesn't need records doesn't see them; provisioning and sink see none."""
    assert who_may(AclOperation.READ, topic) == readers


def test_a_process_has_permissions_of_its_own_name_only() -> None:
    """No process is given another's."""
    for principal, permissions in PROCESS_PERMISSIONS.items():
        assert {p.principal for p in permissions} == {principal}
        assert principal.startswith("process.")


def test_only_provisioning_changes_the_cluster() -> None:
    """Users, ACLs and topics follow from the ledger through one process."""
    held = [p for p in PROCESSES if p.on is On.CLUSTER]
    assert {p.principal for p in held} == {PROVISIONING}
    assert {p.name for p in held} == {CLUSTER}
    assert {p.operation for p in held} <= {
        AclOperation.CREATE,
        AclOperation.ALTER,
        AclOperation.DESCRIBE,
        AclOperation.ALTER_CONFIGS,
        AclOperation.DESCRIBE_CONFIGS,
    }


def test_only_a_view_can_be_deleted() -> None:
    """Raw, accepted, ledger and metering outlive every process (R22)."""
    deletes = [p for p in PROCESSES if p.operation is AclOperation.DELETE]
    assert [(p.principal, p.name) for p in deletes] == [(PROVISIONING, "view.")]
    assert not [p for p in PROCESSES if p.operation is AclOperation.ALL]


def test_transactional_ids_belong_to_one_process() -> None:
    """Nobody else can fence the ledger process or an enforcement worker."""
    owned = {(p.principal, p.name) for p in PROCESSES if p.on is On.TRANSACTION}
    assert owned == {
        (LEDGER, "ledger"),
        (ENFORCEMENT, "enforcement-"),
        (INSPECTION, "inspection-"),
    }


def test_no_process_uses_a_grant_s_or_department_s_groups() -> None:
    """What a subscriber's group took is its own doing (R17)."""
    for permission in PROCESSES:
        if permission.on is On.GROUP:
            assert not covers(permission, "grant-g1.default")
            assert not covers(permission, "department-health.ledger")
