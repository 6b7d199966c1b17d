"""Where a registry is, and who may write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bus import Bus
from infra.home import Endpoints, Home
from infra.registry.address import RegistryAddress, parse_address
from infra.registry.writers import may_write
from infra.secrets import Secrets
from infra.settings import Settings
from schemas.errors import InvalidInput


def test_a_url_is_taken_apart_and_never_shows_its_password() -> None:
    """What is handed over has no credential."""
    found = parse_address("https://ad%40min:p%3Aw@registry.example:8081/api/", "HERE")
    assert found == RegistryAddress("https://registry.example:8081/api", "ad@min", "p:w")
    assert "p:w" not in repr(found)
    assert parse_address("http://[::1]:80", "HERE") == RegistryAddress("http://[::1]:80")


@pytest.mark.parametrize(
    "url", ["", "registry:8081", "ftp://a", "http://", "http://a:b", "http://u:secret@h:x/",
            "http://u@h", "http://h/?a=b", "http://h/#a"],
)  # fmt: skip
def test_another_url_is_refused_without_repeating_it(url: str) -> None:
    """The error names the setting and the form; the text may hold a password."""
    with pytest.raises(InvalidInput) as caught:
        parse_address(url, "SHAREBUS_REGISTRY_URL")
    assert caught.value.where == "SHAREBUS_REGISTRY_URL"
    assert "secret" not in str(caught.value)
    assert caught.value.remedy


def bus(registry_url: str = "", reading: str = "") -> Bus:
    """Return a bus that doesn't run."""
    endpoints = Endpoints("c", 1, 2, 3, 4)
    settings = Settings(registry_url=registry_url, registry_reading_url=reading)
    return Bus(Home(Path("unused")), endpoints, Secrets(bytes(32)), settings)


def test_the_bus_uses_its_own_registry_as_provisioning() -> None:
    """Without a setting readers need no credential, and provisioning has its own."""
    own = bus()
    assert own.registry == RegistryAddress("http://127.0.0.1:3")
    writer = own.registry_as("provisioning")
    assert (writer.url, writer.user) == ("http://127.0.0.1:3", "process.provisioning")
    assert writer.password == own.secrets.password("process.provisioning")


def test_the_bus_uses_the_registry_that_is_set() -> None:
    """The administrator's credential is used by the bus, and is not in the URL."""
    other = bus("http://admin:secret@host:8081")
    assert other.registry == other.registry_as("provisioning")
    assert other.registry == RegistryAddress("http://host:8081", "admin", "secret")


def test_subscribers_are_handed_a_reader_s_credential_or_none() -> None:
    """Never the administrator's."""
    admin = "http://admin:secret@host:8081"
    assert bus(admin).registry_of_subscribers == RegistryAddress("http://host:8081")
    reading = bus(admin, "https://reader:p%3Aw@outside/").registry_of_subscribers
    assert reading == RegistryAddress("https://outside", "reader", "p:w")
    with pytest.raises(InvalidInput) as caught:
        _ = bus(admin, "reader:p@outside").registry_of_subscribers
    assert caught.value.where == "SHAREBUS_REGISTRY_READING_URL"


def test_each_subject_has_one_writer() -> None:
    """Provisioning writes the bus's subjects, the operator all others, nobody else any."""
    provisioning, operator = "process.provisioning", "department.platform"
    for subject in ("raw.a.b-value", "view.a.b.0123-value", "accepted.a.b-value"):
        assert may_write(provisioning, subject)
        assert not may_write(operator, subject)
    for subject in ("trial-value", "rawish-value", ""):
        assert may_write(operator, subject)
        assert not may_write(provisioning, subject)
    for other in ("department.health", "grant.g1", "process.sink", "admin", ""):
        assert not any(may_write(other, subject) for subject in ("raw.a.b-value", "x", ""))
