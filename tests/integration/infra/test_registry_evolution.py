"""Versions, deletions and compatibility on a real broker, as stock Python clients meet them."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.registry.address import RegistryAddress
from infra.registry.client import RegistryClient
from schemas.errors import AccessDenied, InvalidInput
from tests.integration.infra.evolving_events import FIRST, HOSTILE, SECOND
from tests.integration.infra.registry_session import client, registry_on_a_broker
from tests.integration.infra.running_registry import (
    PROVISIONER,
    READER,
    WRITER,
    RunningRegistry,
)
from tests.unit.schemas.drawn_evolutions import good_versions

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Return a registry that the tests of this file share."""
    with registry_on_a_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


def text(schema: object) -> Schema:
    """Return a schema as Confluent's client takes it."""
    return Schema(json.dumps(schema), "AVRO")


def raw(registry: RunningRegistry, user: tuple[str, str] | None = WRITER) -> httpx.Client:
    """Return a plain HTTP client."""
    return httpx.Client(base_url=registry.url, trust_env=False, auth=user)


def test_stock_serializers_of_two_versions_read_each_other(registry: RunningRegistry) -> None:
    """AvroSerializer registers version 2 by itself; each version's reader reads the other's."""
    context = SerializationContext("evolving", MessageField.VALUE)
    envelope = {"event_id": uuid.UUID(int=7).bytes, "sequence": 1, "source": "a",
                "resource": "b.c", "occurred_at": 0}  # fmt: skip
    value = {"envelope": envelope, "code": "110000", "area": None}
    texts = [json.dumps(FIRST), json.dumps(SECOND)]
    written = [AvroSerializer(client(registry.url), each)(value, context) for each in texts]
    assert client(registry.url, None).get_versions("evolving-value") == [1, 2]
    for message in written:
        for reader, expected in zip(texts, [{}, {"name": None}], strict=True):
            read = AvroDeserializer(client(registry.url, None), reader)(message, context)
            assert {**read, "envelope": ...} == {**value, "envelope": ..., **expected}


@pytest.mark.parametrize("subject", ["trial-value", "raw.test.trial-value"])
def test_hostile_evolutions_are_refused_with_the_reason(
    registry: RunningRegistry, subject: str
) -> None:
    """Both by registering and by asking, on the bus's own subject and on one to try things out."""
    writer = client(registry.url, PROVISIONER if subject.startswith("raw.") else WRITER)
    anybody = client(registry.url, None)
    assert anybody.test_compatibility_all_versions(subject, text(FIRST))
    writer.register_schema(subject, text(FIRST))
    assert anybody.test_compatibility(subject, text(SECOND))
    writer.register_schema(subject, text(SECOND))
    for reason, schema in HOSTILE.items():
        with pytest.raises(SchemaRegistryError, match=reason) as caught:
            writer.register_schema(subject, text(schema))
        assert (caught.value.http_status_code, caught.value.error_code) == (409, 409)
        for version in (1, "latest"):
            assert not anybody.test_compatibility(subject, text(schema), version)
        assert not anybody.test_compatibility_all_versions(subject, text(schema))
        path = f"/compatibility/subjects/{subject}/versions/1?verbose=True"
        with raw(registry, None) as plain:
            answer = plain.post(path, json={"schema": json.dumps(schema)}).json()
        assert any(line.startswith(reason) for line in answer["messages"])
    assert anybody.get_versions(subject) == [1, 2]


def test_200_good_evolutions_are_accepted(registry: RunningRegistry) -> None:
    """A stock client asks, then registers each version; then all of them are there."""
    asking, writer = client(registry.url, None), client(registry.url, PROVISIONER)
    for seed in range(200):
        subject = f"raw.test.good{seed}-value"
        rng = random.Random(seed)
        _, versions = good_versions(rng, rng.randrange(2, 5))
        texts = list(dict.fromkeys(json.dumps(schema) for schema in versions))
        for each in texts:
            offered = Schema(each, "AVRO")
            assert asking.test_compatibility_all_versions(subject, offered), (seed, each)
            writer.register_schema(subject, offered)
        assert asking.get_versions(subject) == list(range(1, len(texts) + 1))
        for number, each in enumerate(texts, 1):
            held = asking.get_version(subject, number)
            assert json.loads(held.schema.schema_str or "") == json.loads(each)


