"""A bus whose settings name another registry, which lets nobody in without a credential."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from consumers.properties import read_properties
from consumers.subscription import Subscription
from infra.registry.address import RegistryAddress
from infra.registry.client import RegistryClient
from schemas.errors import AccessDenied
from schemas.names import raw_topic, value_subject
from tests.integration.guarded_registry import guarded
from tests.integration.infra.registry_session import registry_on_a_broker
from tests.integration.infra.running_registry import PROVISIONER, READER
from tests.integration.running_bus import (
    LI,
    RESOURCE,
    SOURCE,
    RunningBus,
    finish,
    furnish,
    running_bus,
)
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a registry elsewhere that lets nobody in without a credential."""
    with (
        registry_on_a_broker(tmp_path_factory.mktemp("elsewhere")) as running,
        guarded(running.url, PROVISIONER, READER) as url,
    ):
        yield url


def url_as(url: str, user: tuple[str, str]) -> str:
    """Return the URL with a credential in it."""
    return url.replace("http://", f"http://{':'.join(quote(part, safe='') for part in user)}@")


@pytest.fixture(scope="module")
def bus_with_it(elsewhere: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBus]:
    """Return a bus that uses it, as an administrator and, for subscribers, as a reader."""
    home = tmp_path_factory.mktemp("home")
    (home / "settings.toml").write_text(
        f'registry_url = "{url_as(elsewhere, PROVISIONER)}"\n'
        f'registry_reading_url = "{url_as(elsewhere, READER)}"\n',
        "utf-8",
    )
    with running_bus(home) as running:
        furnish(running)
        yield running


def test_the_whole_bus_works_with_it_and_hands_out_a_reader_s_password_only(
    elsewhere: str, bus_with_it: RunningBus, tmp_path: Path
) -> None:
    """Publishing, granting and reading use it; the administrator's password is the bus's alone."""
    bus, rows = bus_with_it, townships("98", 20)
    assert "registry" not in bus.processes()
    with bus.publisher() as publisher:
        for row in rows:
            publisher.upsert(row)
    bus.wait_enforced()
    grant = bus.grant(LI, "自有注册中心")
    bus.wait_live(grant)
    handed = bus.properties_file(grant)
    text = handed.read_text("utf-8")
    assert f"schema.registry.url={elsewhere}\n" in text
    assert f"basic.auth.user.info={':'.join(READER)}\n" in text
    assert PROVISIONER[1] not in text
    with Subscription(bus.properties(grant), group="own-registry", until_end=True) as subscription:
        assert {record.key for record in subscription} == {row["code"] for row in rows}
    reader = RegistryClient(RegistryAddress(elsewhere, *READER))
    for topic in (raw_topic(RESOURCE, SOURCE), grant.view):
        assert reader.latest(value_subject(topic))[0] > 0

    # Whoever leaves the credential out is told so, and nobody writes it down.
    bare = tmp_path / "client.properties"
    kept = [line for line in text.splitlines() if "basic.auth" not in line]
    bare.write_text("\n".join(kept), "utf-8")
    with (
        Subscription(read_properties(bare), group="bare", until_end=True) as subscription,
        pytest.raises(AccessDenied, match="registry refuses"),
    ):
        list(subscription)
    logs = "".join(file.read_text("utf-8") for file in bus.home.folder("logs").glob("*.log"))
    assert logs
    for _, password in (PROVISIONER, READER):
        assert password not in logs
        assert quote(password, safe="") not in logs


def test_the_kit_s_program_reads_it_with_nothing_but_the_folder(
    bus_with_it: RunningBus, tmp_path: Path
) -> None:
    """Stock clients alone, with the credential that stands in the folder."""
    bus, rows = bus_with_it, townships("99", 5)
    grant = bus.grant(LI, "自有注册中心的资料包", ("code",))
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in rows:
            publisher.upsert(row)
    out = tmp_path / "kit"
    bus.cli("grants", "kit", grant.id, "--out", out)
    program = [sys.executable, "-I", str(out / "read_view.py"), str(len(rows))]
    process = subprocess.Popen(program, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told, err = finish(process)
    assert process.returncode == 0, err
    assert len(told.splitlines()) == len(rows)
