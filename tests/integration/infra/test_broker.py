"""The embedded broker: who is let in, what it survives, what it never shows."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from infra.kafka import broker
from infra.kafka.clients import Access, close
from infra.kafka.offsets import end_offsets
from schemas.errors import AccessDenied, InvalidInput
from tests.integration.infra.running_broker import (
    RunningBroker,
    free_ports,
    new_settings,
    running_broker,
)
from tests.integration.java_tools import plain_login, run_tool

pytestmark = pytest.mark.integration

REQUEST_S = 30
STANDS_STILL_S = 14
"""After 9 s without a heartbeat the controller takes a broker for lost."""
ANY_ACL = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # any name
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]  # any principal
    None,  # type: ignore[arg-type]  # any host
    AclOperation.ANY,
    AclPermissionType.ANY,
)
LISTENING = "0A"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    # The path has what configuration files and locales stumble over.
    with running_broker(tmp_path_factory.mktemp("home") / "数据 总线\\1" / "kafka") as running:
        yield running


def create_topic(node: RunningBroker, name: str) -> None:
    admin = node.admin.admin()
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(REQUEST_S)


def send(node: RunningBroker, topic: str, count: int) -> None:
    producer = node.admin.producer()
    for number in range(count):
        producer.produce(topic, str(number))
    assert producer.flush(REQUEST_S) == 0


def read(node: RunningBroker, topic: str, count: int) -> list[str]:
    consumer = node.admin.consumer("readers")
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, REQUEST_S)
    finally:
        consumer.close()
    return [(message.value() or b"").decode() for message in messages if not message.error()]


def add_acl_at_controller(node: RunningBroker, principal: str, login: str) -> int:
    """Ask the controller's listener for an ACL with Kafka's own tool; give its exit status."""
    properties = node.settings.directory / "attempt.properties"
    properties.write_text(f"default.api.timeout.ms=3000\nrequest.timeout.ms=2000\n{login}")
    return run_tool(
        "org.apache.kafka.tools.AclCommand",
        [
            *("--bootstrap-controller", f"127.0.0.1:{node.settings.controller_ports[0]}"),
            *("--command-config", str(properties)),
            *("--add", "--allow-principal", f"User:{principal}"),
            *("--operation", "All", "--topic", "*"),
        ],
    ).returncode


def principals_with_acls(node: RunningBroker) -> set[str]:
    admin = node.admin.admin()
    return {acl.principal for acl in admin.describe_acls(ANY_ACL).result(REQUEST_S)}


def test_who_has_the_admin_credential_is_let_in(node: RunningBroker) -> None:
    """Our own credential authenticates, and what is written is read back."""
    create_topic(node, "greeting")
    send(node, "greeting", 3)
    assert read(node, "greeting", 3) == ["0", "1", "2"]


def test_an_unauthenticated_admin_request_fails(node: RunningBroker) -> None:
    """Nobody gets an answer from the clients' listener without a credential."""
    stranger = AdminClient(
        {"bootstrap.servers": node.settings.bootstrap, "log_level": 0, "socket.timeout.ms": 2000}
    )
    with pytest.raises(KafkaException):
        stranger.list_topics(timeout=2)


def test_the_controller_changes_acls_only_for_who_knows_its_secret(node: RunningBroker) -> None:
    """Without the controller's own secret nobody adds an ACL on its listener."""
    guess, secret = (
        plain_login(broker.CONTROLLER, password)
        for password in (node.settings.admin_password, node.settings.controller_password)
    )
    assert add_acl_at_controller(node, "anonymous", "security.protocol=PLAINTEXT\n") != 0
    assert add_acl_at_controller(node, "guesser", guess) != 0
    assert add_acl_at_controller(node, "knower", secret) == 0
    assert principals_with_acls(node) & {"User:anonymous", "User:guesser", "User:knower"} == {
        "User:knower"
    }