def test_a_hostile_first_version_is_refused_too(registry: RunningRegistry) -> None:
    """An alias, a default or a recursion never gets a foothold under the bus's subjects."""
    writer = client(registry.url, PROVISIONER)
    for reason, schema in HOSTILE.items():
        if reason.startswith(("ALIAS", "DEFAULT", "RECURSIVE")):
            with pytest.raises(SchemaRegistryError, match=reason):
                writer.register_schema("raw.test.hostile-value", text(schema))
    assert "raw.test.hostile-value" not in client(registry.url, None).get_subjects()


def test_other_subjects_are_fully_transitive(registry: RunningRegistry) -> None:
    """What Avro allows in both directions and against every version is taken, nothing else."""
    writer, subject = client(registry.url), "plain-value"

    def record(*fields: dict[str, Any]) -> Schema:
        return text({"type": "record", "name": "Plain", "fields": list(fields)})

    key = {"name": "key", "type": "string", "aliases": ["id"]}
    one = {"name": "one", "type": "int", "default": 1}
    as_text = {"name": "one", "type": "string", "default": ""}
    writer.register_schema(subject, record(key, one))
    writer.register_schema(subject, record(key))
    assert writer.test_compatibility(subject, record(key, as_text))
    with pytest.raises(SchemaRegistryError, match=r"TYPE_MISMATCH at one.*version 1"):
        writer.register_schema(subject, record(key, as_text))
    assert not writer.test_compatibility(subject, record(key, {"name": "x", "type": "int"}))


def test_subjects_are_written_by_those_who_may(registry: RunningRegistry) -> None:
    """Provisioning under the bus's subjects, the operator under others, nobody else anywhere."""
    for user, subject, status in [
        (WRITER, "raw.test.mine-value", 403),
        (WRITER, "view.test.mine.0-value", 403),
        (PROVISIONER, "mine-value", 403),
        (READER, "mine-value", 403),
        (None, "mine-value", 401),
    ]:
        with pytest.raises(SchemaRegistryError) as caught:
            client(registry.url, user).register_schema(subject, text("string"))
        assert caught.value.http_status_code == status
        with raw(registry, user) as plain:
            assert plain.delete(f"/subjects/{subject}").status_code == status
            level = {"compatibility": "FULL_TRANSITIVE"}
            assert plain.put(f"/config/{subject}", json=level).status_code == status


def test_a_deletion_hides_and_ids_stay(registry: RunningRegistry) -> None:
    """Softly deleted versions can still be seen and read; nothing is deleted for ever."""
    writer, subject = client(registry.url), "deleted-value"
    first = writer.register_schema(subject, text({"type": "fixed", "name": "Gone", "size": 3}))
    second = writer.register_schema(
        subject, text({"type": "fixed", "name": "Gone", "size": 3, "doc": "x"})
    )
    assert writer.delete_version(subject, 1) == 1
    assert writer.get_versions(subject) == [2]
    assert writer.get_versions(subject, deleted=True) == [1, 2]
    assert writer.get_versions(subject, deleted_only=True) == [1]
    with raw(registry) as plain:
        again = plain.delete(f"/subjects/{subject}/versions/1")
        assert (again.status_code, again.json()["error_code"]) == (404, 40406)
        forever = plain.delete(f"/subjects/{subject}?permanent=true")
        assert (forever.status_code, forever.json()["error_code"]) == (422, 42205)
        assert "messages" in forever.json()["message"]
    assert writer.delete_subject(subject) == [2]
    with raw(registry) as plain:
        assert plain.delete(f"/subjects/{subject}").json()["error_code"] == 40404
        assert plain.delete("/subjects/never").json()["error_code"] == 40401
    reader = client(registry.url, None)
    assert subject not in reader.get_subjects()
    assert subject in reader.get_subjects(deleted=True)
    assert subject in reader.get_subjects(deleted_only=True)
    assert reader.get_schema(first).schema_str
    assert [each.version for each in reader.get_schema_versions(second, deleted=True)] == [2]
    assert reader.get_subjects_by_schema_id(second) == []
    third = client(registry.url).register_schema(
        subject, text({"type": "fixed", "name": "Gone", "size": 3})
    )
    assert (third, reader.get_latest_version(subject).version) == (first, 3)
    registry.stop()
    registry.start()
    after = client(registry.url, None)
    assert after.get_versions(subject, deleted=True) == [1, 2, 3]
    assert after.get_versions(subject) == [3]


