"""Drift: what the administrator changed behind the ledger's back is named and mended."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from infra.kafka import access_control, topics
from infra.kafka.observed import observe
from infra.kafka.quotas import Quota, put_quota
from infra.kafka.topics import Topic
from schemas.ledger.acts import Revoke, RotateCredential
from schemas.ledger.subjects import (
    CredentialStatus,
    Grant,
    GrantStatus,
)
from schemas.names import accepted_topic, department_principal, grant_principal
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    RESOURCE,
    SUBSCRIBER,
    ZHANG,
    RunningBus,
    wait_for,
)

pytestmark = pytest.mark.integration

STRANGE_VIEW = f"view.{RESOURCE}.0000000000000000"


@pytest.fixture(scope="module")
def grants(own_bus: RunningBus) -> tuple[Grant, Grant]:
    """Return a grant whose view is empty and will be deleted, and one that goes on."""
    empty = own_bus.grant(LI, "drift empty", ("code",))
    other = own_bus.grant(LI, "drift", ("code", "name"))
    for grant in (empty, other):
        own_bus.wait_live(grant)
    return empty, other


def drift(bus: RunningBus, *options: str) -> set[tuple[str, str, str]]:
    """Return kind, finding and name of every difference."""
    rows = bus.json("drift", *options)
    return {(row["kind"], row["finding"], row["name"]) for row in rows}


def test_a_bus_that_nobody_touched_has_none(
    own_bus: RunningBus, grants: tuple[Grant, Grant]
) -> None:
    """Provisioning, furnishing and drift follow one declaration."""
    assert own_bus.cli("drift").stdout.strip() == "Drift: none"


def test_rotations_and_a_revocation_leave_none(
    own_bus: RunningBus, grants: tuple[Grant, Grant]
) -> None:
    """While both credentials work, when the old one has been dropped, and after a cut."""
    _, other = grants
    ended = own_bus.grant(LI, "drift ended", ("code",))
    own_bus.act(LI, RotateCredential(other.id, 3600))
    own_bus.act(LI, RotateCredential(ended.id, 0))
    wait_for(lambda: len(working(own_bus, other.id)) == 2, "two credentials")
    wait_for(lambda: working(own_bus, ended.id) == [2], "the old credential to be dropped")
    assert own_bus.cli("drift").stdout.strip() == "Drift: none"
    own_bus.act(ZHANG, Revoke(ended.id, "事项已办结"))
    wait_for(
        lambda: own_bus.state().grants[ended.id].status is GrantStatus.ENDED, "the grant to be cut"
    )
    assert own_bus.cli("drift").stdout.strip() == "Drift: none"


def working(bus: RunningBus, grant: str) -> list[int]:
    """Return the versions of a grant's credential that work."""
    held = bus.state().grants[grant].credentials
    return [each.version for each in held if each.status is CredentialStatus.WORKING]


def test_each_change_is_named_and_mended(own_bus: RunningBus, grants: tuple[Grant, Grant]) -> None:
    """Missing, surplus and different: of topics, users, permissions and quotas."""
    empty, other = grants
    tamper(own_bus, empty, other)
    health, reader = department_principal(SUBSCRIBER), grant_principal(other.id)
    wanted = {
        ("topic", "missing", empty.view),
        ("topic", "different", accepted_topic(RESOURCE)),
        ("topic", "surplus", "strange"),
        ("topic", "surplus", STRANGE_VIEW),
        ("user", "missing", health),
        ("user", "surplus", "intruder"),
        ("permission", "missing", reader),
        ("permission", "surplus", "intruder"),
        ("permission", "surplus", health),
        ("quota", "different", reader),
        ("quota", "missing", health),
        ("quota", "surplus", "intruder"),
    }
    assert drift(own_bus) == wanted
    own_bus.cli("drift", status=3)

    # What holds records is left, and said to be.
    done = {row["name"]: row["done"] for row in own_bus.json("drift", "--fix")}
    assert done["strange"] == "it holds records, so it is left"
    assert "--fix --delete-topics" in done[STRANGE_VIEW]
    assert done[empty.view] == "made anew, empty"
    assert drift(own_bus) == {
        ("topic", "surplus", "strange"),
        ("topic", "surplus", STRANGE_VIEW),
    }
    own_bus.cli("drift", "--fix", "--delete-topics", status=3)
    assert drift(own_bus) == {("topic", "surplus", "strange")}
    topics.delete(own_bus.admin(), "strange")
    assert own_bus.cli("drift").stdout.strip() == "Drift: none"

    held = observe(own_bus.bus.admin_access())
    assert held.topics[empty.view].partitions == 4
    assert held.topics[accepted_topic(RESOURCE)].config["cleanup.policy"] == "compact"
    assert health in held.users
    assert "intruder" not in held.users | held.quotas.keys()


def tamper(bus: RunningBus, empty: Grant, other: Grant) -> None:
    """Change as the administrator what only the ledger may."""
    admin, access = bus.admin(), bus.bus.admin_access()
    health, reader = department_principal(SUBSCRIBER), grant_principal(other.id)
    topics.delete(admin, empty.view)
    topics.create(admin, [Topic("strange", 1), Topic(STRANGE_VIEW, 1)])
    producer = access.producer()
    for topic in ("strange", STRANGE_VIEW):
        producer.produce(topic, b"a record")
    assert producer.flush(LIMIT_S) == 0
    entry = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ResourceType.TOPIC, accepted_topic(RESOURCE), incremental_configs=[entry]
    )
    admin.incremental_alter_configs([resource])[resource].result(LIMIT_S)
    access_control.drop_user(admin, health)
    put_quota(access, health, Quota())
    access_control.put_user(admin, "intruder", "a-password-of-nobody")
    put_quota(access, "intruder", Quota(producer_byte_rate=5))
    put_quota(access, reader, Quota(consumer_byte_rate=5))
    for principal, topic in (("intruder", other.view), (health, accepted_topic(RESOURCE))):
        acl = binding(principal, topic)
        admin.create_acls([acl])[acl].result(LIMIT_S)
    anything: Any = None
    reading = AclBindingFilter(
        ResourceType.TOPIC,
        other.view,
        ResourcePatternType.LITERAL,
        f"User:{reader}",
        anything,
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    assert admin.delete_acls([reading])[reading].result(LIMIT_S)


def binding(principal: str, topic: str) -> AclBinding:
    """Return the right to read a topic."""
    return AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{principal}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