def test_a_principal_without_an_acl_sees_nothing(node: RunningBroker) -> None:
    """From the first second what is not allowed is refused, and the refusal is logged."""
    create_topic(node, "closed")
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    user = UserScramCredentialUpsertion("nobody", credential, b"a-password-of-nobody")
    admin = node.admin.admin()
    admin.alter_user_scram_credentials([user])["nobody"].result(REQUEST_S)
    producer = Access(node.settings.bootstrap, "nobody", "a-password-of-nobody").producer(
        {"enable.idempotence": False}
    )
    errors: list[KafkaError | None] = []
    producer.produce("closed", b"x", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(REQUEST_S) == 0
    assert [error.name() for error in errors if error] == ["TOPIC_AUTHORIZATION_FAILED"]
    refusals = (node.settings.log.parent / "authorizer.log").read_text()
    assert "Principal = User:nobody is Denied" in refusals


def test_topics_do_not_appear_by_themselves(node: RunningBroker) -> None:
    """A mistyped topic is an error, not a new topic."""
    errors: list[KafkaError | None] = []
    producer = node.admin.producer({"message.timeout.ms": 2000})
    producer.produce("mistyped", b"x", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(REQUEST_S) == 0
    assert all(errors)
    assert "mistyped" not in producer.list_topics(timeout=REQUEST_S).topics


def test_where_a_topic_ends_is_told_at_once_when_it_is_new(node: RunningBroker) -> None:
    """Its partitions have no leader for a moment, and the broker says so."""
    admin, names = node.admin.admin(), [f"new-{number}" for number in range(20)]
    places = [(name, partition) for name in names for partition in range(3)]
    created = admin.create_topics([NewTopic(name, 3, 1) for name in names])
    for done in created.values():
        done.result(REQUEST_S)
    assert end_offsets(admin, places) == dict.fromkeys(places, 0)


def test_it_listens_on_loopback_only(node: RunningBroker) -> None:
    """No port of the node can be reached from another machine."""
    inodes = set()
    for descriptor in Path(f"/proc/{node.process.pid}/fd").iterdir():
        match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor))
        inodes |= {match[1]} if match else set()
    listeners = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{node.process.pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == LISTENING and columns[9] in inodes:
                address, port = columns[1].split(":")
                listeners.add((address[-8:], int(port, 16)))
    loopback = "0100007F"
    ports = {node.settings.client_port, *node.settings.controller_ports}
    assert listeners == {(loopback, port) for port in ports}


def test_secrets_are_shown_nowhere(node: RunningBroker) -> None:
    """A password is in one private file: not in the arguments, the log or the storage."""
    passwords = (node.settings.admin_password, node.settings.controller_password)
    assert not any(password in repr(node.settings) for password in passwords)
    arguments = Path(f"/proc/{node.process.pid}/cmdline").read_text()
    assert not any(password in arguments for password in passwords)
    assert node.settings.directory.stat().st_mode & 0o777 == 0o700
    holding = [
        path
        for path in node.settings.directory.rglob("*")
        if path.is_file()
        and any(word.encode() in path.read_bytes() for word in passwords)
        and path.name != "attempt.properties"
    ]
    assert [path.name for path in holding] == ["server.properties"]
    assert holding[0].stat().st_mode & 0o777 == 0o600


def test_another_cluster_at_the_address_is_named(node: RunningBroker) -> None:
    """An answer proves nothing: it must be our cluster's."""
    with pytest.raises(InvalidInput, match="another Kafka cluster"):
        node.wait_ready(node.admin, broker.new_cluster_id())


def test_a_refused_credential_is_named(node: RunningBroker) -> None:
    """A broker that doesn't know our password is not ours."""
    stranger = dataclasses.replace(node.admin, password="another-password-than-ours")
    with pytest.raises(AccessDenied):
        node.wait_ready(stranger, node.settings.cluster_id)


def test_storage_of_another_cluster_is_not_started(node: RunningBroker) -> None:
    """A home that was put together from two buses is refused before anything is written to it."""
    other = dataclasses.replace(
        node.settings, cluster_id=broker.new_cluster_id(), admin_password="the-other-bus-password"
    )
    with pytest.raises(InvalidInput, match="belongs to another cluster") as failure:
        broker.prepare(other)
    assert failure.value.where == str(node.settings.data)
    assert other.admin_password not in (node.settings.directory / "server.properties").read_text()


def test_a_reader_goes_on_after_its_only_broker_stood_still(node: RunningBroker) -> None:
    """As on a machine that was paused: the controller took the broker for lost meanwhile."""
    create_topic(node, "paused")
    consumer = node.admin.consumer("paused")
    consumer.assign([TopicPartition("paused", 0, 0)])

    def receives(limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                return True
        return False

    send(node, "paused", 1)
    assert receives(REQUEST_S)
    node.process.send_signal(signal.SIGSTOP)
    try:
        assert not receives(STANDS_STILL_S)
    finally:
        node.process.send_signal(signal.SIGCONT)
    send(node, "paused", 1)
    assert receives(2 * REQUEST_S)
    close(consumer)


def test_it_comes_back_with_its_data_after_a_kill(node: RunningBroker) -> None:
    """`kill -9` and a restart, on other ports even, lose neither records nor permissions."""
    create_topic(node, "kept")
    send(node, "kept", 100)
    acls = principals_with_acls(node)
    node.kill()
    client_port, controller_port = free_ports()
    node.settings = dataclasses.replace(
        node.settings, client_port=client_port, controller_ports=(controller_port,)
    )
    node.start()
    assert read(node, "kept", 100) == [str(number) for number in range(100)]
    assert principals_with_acls(node) == acls


def test_it_ends_in_order_on_sigterm(node: RunningBroker) -> None:
    """SIGTERM ends it within the limit, with the status of a Java that was asked to end."""
    try:
        assert node.stop() == 143
    finally:
        node.start()


def test_formatting_that_was_killed_starts_over(tmp_path: Path) -> None:
    """A first start that was killed half-way leaves nothing that a second one trips over."""
    settings = new_settings(tmp_path)
    unfinished = tmp_path / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "meta.properties").write_text("cluster.id=half")
    broker.prepare(settings)
    assert not unfinished.exists()
    assert (
        f"cluster.id={settings.cluster_id}"
        in (settings.data / "meta.properties").read_text().splitlines()
    )


@pytest.mark.parametrize(
    "password", ["short", 'quoted"; user_x="y-and-more', "with space in it ok"]
)
def test_a_secret_that_could_change_the_configuration_is_refused(
    tmp_path: Path, password: str
) -> None:
    """A password can't smuggle another login or another setting into Kafka's configuration."""
    settings = dataclasses.replace(new_settings(tmp_path / "node"), admin_password=password)
    with pytest.raises(InvalidInput):
        broker.prepare(settings)
    assert not settings.directory.exists()
