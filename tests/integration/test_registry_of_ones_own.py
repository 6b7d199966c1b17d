"""A bus whose settings name another registry: everything of the bus goes there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from consumers.subscription import Subscription
from infra.registry.address import RegistryAddress
from infra.registry.client import RegistryClient
from schemas.names import raw_topic, value_subject
from tests.integration.infra.registry_session import registry_on_a_broker
from tests.integration.infra.running_registry import PROVISIONER, RunningRegistry
from tests.integration.running_bus import (
    LI,
    RESOURCE,
    SOURCE,
    RunningBus,
    furnish,
    running_bus,
)
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Return a registry on a broker of its own."""
    with registry_on_a_broker(tmp_path_factory.mktemp("elsewhere")) as running:
        yield running


@pytest.fixture(scope="module")
def bus_with_it(
    elsewhere: RunningRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBus]:
    """Return a bus that uses it, as an administrator whose password stands in the URL."""
    home = tmp_path_factory.mktemp("home")
    user, password = (quote(part, safe="") for part in PROVISIONER)
    url = elsewhere.url.replace("http://", f"http://{user}:{password}@")
    (home / "settings.toml").write_text(f'registry_url = "{url}"\n', "utf-8")
    with running_bus(home) as running:
        furnish(running)
        yield running


def test_the_whole_bus_works_with_it_and_hands_out_no_password(
    elsewhere: RunningRegistry, bus_with_it: RunningBus
) -> None:
    """Publishing, granting and reading use it, and the subscriber's file has its bare URL."""
    bus, rows = bus_with_it, townships("98", 20)
    assert "registry" not in bus.processes()
    with bus.publisher() as publisher:
        for row in rows:
            publisher.upsert(row)
    bus.wait_enforced()
    grant = bus.grant(LI, "自有注册中心")
    bus.wait_live(grant)
    handed = bus.properties_file(grant).read_text("utf-8")
    assert f"schema.registry.url={elsewhere.url}\n" in handed
    assert PROVISIONER[1] not in handed
    with Subscription(bus.properties(grant), group="own-registry", until_end=True) as subscription:
        assert {record.key for record in subscription} == {row["code"] for row in rows}
    reader = RegistryClient(RegistryAddress(elsewhere.url))
    for topic in (raw_topic(RESOURCE, SOURCE), grant.view):
        assert reader.latest(value_subject(topic))[0] > 0
