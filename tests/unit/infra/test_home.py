"""A bus's folder: private where secrets lie, whole files only, errors that say what to do."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from infra.home import Endpoints, Home, NodePorts, default_home, read_json, write_private
from schemas.errors import BusNotRunning, Unavailable

ENDPOINTS = Endpoints("x" * 22, 9092, 9093, 8081, 8123)


def mode(file: Path) -> int:
    """Return a file's permission bits."""
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("name", ["secrets", "profiles", "grants/g17", "run", "logs"])
def test_a_folder_is_private(tmp_path: Path, name: str) -> None:
    """R5.4: nobody else looks into a folder that may hold secrets."""
    assert mode(Home(tmp_path / "bus").folder(name)) == 0o700


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    """Asking for a folder twice is harmless."""
    home = Home(tmp_path)
    (home.folder("run") / "status.json").write_text("{}")
    assert (home.folder("run") / "status.json").exists()


def test_a_home_that_can_t_be_made_is_reported(tmp_path: Path) -> None:
    """The error names the folder and the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        Home(tmp_path / "file").folder("run")
    assert "SHAREBUS_HOME" in caught.value.remedy
    assert str(tmp_path / "file" / "run") in caught.value.problem


def test_every_thing_has_its_place(tmp_path: Path) -> None:
    """Logs, profiles, grants and the master key lie where the documentation says."""
    home = Home(tmp_path)
    assert home.master_key_file == tmp_path / "secrets/master.key"
    assert home.log_file("broker") == tmp_path / "logs/broker.log"
    assert home.profile_file("li") == tmp_path / "profiles/li.json"
    assert home.grant_folder("g17") == tmp_path / "grants/g17"


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """R5.4: 0600, whatever the umask, also where a file of wider mode stood."""
    file = tmp_path / "secret"
    file.write_text("before")
    file.chmod(0o666)
    before = os.umask(0)
    try:
        write_private(file, "after")
    finally:
        os.umask(before)
    assert (mode(file), file.read_text()) == (0o600, "after")


def test_a_file_is_replaced_and_never_rewritten(tmp_path: Path) -> None:
    """Who has the old file open reads it to its end; half a file is never seen."""
    file = tmp_path / "status.json"
    write_private(file, "old" * 10_000)
    with file.open() as reader:
        start = reader.read(3)
        write_private(file, "new")
        assert start + reader.read() == "old" * 10_000
    assert file.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    """What can't be put in place is taken away again, and reported."""
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(Unavailable, match="can't write"):
        write_private(target, "text")
    assert list(tmp_path.iterdir()) == [target]


def test_addresses_are_remembered(tmp_path: Path) -> None:
    """A second process finds the bus that the first one started."""
    Home(tmp_path / "bus").save_endpoints(ENDPOINTS)
    assert Home(tmp_path / "bus").endpoints() == ENDPOINTS
    Home(tmp_path / "bus").save_endpoints(replace(ENDPOINTS, broker_port=1))
    assert Home(tmp_path / "bus").endpoints().broker_port == 1


def test_every_address_is_on_loopback() -> None:
    """Nothing of an embedded bus is reached from another machine (R5.4)."""
    assert ENDPOINTS.bootstrap == "127.0.0.1:9092"
    assert ENDPOINTS.registry_url == "http://127.0.0.1:8081"
    assert ENDPOINTS.warehouse_url == "http://127.0.0.1:8123"


def test_three_nodes_are_remembered_and_all_are_bootstrap_servers(tmp_path: Path) -> None:
    """A client finds the cluster also while the first node is down."""
    three = replace(ENDPOINTS, further_nodes=(NodePorts(9093, 1), NodePorts(9094, 2)))
    Home(tmp_path).save_endpoints(three)
    assert Home(tmp_path).endpoints() == three
    assert three.bootstrap == "127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094"


def test_a_home_of_before_there_were_more_nodes_has_one(tmp_path: Path) -> None:
    """Its file doesn't name any."""
    old = {k: v for k, v in asdict(ENDPOINTS).items() if k != "further_nodes"}
    (tmp_path / "bus.json").write_text(json.dumps(old))
    assert Home(tmp_path).endpoints() == ENDPOINTS
    assert len(ENDPOINTS.nodes) == 1


def test_where_no_bus_was_started_the_remedy_is_to_start_one(tmp_path: Path) -> None:
    """A new user is told the command."""
    with pytest.raises(BusNotRunning) as caught:
        Home(tmp_path).endpoints()
    assert "sharebus up" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}", '{"cluster_id": "x"}', '{"more": 1}'])
def test_damaged_addresses_are_reported(tmp_path: Path, text: str) -> None:
    """A damaged file is named, not thrown as a Python error."""
    (tmp_path / "bus.json").write_text(text)
    with pytest.raises(Unavailable) as caught:
        Home(tmp_path).endpoints()
    assert caught.value.where == str(tmp_path / "bus.json")


def test_the_home_is_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHAREBUS_HOME, or .sharebus in the present folder; always an absolute path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAREBUS_HOME", raising=False)
    assert default_home().path == tmp_path / ".sharebus"
    monkeypatch.setenv("SHAREBUS_HOME", "")
    assert default_home().path == tmp_path / ".sharebus"
    monkeypatch.setenv("SHAREBUS_HOME", "other")
    assert default_home().path == tmp_path / "other"


def test_a_json_file_is_read(tmp_path: Path) -> None:
    """What was written privately is read back."""
    write_private(tmp_path / "a.json", '{"名": "民政部"}')
    assert read_json(tmp_path / "a.json") == {"名": "民政部"}
