"""Quotas on the real broker; Kafka's own tool is asked what they are, and sets some itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from infra.kafka import access_control
from infra.kafka.access_control import On, Permission
from infra.kafka.clients import Access
from infra.kafka.process_permissions import CLUSTER
from infra.kafka.quotas import NO_QUOTA, Quota, put_quota, quotas
from schemas.errors import Unavailable
from tests.integration.infra.running_broker import RunningBroker, running_broker
from tests.integration.java_tools import kafka_configs

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with running_broker(tmp_path_factory.mktemp("quotas")) as running:
        yield running


def seen_by_kafka(node: RunningBroker, folder: Path, principal: str) -> dict[str, float]:
    """Return a user's limits as Kafka's own tool shows them."""
    said = kafka_configs(
        node.admin, folder, "--describe", "--entity-type", "users", "--entity-name", principal
    )
    pairs = re.findall(r"(\w+_(?:byte_rate|percentage))=([\d.E]+)", said)
    return {name: float(value) for name, value in pairs}


def test_a_quota_is_what_kafka_s_own_tool_shows(node: RunningBroker, tmp_path: Path) -> None:
    """Each of the three limits, and only those that were set; removed is removed."""
    put_quota(node.admin, "grant.g1", Quota(1_048_576, 2_000, 12.5))
    assert seen_by_kafka(node, tmp_path, "grant.g1") == {
        "consumer_byte_rate": 1_048_576,
        "producer_byte_rate": 2_000,
        "request_percentage": 12.5,
    }
    put_quota(node.admin, "grant.g1", Quota(consumer_byte_rate=1))
    assert seen_by_kafka(node, tmp_path, "grant.g1") == {"consumer_byte_rate": 1}
    put_quota(node.admin, "grant.g1", NO_QUOTA)
    assert seen_by_kafka(node, tmp_path, "grant.g1") == {}
    assert "grant.g1" not in quotas(node.admin)


def test_what_kafka_s_own_tool_set_is_told(node: RunningBroker, tmp_path: Path) -> None:
    """Quotas of users are told by name; those of clients, and the default, are not."""
    limit = ("--alter", "--add-config", "producer_byte_rate=77")
    kafka_configs(node.admin, tmp_path, *limit, "--entity-type", "users", "--entity-name", "名.x")
    kafka_configs(
        node.admin, tmp_path, *limit, "--entity-type", "clients", "--entity-name", "a-client"
    )
    kafka_configs(node.admin, tmp_path, *limit, "--entity-type", "users", "--entity-default")
    assert quotas(node.admin) == {"名.x": Quota(producer_byte_rate=77)}


def test_who_may_not_ask_is_told_so(node: RunningBroker) -> None:
    """Reading and setting quotas need a permission each on the cluster."""
    principal, password = "department.health", "a-password-of-health"
    admin = node.admin.admin()
    access_control.put_user(admin, principal, password)
    access = Access(node.settings.bootstrap, principal, password)
    for ask in (lambda: quotas(access), lambda: put_quota(access, principal, NO_QUOTA)):
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.where == "CLUSTER_AUTHORIZATION_FAILED"
    allowed = (AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS)
    access_control.grant(admin, [Permission(principal, On.CLUSTER, CLUSTER, o) for o in allowed])
    put_quota(access, principal, Quota(request_percentage=3))
    assert quotas(access)[principal] == Quota(request_percentage=3)


def test_a_broker_that_is_away_is_unavailable() -> None:
    """Not an exception of aiokafka's."""
    with pytest.raises(Unavailable):
        quotas(Access("127.0.0.1:1", "nobody", "a-password-of-nobody"))
