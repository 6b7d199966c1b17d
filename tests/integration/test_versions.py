"""An entry in two versions, on the real bus: registry, ledger and publishers know both."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from infra.ledger.profiles import load_profile
from producers.opening import open_publisher
from producers.publisher import Publisher
from schemas.codec import event_codec, load_event_schema, read_frame
from schemas.errors import CommandRefused
from schemas.ledger.acts import Purpose, Request
from schemas.ledger.subjects import Grant, GrantStatus
from schemas.names import accepted_topic, quarantine_topic, raw_topic, value_subject
from schemas.policy import Policy
from tests.integration.running_bus import LI, LIMIT_S, SOURCE, ZHANG, RunningBus, wait_for
from tests.unit.contract_documents import AREA, CODE, Document, item_with, lake_of

pytestmark = pytest.mark.integration

LAKE = "geography.lake"
REFUSED = 3
DEPTH: Document = item_with(AREA, share="unconditional", condition=None) | {
    "name": "depth",
    "businessName": "深度",
    "required": False,
}
TOPIC = raw_topic(LAKE, SOURCE)


def written(folder: Path, *later: Document) -> Path:
    """Write a version of the entry, as its department keeps it; return the contract's file."""
    folder.mkdir()
    fields = [
        {"name": "envelope", "type": load_event_schema("envelope")},
        {"name": "code", "type": "string"},
        {"name": "area", "type": "double"},
        *({"name": i["name"], "type": ["null", "double"], "default": None} for i in later),
    ]
    schema = {"type": "record", "name": "Lake", "namespace": "test", "fields": fields}
    (folder / "v1.avsc").write_text(json.dumps(schema), "utf-8")
    file = folder / "lake.yaml"
    file.write_text(json.dumps(lake_of(CODE, AREA, *later), ensure_ascii=False), "utf-8")
    return file


def publish(bus: RunningBus, file: Path, status: int = 0) -> str:
    """Publish a version; return everything that was said."""
    ended = bus.cli("catalogue", "publish", LAKE, "--file", file, "--as", ZHANG, status=status)
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def opened(bus: RunningBus) -> Publisher:
    """Return a publisher that is opened now."""
    return open_publisher(bus.bus, load_profile(bus.home, ZHANG), LAKE)


def granted(bus: RunningBus, *items: str) -> Grant:
    """Ask for items that are granted at once; return the live grant."""
    policy = Policy.kept(LAKE, items).canonical_json().decode()
    with bus.client(LI) as client:
        entry = client.send(Request(policy, Purpose("verification", "lakes", "测试")))
        name = f"g{entry.sequence}"
        state = client.wait_until(
            lambda now: now.grants[name].status is GrantStatus.ACTIVE, f"{name} to live", LIMIT_S
        )
    return state.grants[name]


def on_raw(bus: RunningBus) -> dict[str, tuple[int, dict[str, Any]]]:
    """Return what the source wrote: by key, schema id and items, as a stock client reads them."""
    registry = SchemaRegistryClient({"url": bus.bus.endpoints.registry_url})
    found = {}
    for message in bus.messages(TOPIC):
        number, payload = read_frame(message.value() or b"")
        schema = fastavro.parse_schema(json.loads(registry.get_schema(number).schema_str or ""))
        event: Any = fastavro.schemaless_reader(io.BytesIO(payload), schema, None)
        assert event.pop("envelope")["source"] == SOURCE
        found[(message.key() or b"").decode()] = number, event
    return found


