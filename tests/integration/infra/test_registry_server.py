"""The registry on a real broker, as stock Confluent clients meet it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.kafka.topics import Topic
from infra.registry.store import SchemaStore
from schemas.errors import AccessDenied, InvalidInput, Unavailable
from schemas.schema_text import STORED_LIMIT, canonical, stored_size
from tests.integration.infra.running_broker import RunningBroker, running_broker
from tests.integration.infra.running_registry import (
    READER,
    WRITER,
    RunningRegistry,
    admitted,
    running_registry,
)

pytestmark = pytest.mark.integration

COMPACTED = {"cleanup.policy": "compact"}
TEXT = json.dumps(
    {
        "type": "record",
        "name": "Division",
        "namespace": "sharebus.geography",
        "doc": "行政区划",
        "fields": [
            {"name": "code", "type": "string"},
            {"name": "area", "type": ["null", "double"], "default": None},
        ],
    }
)
OTHER = json.dumps({"type": "record", "name": "Other", "fields": [{"name": "a", "type": "int"}]})
LEVEL = {"compatibilityLevel": "FULL_TRANSITIVE"}
VALUE = SerializationContext("serialized", MessageField.VALUE)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """Return a broker that the tests of this file share."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def registry(node: RunningBroker) -> Iterator[RunningRegistry]:
    """Return a registry that the tests of this file share."""
    with running_registry(admitted(node, Topic("_schemas", 1, COMPACTED))) as running:
        yield running


def client(
    registry: RunningRegistry, user: tuple[str, str] | None = WRITER
) -> SchemaRegistryClient:
    """Return Confluent's client."""
    credential = {} if user is None else {"basic.auth.user.info": ":".join(user)}
    return SchemaRegistryClient({"url": registry.url, "max.retries": 0, **credential})


def log_of(node: RunningBroker) -> list[tuple[Any, Any]]:
    """Return keys and values of `_schemas`, as JSON values."""
    consumer = Consumer(node.admin.config({"group.id": "check", "enable.partition.eof": True}))
    consumer.assign([TopicPartition("_schemas", 0, 0)])
    found: list[tuple[Any, Any]] = []
    while True:
        message = consumer.poll(30)
        assert message is not None
        if message.error():
            consumer.close()
            return found
        key, value = message.key(), message.value()
        assert key is not None
        found.append((json.loads(key), None if value is None else json.loads(value)))


def test_stock_serializer_and_deserializer_agree_through_it(registry: RunningRegistry) -> None:
    """AvroSerializer registers by itself; AvroDeserializer reads without any credential."""
    serialize = AvroSerializer(client(registry), TEXT)
    message = serialize({"code": "110000", "area": None}, VALUE)
    assert message is not None
    assert message[0] == 0
    deserialize = AvroDeserializer(client(registry, None))
    assert deserialize(message, VALUE) == {"code": "110000", "area": None}


def test_registering_is_idempotent_and_equal_texts_share_an_id(registry: RunningRegistry) -> None:
    """The same schema again, laid out otherwise or under another subject, has the same id."""
    writer = client(registry)
    first = writer.register_schema_full_response("idempotent-value", Schema(OTHER))
    writer.clear_caches()
    relaid = Schema(json.dumps(json.loads(OTHER), indent=2))
    again = writer.register_schema_full_response("idempotent-value", relaid)
    elsewhere = writer.register_schema_full_response("elsewhere-value", Schema(OTHER))
    assert (
        (again.schema_id, again.version)
        == (first.schema_id, first.version)
        == (
            elsewhere.schema_id,
            1,
        )
    )


def test_what_was_registered_is_found_every_way(registry: RunningRegistry) -> None:
    """By id, by version, as the latest, by its text, and in the lists."""
    subject = "a/b %subject 行-value"
    writer, reader = client(registry), client(registry, None)
    schema_id = writer.register_schema(subject, Schema(TEXT))
    latest = reader.get_latest_version(subject)
    assert (latest.subject, latest.version, latest.schema_id) == (subject, 1, schema_id)
    assert latest.schema.schema_str is not None
    assert json.loads(latest.schema.schema_str) == json.loads(TEXT)
    assert reader.get_version(subject, 1).schema_id == schema_id
    assert reader.lookup_schema(subject, Schema(TEXT)).version == 1
    assert reader.get_schema(schema_id).schema_str == latest.schema.schema_str
    assert reader.get_versions(subject) == [1]
    assert subject in reader.get_subjects()
    assert reader.get_subjects(subject_prefix="a/b", limit=1) == [subject]
    assert reader.get_compatibility(subject) == reader.get_compatibility() == "FULL_TRANSITIVE"


