"""What a cluster is asked before a bus moves in; each way in which it is unfit is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from infra.kafka import access_control, topics
from infra.kafka.access_control import On, Permission
from infra.kafka.administrator_file import read_administrator
from infra.kafka.authorized import missing
from infra.kafka.clients import Access
from infra.kafka.existing_cluster import examine
from infra.kafka.quotas import quotas
from infra.kafka.topics import Topic
from schemas.errors import AccessDenied, InvalidInput
from tests.integration.administrator_properties import write_administrator
from tests.integration.infra.running_broker import running_broker
from tests.integration.infra.tls_broker import TlsBroker, running_tls_broker

pytestmark = pytest.mark.integration

PASSWORD = "a-password-of-nobody"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    """Return a broker that speaks TLS."""
    with running_tls_broker(tmp_path_factory.mktemp("cluster") / "kafka") as running:
        yield running


def user(node: TlsBroker, name: str, *permissions: Permission) -> Access:
    """Make a user that has these permissions."""
    access_control.put_user(node.admin.admin(), name, PASSWORD)
    access_control.grant(node.admin.admin(), permissions)
    return replace(node.admin, principal=name, password=PASSWORD)


def ask(folder: Path, access: Access, **changed: str | None) -> None:
    """Ask the cluster that a file of properties names."""
    examine(read_administrator(write_administrator(folder / "p", access, **changed)))


def test_an_administrator_is_let_in_by_every_client(node: TlsBroker, tmp_path: Path) -> None:
    """Librdkafka and aiokafka read the same properties alike."""
    cluster = read_administrator(write_administrator(tmp_path / "p", node.admin))
    found = examine(cluster)
    assert (found.id, found.brokers) == (node.settings.cluster_id, 1)
    assert quotas(cluster.administrator) == {}


def test_a_wrong_password_is_named(node: TlsBroker, tmp_path: Path) -> None:
    """The error tells who is refused, and where."""
    with pytest.raises(AccessDenied, match="refuses the administrator admin") as failure:
        ask(tmp_path, replace(node.admin, password=PASSWORD))
    assert PASSWORD not in str(failure.value)


def test_a_certificate_that_nobody_vouches_for_is_named(node: TlsBroker, tmp_path: Path) -> None:
    """Without the authority's certificate TLS fails, and nothing is sent."""
    with pytest.raises(InvalidInput, match="don't agree on TLS"):
        ask(tmp_path, node.admin, ssl_ca_location=None)


def test_each_permission_that_an_administrator_lacks_is_named(
    node: TlsBroker, tmp_path: Path
) -> None:
    """Exactly those, so that they can be granted."""
    name = "half-an-administrator"
    on_cluster = [
        Permission(name, On.CLUSTER, "kafka-cluster", operation)
        for operation in (
            AclOperation.ALTER,
            AclOperation.DESCRIBE_CONFIGS,
            AclOperation.ALTER_CONFIGS,
        )
    ]
    everything = Permission(name, On.TOPIC, "*", AclOperation.ALL)
    with pytest.raises(AccessDenied) as failure:
        ask(tmp_path, user(node, name, *on_cluster, everything))
    assert failure.value.where == "allow CREATE broker kafka-cluster"
    create = Permission(name, On.CLUSTER, "kafka-cluster", AclOperation.CREATE)
    ask(tmp_path, user(node, name, create))


def test_what_a_principal_may_do_is_what_the_broker_lets_it(node: TlsBroker) -> None:
    """Of topics, prefixes and groups, as the principal itself sees them."""
    topics.create(node.admin.admin(), [Topic("facts", 1), Topic("raw.a", 1)])
    held = [
        access_control.read("reader", "facts"),
        access_control.use_group("reader", "readers", prefix=True),
        Permission("reader", On.TOPIC, "raw.", AclOperation.DESCRIBE, prefix=True),
    ]
    reader = user(node, "reader", *held)
    lacking = [
        access_control.write("reader", "facts"),
        access_control.read("reader", "raw.", prefix=True),
        access_control.use_group("reader", "others"),
        Permission("reader", On.CLUSTER, "kafka-cluster", AclOperation.DESCRIBE),
    ]
    assert missing(reader, held) == []
    assert missing(reader, [*held, *lacking]) == lacking
    nobody = user(node, "nobody")
    assert len(missing(nobody, held)) == len(held)


def test_a_cluster_that_forgets_offsets_too_early_is_refused(tmp_path: Path) -> None:
    """Kafka's default, seven days: a bus that was down for longer would deliver again."""
    with (
        running_broker(tmp_path / "kafka", "offsets.retention.minutes=10080\n") as forgetful,
        pytest.raises(InvalidInput, match="forgets committed offsets after 7 days") as failure,
    ):
        ask(tmp_path, forgetful.admin)
    assert failure.value.where == "broker 1: offsets.retention.minutes=10080"
    assert "53280" in (failure.value.remedy or "")
