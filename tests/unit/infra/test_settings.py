"""Settings: environment over file, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.home import Endpoints, Home, NodePorts
from infra.kafka.topics import LARGEST_BATCH_BYTES
from infra.settings import read_settings
from schemas.errors import InvalidInput
from schemas.policy import Limits


def test_without_settings_everything_is_embedded(tmp_path: Path) -> None:
    found = read_settings(Home(tmp_path))
    assert (found.kafka_properties, found.brokers, found.registry_url) == (None, 1, "")


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text('brokers = 3\nregistry_url = "http://a"\n')
    monkeypatch.setenv("SHAREBUS_REGISTRY_URL", "http://b")
    found = read_settings(Home(tmp_path))
    assert (found.brokers, found.registry_url) == (3, "http://b")


def test_a_home_keeps_the_number_of_brokers_that_it_was_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.save_endpoints(Endpoints("id", 1, 2, 3, 4, (NodePorts(5, 6), NodePorts(7, 8))))
    assert read_settings(home).brokers == 3
    monkeypatch.setenv("SHAREBUS_BROKERS", "3")
    assert read_settings(home).brokers == 3
    monkeypatch.setenv("SHAREBUS_BROKERS", "1")
    with pytest.raises(InvalidInput, match="made with 3 brokers and can't become one of 1"):
        read_settings(home)


@pytest.mark.parametrize("text", ["brokers = 2", "broker = 3", "brokers = 'many'", "brokers ="])
def test_a_setting_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(InvalidInput):
        read_settings(Home(tmp_path))


def test_a_home_keeps_the_number_of_workers_until_another_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    assert read_settings(home).workers == 1
    home.save_endpoints(Endpoints("id", 1, 2, 3, 4, workers=3))
    assert read_settings(home).workers == 3
    monkeypatch.setenv("SHAREBUS_WORKERS", "2")
    assert read_settings(home).workers == 2
    monkeypatch.setenv("SHAREBUS_WORKERS", "-1")
    with pytest.raises(InvalidInput, match="workers"):
        read_settings(home)


def test_limits_of_records_can_be_narrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them; what is not said keeps its default."""
    assert read_settings(Home(tmp_path)).limits == Limits()
    (tmp_path / "settings.toml").write_text("max_items = 7\nmax_depth = 3\n")
    monkeypatch.setenv("SHAREBUS_MAX_RECORD_BYTES", "1000")
    monkeypatch.setenv("SHAREBUS_MAX_OUTPUT_BYTES", "2000")
    assert read_settings(Home(tmp_path)).limits == Limits(7, 1000, 3, 2000)


@pytest.mark.parametrize("name", ["MAX_RECORD_BYTES", "MAX_OUTPUT_BYTES"])
def test_no_record_may_be_larger_than_a_topic_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker would refuse it, again and again."""
    most = max(Limits().max_record_bytes, Limits().max_output_bytes)
    assert most < LARGEST_BATCH_BYTES
    monkeypatch.setenv(f"SHAREBUS_{name}", str(LARGEST_BATCH_BYTES))
    with pytest.raises(InvalidInput, match=name.lower()):
        read_settings(Home(tmp_path))