def test_a_second_version_that_does_not_fit_is_refused(registry: RunningRegistry) -> None:
    """Another schema under a subject is a conflict, and the first one stays."""
    writer = client(registry)
    schema_id = writer.register_schema("one-value", Schema(TEXT))
    with pytest.raises(SchemaRegistryError, match="NAME_MISMATCH") as caught:
        writer.register_schema("one-value", Schema(OTHER))
    assert (caught.value.http_status_code, caught.value.error_code) == (409, 409)
    assert client(registry).get_latest_version("one-value").schema_id == schema_id


def test_writing_needs_a_credential_that_may(registry: RunningRegistry) -> None:
    """Without a credential 401, with another's password 401, without the right to write 403."""
    for user, status in [(None, 401), ((WRITER[0], READER[1]), 401), (READER, 403)]:
        with pytest.raises(SchemaRegistryError) as caught:
            client(registry, user).register_schema("forbidden-value", Schema(TEXT))
        assert caught.value.http_status_code == status
    assert "forbidden-value" not in client(registry, None).get_subjects()


def test_failures_have_confluent_s_codes(registry: RunningRegistry) -> None:
    """Clients tell what is missing or wrong by the code."""
    reader = client(registry, None)
    client(registry).register_schema("codes-value", Schema(TEXT))
    with httpx.Client(base_url=registry.url, trust_env=False) as raw:
        codes = {
            raw.get("/subjects/none/versions").json()["error_code"]: 40401,
            raw.get("/subjects/codes-value/versions/9").json()["error_code"]: 40402,
            raw.get("/subjects/codes-value/versions/x").json()["error_code"]: 42202,
            raw.get("/schemas/ids/999").json()["error_code"]: 40403,
            raw.get("/associations/resources/-/topic").json()["error_code"]: 404,
            raw.put("/subjects/codes-value").json()["error_code"]: 405,
            raw.post("/subjects/codes-value", content="[").json()["error_code"]: 42201,
        }
        assert list(codes) == list(codes.values())
        media = raw.get("/subjects").headers["Content-Type"]
        assert media == "application/vnd.schemaregistry.v1+json"
        assert raw.get("/").json() == {}
    with pytest.raises(SchemaRegistryError) as caught:
        reader.lookup_schema("codes-value", Schema(OTHER))
    assert caught.value.error_code == 40403