def test_normalizing_finds_a_schema_in_other_words(registry: RunningRegistry) -> None:
    """With `normalize` the order of attributes makes no new version, and lookup finds it."""
    writer, subject = client(registry.url), "normalized-value"
    schema_id = writer.register_schema(
        subject, Schema('{"type":"fixed","name":"a.N","size":2}', "AVRO")
    )
    other = Schema('{"size":2,"name":"N","namespace":"a","type":"fixed"}', "AVRO")
    assert writer.register_schema(subject, other, normalize_schemas=True) == schema_id
    assert writer.lookup_schema(subject, other, normalize_schemas=True).version == 1
    with pytest.raises(SchemaRegistryError):
        client(registry.url).lookup_schema(subject, other)
    assert writer.get_versions(subject) == [1]


def test_only_full_transitive_can_be_set(registry: RunningRegistry) -> None:
    """It is answered for every subject, can be set again, and no other level is taken."""
    writer = client(registry.url)
    assert writer.get_compatibility("nobody-s-value") == "FULL_TRANSITIVE"
    for subject in ("level-value", None):
        answer: Any = writer.set_compatibility(subject, "FULL_TRANSITIVE")
        assert answer == {"compatibility": "FULL_TRANSITIVE"}
        for level in ("NONE", "BACKWARD", "nonsense"):
            with pytest.raises(SchemaRegistryError, match="FULL_TRANSITIVE") as caught:
                writer.set_compatibility(subject, level)
            assert caught.value.error_code == 42203
    assert writer.get_config("level-value").compatibility_level == "FULL_TRANSITIVE"
    assert writer.get_mode("level-value") == writer.get_global_mode() == "READWRITE"


def test_every_way_of_asking_has_an_answer(registry: RunningRegistry) -> None:
    """Raw texts, uses of an id, references, contexts; what isn't there is 404."""
    writer, subject = client(registry.url), "asked-value"
    schema = {"type": "fixed", "name": "Asked", "size": 5}
    schema_id = writer.register_schema(subject, text(schema))
    with raw(registry, None) as plain:
        for path in (f"/schemas/ids/{schema_id}/schema", f"/subjects/{subject}/versions/1/schema"):
            assert plain.get(path).json() == schema
        uses = plain.get(f"/schemas/ids/{schema_id}/versions?subject={subject}").json()
        assert uses == [{"subject": subject, "version": 1}]
        assert plain.get(f"/subjects/{subject}/versions/1/referencedby").json() == []
        assert plain.get("/contexts").json() == ["."]
        checking = "/compatibility/subjects/none/versions/latest"
        answer = plain.post(checking, json={"schema": '"int"'})
        assert (answer.status_code, answer.json()["error_code"]) == (404, 40401)
        answer = plain.post(f"/compatibility/subjects/{subject}/versions/9", json=text_of(schema))
        assert answer.json()["error_code"] == 40402
        answer = plain.post(f"/compatibility/subjects/{subject}/versions", json={"schema": "{"})
        assert answer.json()["error_code"] == 42201
        topic = plain.get("/associations/resources/-/topic")
        assert (topic.status_code, topic.json()["error_code"]) == (404, 404)
        for path in ("/schemas/ids/٣", "/schemas/ids/x", f"/schemas/ids/{schema_id}/none"):
            assert plain.get(path).status_code == 404


def text_of(schema: object) -> dict[str, str]:
    """Return the body that offers a schema."""
    return {"schema": json.dumps(schema)}


def test_the_bus_s_own_client_keeps_the_rules_by_itself(registry: RunningRegistry) -> None:
    """It judges before it registers, so a registry that knows only Avro's rules will do."""
    bus = RegistryClient(RegistryAddress(registry.url, *PROVISIONER))
    subject = "raw.test.own-value"
    first = bus.register(subject, FIRST)
    second = bus.register(subject, SECOND)
    assert bus.latest(subject) == (second, SECOND)
    assert bus.register(subject, FIRST) == first
    for reason, schema in HOSTILE.items():
        with pytest.raises(InvalidInput, match=reason) as caught:
            bus.register(subject, schema)
        assert caught.value.where == subject
    with pytest.raises(AccessDenied):
        RegistryClient(RegistryAddress(registry.url, *READER)).register("other", FIRST)
