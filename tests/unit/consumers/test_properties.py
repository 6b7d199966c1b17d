"""The file that is handed to a subscriber: whole, private, and one grant's only."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.properties import read_properties, write_properties
from infra.bus import Bus
from infra.home import Endpoints, Home
from infra.registry.address import RegistryAddress
from infra.secrets import Secrets
from infra.settings import Settings
from schemas.errors import InvalidInput
from schemas.ledger.acts import Purpose
from schemas.ledger.subjects import Grant
from schemas.policy import Policy

GRANT = Grant(
    id="g17",
    request="r9",
    subscriber="health",
    policy=Policy.kept("geography.division", ("code", "name")),
    purpose=Purpose("work_reference", "应急预案", "突发事件应对法"),
    conditions="",
    granted_at=datetime(2026, 1, 5, tzinfo=UTC),
)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    """A bus that was never started: addresses and secrets are all that is needed."""
    endpoints = Endpoints("x" * 22, 19092, 19093, 18081, 18123)
    return Bus(Home(tmp_path), endpoints, Secrets(bytes(32)), Settings())


def lines(file: Path) -> dict[str, str]:
    """Return a properties file as Java reads it."""
    pairs = (line.split("=", 1) for line in file.read_text().splitlines() if line[:1] != "#")
    return dict(pairs)


def test_what_was_written_is_read(bus: Bus) -> None:
    """A subscriber needs nothing but the file."""
    properties = read_properties(write_properties(bus, GRANT))
    assert (properties.grant, properties.topic) == ("g17", GRANT.view)
    assert properties.registry_url == "http://127.0.0.1:18081"
    assert properties.group_prefix == "grant-g17."
    assert properties.config == {
        "bootstrap.servers": "127.0.0.1:19092",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "grant.g17",
        "sasl.password": bus.secrets.password("grant.g17"),
        "group.id": "grant-g17.default",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
    }


def test_a_registry_that_demands_it_is_read_as_its_reader(bus: Bus) -> None:
    """In Confluent's keys, which are no settings of librdkafka; and the credential isn't shown."""
    reading = Settings(registry_reading_url="http://reader:p%3Aw@registry:8081")
    file = write_properties(replace(bus, settings=reading), GRANT)
    assert lines(file)["basic.auth.user.info"] == "reader:p:w"
    assert lines(file)["basic.auth.credentials.source"] == "USER_INFO"
    properties = read_properties(file)
    assert properties.registry == RegistryAddress("http://registry:8081", "reader", "p:w")
    assert not [key for key in properties.config if key.startswith("basic.auth")]
    assert "p:w" not in repr(properties)


def test_the_file_is_readable_by_its_owner_only(bus: Bus) -> None:
    """R5.4: whoever holds the file reads as the grant."""
    file = write_properties(bus, GRANT)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file == bus.home.path / "grants/g17/client.properties"


def test_a_java_client_finds_its_login(bus: Bus) -> None:
    """Java knows no sasl.username; its JAAS line holds the same credential."""
    found = lines(write_properties(bus, GRANT))
    password = bus.secrets.password("grant.g17")
    assert found["sasl.jaas.config"] == (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="grant.g17" password="{password}";'
    )


def test_the_file_holds_no_other_credential(bus: Bus) -> None:
    """R5.4: a grant's file gives away neither the department's password nor the master key."""
    text = write_properties(bus, GRANT).read_text()
    assert bus.secrets.password("department.health") not in text
    assert bus.secrets.master_key.hex() not in text


def test_writing_again_gives_the_same_file(bus: Bus) -> None:
    """A lost file is made anew: the credential follows from the grant."""
    first = write_properties(bus, GRANT).read_bytes()
    assert write_properties(bus, GRANT).read_bytes() == first


def test_comments_and_spaces_are_no_matter(bus: Bus) -> None:
    """People edit the file."""
    file = write_properties(bus, GRANT)
    expected = read_properties(file)
    file.write_text("# a = b\n\n" + file.read_text().replace("=", " = ", 3))
    assert read_properties(file) == expected


def test_a_certificate_that_lies_beside_the_file_is_found_from_anywhere(bus: Bus) -> None:
    """As in a kit; what is no file there stays as it is written, such as librdkafka's own words."""
    file = write_properties(bus, GRANT)
    text = file.read_text()
    for written, expected in (("ca.pem", str(file.parent / "ca.pem")), ("probe", "probe")):
        (file.parent / "ca.pem").touch()
        file.write_text(f"{text}ssl.ca.location={written}\n")
        assert read_properties(file).config["ssl.ca.location"] == expected


@pytest.mark.parametrize(
    "key", ["sharebus.grant", "sharebus.topic", "schema.registry.url", "bootstrap.servers",
            "security.protocol", "sasl.mechanism", "sasl.username", "sasl.password"]
)  # fmt: skip
def test_a_missing_key_is_named(bus: Bus, key: str) -> None:
    """A file that lost a line doesn't end in a silent client."""
    file = write_properties(bus, GRANT)
    kept = [line for line in file.read_text().splitlines() if not line.startswith(f"{key}=")]
    file.write_text("\n".join(kept))
    with pytest.raises(InvalidInput, match=f"{key} is missing") as caught:
        read_properties(file)
    assert caught.value.where == str(file)


def test_a_missing_file_says_who_writes_it(tmp_path: Path) -> None:
    """The remedy names the command."""
    with pytest.raises(InvalidInput) as caught:
        read_properties(tmp_path / "client.properties")
    assert "sharebus grants properties" in caught.value.remedy


def test_a_file_that_is_not_text_is_explained(tmp_path: Path) -> None:
    """Bytes of another kind are an error with the file's name."""
    (tmp_path / "client.properties").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="UTF-8"):
        read_properties(tmp_path / "client.properties")