@pytest.mark.parametrize(
    "body",
    [
        {"schema": "[" * 50_000 + '"int"' + "]" * 50_000},
        {"schema": '{"type":"array","items":' * 50_000 + '"int"' + "}" * 50_000},
        {"schema": "x" * 3_000_000},
        {"schema": json.dumps({"type": "string", "doc": '"' * 300_000})},
        {"schema": json.dumps({"type": "string", "x": [10**15] * 60_000})},
        {"schema": {"type": "string"}},
        {"schema": '"string"', "schemaType": "PROTOBUF"},
        {"schema": '"string"', "references": [{"name": "a", "subject": "b", "version": 1}]},
        {},
    ],
    ids=lambda body: str(body)[:40],
)
def test_a_hostile_or_foreign_schema_is_refused_and_the_registry_lives(
    registry: RunningRegistry, body: dict[str, Any]
) -> None:
    """Nothing that a writer sends ends the process."""
    with httpx.Client(base_url=registry.url, trust_env=False, auth=WRITER) as raw:
        answer = raw.post("/subjects/hostile-value/versions", json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (422, 42201)
        for subject in ("%00", ":.context:s", "x" * 301, "__GLOBAL"):
            answer = raw.post(f"/subjects/{subject}/versions", json={"schema": '"int"'})
            assert answer.json()["error_code"] == 42208
        assert "hostile-value" not in raw.get("/subjects").json()


def test_the_largest_schema_that_is_taken_fits_into_the_log(registry: RunningRegistry) -> None:
    """What the judgement lets through the broker takes, however much of it has to be escaped."""
    frame = stored_size(canonical('{"type":"string","doc":""}'))
    for character, size in (('"', 4), ("é", 2)):
        doc = character * ((STORED_LIMIT - frame) // size)
        text = json.dumps({"type": "string", "doc": doc}, ensure_ascii=False)
        subject = f"large-{size}-value"
        schema_id = client(registry).register_schema(subject, Schema(text))
        assert client(registry, None).get_latest_version(subject).schema_id == schema_id


def test_writers_at_the_same_time_get_one_id(registry: RunningRegistry) -> None:
    """Eight clients that register one new schema at once all get the same id."""
    text = Schema(json.dumps({"type": "fixed", "name": "Concurrent", "size": 3}))
    ids: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: ids.append(client(registry).register_schema("concurrent-value", text))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_a_restart_keeps_ids_and_the_log_is_a_stock_registry_s(
    node: RunningBroker, registry: RunningRegistry
) -> None:
    """After `kill -9` and after an orderly stop every id means what it meant."""
    schema_id = client(registry).register_schema("kept-value", Schema(TEXT))
    for end in (registry.kill, registry.stop):
        end()
        registry.start()
        found = client(registry, None).get_latest_version("kept-value")
        assert (found.schema_id, found.version) == (schema_id, 1)
        assert client(registry).register_schema("kept-value", Schema(TEXT)) == schema_id
    log = log_of(node)
    assert log.count(({"keytype": "CONFIG", "subject": None, "magic": 0}, LEVEL)) == 1
    kept = {"keytype": "SCHEMA", "subject": "kept-value", "version": 1, "magic": 1}
    [value] = [value for key, value in log if key == kept]
    assert {**value, "schema": ...} == {
        "subject": "kept-value",
        "version": 1,
        "id": schema_id,
        "schema": ...,
        "deleted": False,
    }


def test_the_log_of_a_stock_registry_is_taken_over(node: RunningBroker) -> None:
    """What another registry wrote is served, its oddities and one malformed record included."""
    access = admitted(node, Topic("_schemas_of_another", 1, COMPACTED))
    producer = Producer(access.config({"partitioner": "murmur2_random"}))
    key = '{"keytype":"SCHEMA","subject":"old-value","version":2,"magic":1}'
    value = {"subject": "old-value", "version": 2, "id": 41, "md5Hash": "…", "schema": '"string"'}
    for each_key, each_value in [
        ('{"keytype":"NOOP","magic":0}', None),
        ("not json", "x"),
        (key, json.dumps({**value, "deleted": False})),
    ]:
        producer.produce("_schemas_of_another", each_value, each_key)
    assert producer.flush(30) == 0
    with SchemaStore(access.config(), "_schemas_of_another") as store:
        assert store.state.version("old-value", None).id == 41
        assert store.register("new-value", '"int"').id == 42
        assert store.register("alias-value", '"string"').id == 41


def test_a_log_that_can_not_be_used_is_named_with_a_remedy(node: RunningBroker) -> None:
    """A missing topic, several partitions, a wrong password, no broker: each says what it is."""
    access = admitted(node, None)
    with pytest.raises(Unavailable, match="sharebus up"):
        SchemaStore(access.config(), "_schemas_missing").open()
    admitted(node, Topic("_schemas_of_two", 2, COMPACTED))
    with pytest.raises(InvalidInput, match="one partition"):
        SchemaStore(access.config(), "_schemas_of_two").open()
    with pytest.raises(AccessDenied):
        SchemaStore(access.config({"sasl.password": "wrong"})).open()
    with pytest.raises(Unavailable):
        SchemaStore(access.config({"bootstrap.servers": "127.0.0.1:1"}), patience_s=1).open()


def test_the_registry_outlives_its_broker(node: RunningBroker, registry: RunningRegistry) -> None:
    """While the broker is away schemas are read and writes fail; when it is back, both work."""
    text = Schema(json.dumps({"type": "fixed", "name": "Outage", "size": 4}))
    node.kill()
    with pytest.raises(SchemaRegistryError) as caught:
        client(registry).register_schema("outage-value", text)
    assert caught.value.http_status_code == 500
    assert "outage-value" not in client(registry, None).get_subjects()
    node.start()
    assert client(registry).register_schema("outage-value", text)
    assert registry.process.poll() is None
