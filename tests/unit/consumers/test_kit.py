"""A kit goes into a folder of its own, and its README is in the subscriber's language."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumers.kit.writing import write_kit
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidInput
from schemas.policy import view_schema
from tests.unit.ledger_story import published


def write(folder: Path, properties: Path) -> None:
    """Write the kit of a grant of the story."""
    story = published()
    grant = story.state.grants[story.grant()]
    contract, schema = packaged_resource(grant.resource)
    view = view_schema(grant.policy, schema, key_item=contract.key)
    properties.write_text("sasl.password=secret\n", "utf-8")
    write_kit(folder, story.state, grant, view, properties, "127.0.0.1:9092", "http://127.0.0.1", ())


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
