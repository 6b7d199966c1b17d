"""Clients that know nothing of the bus: a grant's file lets them read its view, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.ledger.subjects import Grant
from schemas.names import (
    LEDGER,
    METERING,
    accepted_topic,
    department_principal,
    grant_group_prefix,
    grant_principal,
    raw_topic,
)
from schemas.policy import Match, RowFilter
from tests.integration import java_consumer
from tests.integration.java_consumer import Ended
from tests.integration.running_bus import LI, RESOURCE, SOURCE, WANG, RunningBus
from tests.integration.synthetic_divisions import Row, townships

pytestmark = pytest.mark.integration

PROVINCE = "51"
# Enough for each partition to have some.
ROWS = townships(PROVINCE, 60)
FORBIDDEN_TOPICS = {
    "another-grants-view": "",
    "raw": raw_topic(RESOURCE, SOURCE),
    "accepted": accepted_topic(RESOURCE),
    "ledger": LEDGER,
    "metering": METERING,
}


@dataclass(frozen=True)
class Scene:
    """Two grants whose views hold records, and a department that has none."""

    bus: RunningBus
    mine: Grant
    other: Grant

    @property
    def file(self) -> Path:
        """What the first grant's subscriber was handed, as it was written."""
        return self.bus.properties_file(self.mine)

    def edited(self, name: str, **changes: str) -> Path:
        """Return a copy of the file with some settings changed."""
        settings = dict(
            line.split("=", 1) for line in self.file.read_text("utf-8").splitlines()[1:]
        )
        copy = self.file.with_name(name)
        lines = {**settings, **{key.replace("_", "."): value for key, value in changes.items()}}
        copy.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), "utf-8")
        return copy

    def as_principal(self, name: str, principal: str, password: str, **changes: str) -> Path:
        """Return a copy of the file with another credential, and other changes."""
        jaas = (
            "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{principal}" password="{password}";'
        )
        return self.edited(name, sasl_jaas_config=jaas, **changes)

    def consume(self, topic: str, config: Path, count: int = 1) -> Ended:
        """Run the console consumer."""
        return java_consumer.consume(self.bus.bus.cluster.bootstrap, topic, config, count)


@pytest.fixture(scope="module")
def scene(bus: RunningBus) -> Scene:
    rows = RowFilter("code", Match.PREFIX, (PROVINCE,))
    scene = Scene(
        bus,
        mine=bus.grant(LI, "stock clients", rows=rows),
        other=bus.grant(WANG, "stock clients", ("code", "name"), rows),
    )
    for grant in (scene.mine, scene.other):
        bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()
    bus.cli("register", "department", "archives", "--name", "档案局")
    return scene


@pytest.fixture(scope="module")
def attempts(scene: Scene) -> Iterator[dict[str, Future[Ended]]]:
    """Everything that must be refused, tried with the real tool; two at a time."""
    department = department_principal("archives")
    password = scene.bus.bus.secrets.password(department)
    archives = scene.as_principal(
        "archives.properties", department, password, group_id="department-archives.tests"
    )
    wrong = scene.as_principal("wrong.properties", grant_principal(scene.mine.id), "not-the-one")
    foreign = scene.edited(
        "group.properties", group_id=f"{grant_group_prefix(scene.other.id)}default"
    )
    tried = {
        name: (topic or scene.other.view, scene.file) for name, topic in FORBIDDEN_TOPICS.items()
    }
    tried["without-a-grant"] = (scene.mine.view, archives)
    tried["wrong-password"] = (scene.mine.view, wrong)
    tried["foreign-group"] = (scene.mine.view, foreign)
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(scene.consume, *each) for name, each in tried.items()}


def test_kafkas_own_consumer_reads_the_view(scene: Scene) -> None:
    """With nothing but the grant's file, unchanged, the Java console consumer reads the view."""
    before = scene.file.read_bytes()
    ended = scene.consume(scene.mine.view, scene.file, len(ROWS))
    found = {line.key.decode(): line for line in ended.lines}
    assert found.keys() == {row["code"] for row in ROWS}, ended.stderr
    assert scene.file.read_bytes() == before

    # What it read, Confluent's stock deserializer decodes with the registry of the bus.
    url = scene.bus.properties(scene.mine).registry_url
    deserializer = AvroDeserializer(SchemaRegistryClient({"url": url}))
    context = SerializationContext(scene.mine.view, MessageField.VALUE)
    for row in ROWS:
        decoded = deserializer(found[row["code"]].value, context)
        assert decoded is not None
        envelope = decoded.pop("envelope")
        assert (envelope["source"], envelope["resource"]) == ("civil-affairs", RESOURCE)
        assert decoded == _unconditional(row)


@pytest.mark.parametrize("topic", FORBIDDEN_TOPICS)
def test_a_grant_reads_nothing_else(
    topic: str, scene: Scene, attempts: dict[str, Future[Ended]]
) -> None:
    """The same file is refused on every topic but its view, although there is something to read."""
    assert scene.bus.messages(FORBIDDEN_TOPICS[topic] or scene.other.view)
    ended = attempts[topic].result()
    assert ended.lines == []
    assert "org.apache.kafka.common.errors.TopicAuthorizationException" in ended.stderr


def test_a_grant_uses_no_group_outside_its_prefix(attempts: dict[str, Future[Ended]]) -> None:
    """A group of another grant is closed to it, also on its own view."""
    ended = attempts["foreign-group"].result()
    assert ended.lines == []
    assert "org.apache.kafka.common.errors.GroupAuthorizationException" in ended.stderr


def test_a_department_without_a_grant_is_turned_away(attempts: dict[str, Future[Ended]]) -> None:
    """A department's own credential, in a group it may use, does not open a view."""
    ended = attempts["without-a-grant"].result()
    assert ended.lines == []
    assert "org.apache.kafka.common.errors.TopicAuthorizationException" in ended.stderr


def test_a_wrong_password_is_turned_away(attempts: dict[str, Future[Ended]]) -> None:
    """The name of a grant's principal alone lets nobody in."""
    ended = attempts["wrong-password"].result()
    assert ended.lines == []
    assert "org.apache.kafka.common.errors.SaslAuthenticationException" in ended.stderr


def _unconditional(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("area", "population")}