def test_an_entry_gets_a_second_version(bus: RunningBus, tmp_path: Path) -> None:
    """R7: events of both lie on one topic, each under its own schema of one subject."""
    first, second = written(tmp_path / "1"), written(tmp_path / "2", DEPTH)
    assert f"published {LAKE}, version 1" in publish(bus, first)
    early = opened(bus)
    early.upsert({"code": "110000001", "area": 4.5})
    assert early.flush() == 1
    grant = granted(bus, "code")
    view = bus.state().views[grant.view]
    with pytest.raises(CommandRefused, match="depth"):
        granted(bus, "code", "depth")

    assert f"published {LAKE}, version 2" in publish(bus, second)
    assert "already-published" in publish(bus, second, REFUSED)
    told = publish(bus, first, REFUSED)
    assert "incompatible-schema" in told
    assert "ITEM_DROPPED at depth" in told

    late = opened(bus)
    late.upsert({"code": "110000002", "area": 6.0, "depth": 12.5})
    late.upsert({"code": "110000003", "area": 1.0, "depth": None})
    early.upsert({"code": "110000004", "area": 2.0})
    assert (late.flush(), early.flush()) == (2, 2)

    resource = bus.state().resources[LAKE]
    one, two = resource.written_with()
    assert [version.ready for version in resource.versions] == [True, True]
    assert on_raw(bus) == {
        "110000001": (one, {"code": "110000001", "area": 4.5}),
        "110000002": (two, {"code": "110000002", "area": 6.0, "depth": 12.5}),
        "110000003": (two, {"code": "110000003", "area": 1.0, "depth": None}),
        "110000004": (one, {"code": "110000004", "area": 2.0}),
    }
    registry = SchemaRegistryClient({"url": bus.bus.endpoints.registry_url})
    subject = value_subject(TOPIC)
    numbers = registry.get_versions(subject)
    known = [registry.get_version(subject, number).schema_id for number in numbers]
    assert (numbers, known) == ([1, 2], [one, two])

    held_by_views(bus, grant)
    assert bus.state().views[view.topic] == view
    assert registry.get_versions(value_subject(view.topic)) == [1]
    [row] = [row for row in bus.json("catalogue", "list") if row["resource"] == LAKE]
    assert row["versions"] == [f"1 (schema {one})", f"2 (schema {two})"]
    assert (row["items"], row["ready"]) == (3, True)
    assert "intact" in bus.cli("ledger", "verify").stdout


def held_by_views(bus: RunningBus, of_both: Grant) -> None:
    """A view has one schema, whatever its records were written with; what it can't have is told."""
    of_later = granted(bus, "code", "depth")
    wait_for(lambda: len(read(bus, of_later)) == 4, "the view to be filled, tombstones included")
    bus.wait_enforced()
    rows = [("110000001", 4.5), ("110000002", 6.0), ("110000003", 1.0), ("110000004", 2.0)]
    assert read(bus, of_both) == {code: {"code": code} for code, _ in rows}
    assert read(bus, of_later) == {
        "110000001": None,
        "110000002": {"code": "110000002", "depth": 12.5},
        "110000003": {"code": "110000003", "depth": None},
        "110000004": None,
    }
    codec = event_codec("quarantine")
    told = [codec.decode(m.value() or b"") for m in bus.messages(quarantine_topic(LAKE))]
    assert [(each["topic"], each["reason"]) for each in told] == [
        (accepted_topic(LAKE), "view-version")
    ] * 2


def read(bus: RunningBus, grant: Grant) -> dict[str, dict[str, Any] | None]:
    """Return what a view holds of each key, read with the one schema that its frames name."""
    registry = SchemaRegistryClient({"url": bus.bus.endpoints.registry_url})
    view, found = bus.state().views[grant.view], dict[str, dict[str, Any] | None]()
    schema = json.loads(registry.get_schema(view.schema_id).schema_str or "")
    parsed = fastavro.parse_schema(schema)
    for message in bus.messages(grant.view):
        key, value = (message.key() or b"").decode(), message.value()
        found[key] = None
        if value is not None:
            number, payload = read_frame(value)
            assert number == view.schema_id
            event: Any = fastavro.schemaless_reader(io.BytesIO(payload), parsed, None)
            del event["envelope"]
            found[key] = event
    return found
