"""A kit goes into a folder of its own, and its README is in the subscriber's language."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.kit.writing import write_kit
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput
from schemas.policy import view_schema
from tests.unit.ledger_story import published


def write(folder: Path, properties: Path, text: str = "sasl.password=secret\n") -> None:
    """Write the kit of a grant of the story."""
    story = published()
    grant = story.state.grants[story.grant()]
    contract, schema = packaged_resource(grant.resource)
    view = view_schema(grant.policy, schema, key_item=contract.key)
    properties.write_text(text, "utf-8")
    write_kit(
        folder, story.state, grant, view, properties, "127.0.0.1:9092", "http://127.0.0.1", ()
    )


def test_no_old_file_is_handed_over(tmp_path: Path) -> None:
    """A folder that holds something stays as it is; the error says how to name another."""
    folder = tmp_path / "kit"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(InvalidInput, match="not empty") as caught:
        write(folder, tmp_path / "client.properties")
    assert "--out" in caught.value.remedy
    assert [file.name for file in folder.iterdir()] == ["old"]


def test_a_file_in_the_folder_s_place_is_told(tmp_path: Path) -> None:
    """Trying again would change nothing, so it is wrong input."""
    (tmp_path / "kit").touch()
    with pytest.raises(InvalidInput, match="a file stands where") as caught:
        write(tmp_path / "kit", tmp_path / "client.properties")
    assert "--out" in caught.value.remedy


def test_the_readme_names_the_purpose_as_the_rule_does(tmp_path: Path) -> None:
    """R12.4: 工作参考, not the word of the command line."""
    write(tmp_path / "kit", tmp_path / "client.properties")
    readme = (tmp_path / "kit" / "README.md").read_text("utf-8")
    assert "使用用途：工作参考" in readme
    assert "work_reference" not in readme


def test_a_kit_for_a_cluster_with_tls_holds_its_authority_and_no_key(tmp_path: Path) -> None:
    """The operator's path is of no use elsewhere; what stands beside a certificate is secret."""
    certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
    (tmp_path / "operator.pem").write_text(certificate + key + "remarks\n" + certificate)
    location = tmp_path / "operator.pem"
    text = f"a=b\nssl.ca.location={location}\nssl.truststore.location={location}\nc=d\n"
    kit = tmp_path / "kit"
    write(kit, tmp_path / "client.properties", text)
    assert (kit / "ca.pem").read_text() == certificate * 2
    told = (kit / "client.properties").read_text("utf-8")
    assert told == "a=b\nssl.ca.location=ca.pem\nssl.truststore.location=ca.pem\nc=d\n"
    assert "ca.pem" in (kit / "README.md").read_text("utf-8")


def test_an_authority_without_a_certificate_is_told(tmp_path: Path) -> None:
    """Its subscriber would find out later."""
    (tmp_path / "operator.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    text = f"ssl.ca.location={tmp_path / 'operator.pem'}\n"
    with pytest.raises(InvalidInput, match="no certificate"):
        write(tmp_path / "kit", tmp_path / "client.properties", text)


def test_a_kit_without_tls_says_nothing_of_an_authority(tmp_path: Path) -> None:
    """There is none to trust."""
    write(tmp_path / "kit", tmp_path / "client.properties")
    assert not (tmp_path / "kit" / "ca.pem").exists()
    assert "ca.pem" not in (tmp_path / "kit" / "README.md").read_text("utf-8")
