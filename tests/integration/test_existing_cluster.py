"""A bus whose settings name a Kafka cluster that is there already: nothing of it runs a broker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation

from consumers.subscription import Subscription
from infra.kafka import access_control, topics
from infra.kafka.access_control import On, Permission
from infra.kafka.quotas import Quota, put_quota
from infra.kafka.topics import Topic
from schemas.names import accepted_topic
from tests.integration import java_consumer
from tests.integration.administrator_properties import write_administrator
from tests.integration.infra.running_broker import RunningBroker, running_broker
from tests.integration.infra.tls_broker import running_tls_broker
from tests.integration.running_bus import (
    LI,
    LIMIT_S,
    RESOURCE,
    RunningBus,
    furnish,
    running_bus,
    wait_for,
)
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

STRANGER = "another-application"


@pytest.fixture(scope="module", params=["plain", "tls"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBroker]:
    """Return a cluster on which somebody else keeps things, too."""
    start = {"plain": running_broker, "tls": running_tls_broker}[request.param]
    with start(tmp_path_factory.mktemp("cluster") / "kafka") as running:
        admin = running.admin.admin()
        topics.create(admin, [Topic("orders", 2)])
        access_control.put_user(admin, STRANGER, "a-password-of-nobody")
        put_quota(running.admin, STRANGER, Quota(producer_byte_rate=5))
        access_control.grant(admin, [access_control.read(STRANGER, "orders")])
        yield running


@pytest.fixture(scope="module")
def bus(cluster: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """Return a bus whose settings name it."""
    home = tmp_path_factory.mktemp("home")
    file = write_administrator(home / "administrator.properties", cluster.admin)
    (home / "settings.toml").write_text(f'kafka_properties = "{file}"\n', "utf-8")
    with running_bus(home) as running:
        furnish(running)
        yield running


def test_the_whole_way_works_on_it(cluster: RunningBroker, bus: RunningBus, tmp_path: Path) -> None:
    """Publishing, granting, reading and counting; no process of the bus is a broker."""
    rows = townships("97", 20)
    assert not [name for name in bus.processes() if name.startswith("broker")]
    assert (bus.home.endpoints().broker_port, bus.home.endpoints().controller_port) == (0, 0)
    with bus.publisher() as publisher:
        for row in rows:
            publisher.upsert(row)
    bus.wait_enforced()
    grant = bus.grant(LI, "已有集群")
    bus.wait_live(grant)

    handed = bus.properties(grant)
    assert handed.config["bootstrap.servers"] == cluster.admin.bootstrap
    assert handed.config["security.protocol"] == cluster.admin.connection["security.protocol"]
    assert handed.config.get("ssl.ca.location") == cluster.admin.connection.get("ssl.ca.location")
    assert cluster.admin.password not in bus.properties_file(grant).read_text("utf-8")
    with Subscription(handed, group="existing", until_end=True) as subscription:
        assert {record.key for record in subscription} == {row["code"] for row in rows}
    # The kit is enough on another machine, for stock clients in Python and in Java.
    kit = tmp_path / "kit"
    bus.cli("grants", "kit", grant.id, "--out", kit)
    assert str(cluster.settings.directory) not in (kit / "client.properties").read_text("utf-8")
    read = subprocess.run(
        [sys.executable, "-I", kit / "read_view.py", str(len(rows)), "--group", "kit"],
        cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert len(read.stdout.splitlines()) == len(rows), read.stderr
    ended = java_consumer.consume(
        cluster.admin.bootstrap, grant.view, kit / "client.properties", len(rows), folder=kit
    )
    assert len(ended.lines) == len(rows), ended.stderr

    bus.wait_stored()
    assert bus.counted()[grant.id] == len(rows)
    wait_for(lambda: bus.cli("status", status=None).returncode == 0, "everything to be well")
    assert bus.cli("doctor").stdout.count("kafka: ") == 1


def test_drift_tells_the_bus_from_what_others_keep_there(bus: RunningBus) -> None:
    """Others' topics, users and rights are left; one that reaches the bus's topics is named."""
    assert bus.cli("drift").stdout.strip() == "Drift: none"
    close = access_control.read(STRANGER, accepted_topic(RESOURCE))
    wide = access_control.read(STRANGER, "*")
    access_control.grant(bus.admin(), [close, wide])
    assert {row["found"] for row in bus.json("drift")} == {close.told, wide.told}
    done = {row["found"]: row["done"] for row in bus.json("drift", "--fix")}
    assert done[close.told] == "withdrawn"
    assert "reaches further" in done[wide.told]
    acls = access_control.permissions_of(bus.admin(), STRANGER)
    assert {access_control.told(acl) for acl in acls} == {wide.told, "allow READ topic orders"}
    assert topics.exists(bus.admin(), "orders")
    access_control.withdraw_all(bus.admin(), STRANGER)
    assert bus.cli("drift").stdout.strip() == "Drift: none"


def test_each_faust_process_names_the_permission_that_it_misses(bus: RunningBus) -> None:
    """It would wait in silence; so it asks the broker first, and ends with what is missing."""
    taken = {
        "sink": access_control.read("process.sink", "metering"),
        "provisioning": Permission(
            "process.provisioning", On.CLUSTER, "kafka-cluster", AclOperation.ALTER_CONFIGS
        ),
    }
    for process, permission in taken.items():
        withdraw(bus, permission)
        pid = bus.kill(process)
        wait_for(lambda p=process: "lacks" in bus.processes()[p]["problem"], "its last words")  # type: ignore[misc]
        log = bus.home.log_file(process).read_text("utf-8")
        assert f'"where": "{permission.told}"' in log
        assert "sharebus drift --fix" in log
        bus.cli("drift", "--fix")
        bus.wait_replaced(process, pid)
    assert bus.cli("drift").stdout.strip() == "Drift: none"


def withdraw(bus: RunningBus, permission: Permission) -> None:
    """Delete exactly one ACL as the administrator."""
    others = [
        acl
        for acl in access_control.permissions_of(bus.admin(), permission.principal)
        if acl != permission.binding()
    ]
    access_control.withdraw_all(bus.admin(), permission.principal)
    futures: dict[Any, Any] = bus.admin().create_acls(others)
    for future in futures.values():
        future.result(LIMIT_S)
