"""The bus's ports: all on loopback, and nothing there for whoever has no credential."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from infra.kafka.access_control import permissions_of
from infra.observability.recorder import endpoints as endpoints_of_metrics
from schemas.names import department_principal, process_principal, raw_topic, value_subject
from tests.integration.java_tools import plain_login, run_tool, scram_login
from tests.integration.running_bus import RESOURCE, SOURCE, RunningBus

pytestmark = pytest.mark.integration

LISTENING = "0A"
LOOPBACK = "0100007F"
SCHEMA = Schema('{"type": "record", "name": "Surplus", "fields": []}', "AVRO")


def listeners(pid: int) -> Iterator[tuple[str, int]]:
    """Yield address and port of every TCP socket that a process listens on."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
        inodes |= {match[1]} if match else set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING and columns[9] in inodes:
                address, port = columns[1].split(":")
                yield address[-8:], int(port, 16)


def test_every_port_is_on_loopback_and_known(bus: RunningBus) -> None:
    """The bus listens on four ports and those of its metrics; no other machine reaches one."""
    endpoints = bus.bus.endpoints
    pids = [int(row["pid"]) for row in bus.processes().values() if row["pid"]]
    found = {each for pid in pids for each in listeners(pid)}
    ports = {
        endpoints.broker_port,
        endpoints.controller_port,
        endpoints.registry_port,
        endpoints.warehouse_port,
    }
    shown = endpoints_of_metrics(bus.home, list(bus.processes()))
    ports |= {int(address.rpartition(":")[2]) for address in shown.values()}
    assert len(ports) == 4 + 7  # the broker's metrics are Java's, the supervisor is no child
    assert found == {(LOOPBACK, port) for port in ports}


def test_nobody_administers_kafka_without_a_credential(bus: RunningBus, tmp_path: Path) -> None:
    """Kafka's own tool gets no ACL added on either listener; with the secrets it does."""
    endpoints = bus.bus.endpoints
    brokers = ("--bootstrap-server", f"127.0.0.1:{endpoints.broker_port}")
    controllers = ("--bootstrap-controller", f"127.0.0.1:{endpoints.controller_port}")
    scram = scram_login("admin", bus.bus.secrets.password("admin"))
    plain = plain_login("controller", bus.bus.secrets.password("controller"))
    nobody = "security.protocol=PLAINTEXT\n"
    tried = {
        "nobody-at-broker": (brokers, nobody),
        "nobody-at-controller": (controllers, nobody),
        # The same requests by who may: so it is the missing credential that is refused above.
        "admin-at-broker": (brokers, scram),
        "controller-at-controller": (controllers, plain),
    }

    def add_acl(name: str) -> int:
        where, login = tried[name]
        config = tmp_path / f"{name}.properties"
        config.write_text(f"{login}default.api.timeout.ms=15000\nrequest.timeout.ms=5000\n")
        options = ("--add", "--allow-principal", f"User:{name}", "--operation", "Read")
        return run_tool(
            "org.apache.kafka.tools.AclCommand",
            [*where, "--command-config", str(config), *options, "--topic", "surplus"],
        ).returncode

    with ThreadPoolExecutor(2) as pool:
        statuses = dict(zip(tried, pool.map(add_acl, tried), strict=True))
    admin = bus.admin()
    assert {name for name in tried if permissions_of(admin, name)} == {
        "admin-at-broker",
        "controller-at-controller",
    }
    assert {name for name, status in statuses.items() if status == 0} == {
        "admin-at-broker",
        "controller-at-controller",
    }


@pytest.mark.parametrize(
    ("principal", "status"), [("", 401), ("process.provisioning", 401), (SOURCE, 403)]
)
def test_a_stock_client_registers_no_schema(bus: RunningBus, principal: str, status: int) -> None:
    """The registry takes schemas from nobody without a credential, and from no department."""
    config: dict[str, Any] = {"url": bus.bus.endpoints.registry_url}
    if principal == SOURCE:
        principal = department_principal(SOURCE)
        config["basic.auth.user.info"] = f"{principal}:{bus.bus.secrets.password(principal)}"
    elif principal:
        config["basic.auth.user.info"] = f"{principal}:not-the-password"
    client = SchemaRegistryClient(config)
    with pytest.raises(SchemaRegistryError) as refusal:
        client.register_schema("surplus-value", SCHEMA)
    assert refusal.value.http_status_code == status
    assert "surplus-value" not in client.get_subjects()


def test_provisioning_registers_schemas(bus: RunningBus) -> None:
    """The one principal that may write is let in: the same schema again keeps its id."""
    principal = process_principal("provisioning")
    client = SchemaRegistryClient(
        {
            "url": bus.bus.endpoints.registry_url,
            "basic.auth.user.info": f"{principal}:{bus.bus.secrets.password(principal)}",
        }
    )
    subject = value_subject(raw_topic(RESOURCE, SOURCE))
    known = client.get_latest_version(subject)
    assert client.register_schema(subject, known.schema) == known.schema_id


@pytest.mark.parametrize("way", ["none", "wrong-password", "grant"])
def test_the_warehouse_answers_nobody_without_a_role(bus: RunningBus, way: str) -> None:
    """A query needs the password of a principal that has a role; a grant's has none."""
    grant = "grant.g1"
    logins = {
        "none": None,
        "wrong-password": (department_principal(SOURCE), "not-the-password"),
        "grant": (grant, bus.bus.secrets.password(grant)),
    }
    for statement in ("SELECT count() FROM metering", "DROP TABLE metering"):
        answer = httpx.post(
            bus.bus.endpoints.warehouse_url, content=statement, auth=logins[way], timeout=30
        )
        assert answer.status_code in (401, 403), answer.text


def test_a_department_reads_the_warehouse_and_writes_nothing(bus: RunningBus) -> None:
    """A department's credential reads the counts and changes none."""
    principal = department_principal(SOURCE)
    login = (principal, bus.bus.secrets.password(principal))
    url = bus.bus.endpoints.warehouse_url
    count = httpx.post(url, content="SELECT count() FROM metering", auth=login, timeout=30)
    assert (count.status_code, count.text.strip().isdigit()) == (200, True)
    drop = httpx.post(url, content="DROP TABLE metering", auth=login, timeout=30)
    assert drop.status_code != 200
    again = httpx.post(url, content="SELECT count() FROM metering", auth=login, timeout=30)
    assert again.status_code == 200
