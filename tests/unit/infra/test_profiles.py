"""A person's profile: the signing key and the department's credential, in one private file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from infra.home import Home
from infra.kafka.clients import Access
from infra.kafka.cluster import Cluster
from infra.ledger.profiles import Profile, load_profile, prepare_profile, save_profile
from schemas.errors import InvalidInput, UnknownName
from schemas.ledger.signing import public_bytes

CLUSTER = Cluster(Access("127.0.0.1:9092", "admin", "the-administrator's"))
PROFILE = Profile("li", "health", bytes(range(32)), "a-department's-password")


def test_a_profile_is_kept_whole(tmp_path: Path) -> None:
    """What was saved at registration acts later."""
    save_profile(Home(tmp_path), PROFILE)
    loaded = load_profile(Home(tmp_path), "li")
    assert loaded == PROFILE
    assert public_bytes(loaded.key) == public_bytes(PROFILE.key)


def test_a_profile_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """R23: whoever holds the file acts as the person."""
    file = save_profile(Home(tmp_path), PROFILE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_profile_does_not_show_its_secrets() -> None:
    """R5.4: neither key nor password in a text."""
    shown = f"{PROFILE!r} {PROFILE.access(CLUSTER)!r}"
    assert PROFILE.password not in shown
    assert repr(PROFILE.signing_key) not in shown
    assert PROFILE.signing_key.hex() not in shown


def test_a_person_reaches_the_bus_as_the_department() -> None:
    """The broker knows departments; people are known by their signatures (R5.4)."""
    access = PROFILE.access(CLUSTER)
    assert (access.bootstrap, access.principal) == ("127.0.0.1:9092", "department.health")
    assert access.password == PROFILE.password
    assert PROFILE.group_prefix == "department-health."


def test_a_second_try_keeps_the_key_and_nothing_else(tmp_path: Path) -> None:
    """A mistyped department is not remembered; the ledger may know the key of the first try."""
    first = prepare_profile(Home(tmp_path), "li", "justice", "another password")
    second = prepare_profile(Home(tmp_path), "li", "health", PROFILE.password)
    assert second == Profile("li", "health", first.signing_key, PROFILE.password)
    assert load_profile(Home(tmp_path), "li") == second


def test_each_person_gets_a_key_of_their_own(tmp_path: Path) -> None:
    """R23: a signature is one person's."""
    people = ("li", "wang")
    keys = [prepare_profile(Home(tmp_path), person, "health", "p").key for person in people]
    assert public_bytes(keys[0]) != public_bytes(keys[1])


def test_a_key_that_others_can_read_is_not_used_again(tmp_path: Path) -> None:
    """R23: nor is the file written over, so that its owner can look into it."""
    file = save_profile(Home(tmp_path), PROFILE)
    file.chmod(0o644)
    with pytest.raises(InvalidInput, match="others"):
        prepare_profile(Home(tmp_path), "li", "justice", "another password")
    file.chmod(0o600)
    assert load_profile(Home(tmp_path), "li") == PROFILE


def test_a_missing_profile_is_told_with_those_there_are(tmp_path: Path) -> None:
    """A mistyped name is seen at once."""
    save_profile(Home(tmp_path), PROFILE)
    with pytest.raises(UnknownName) as caught:
        load_profile(Home(tmp_path), "wang")
    assert "Profiles here: li" in caught.value.remedy


def test_without_any_profile_the_remedy_is_to_register(tmp_path: Path) -> None:
    """A new user is told who makes one."""
    with pytest.raises(UnknownName) as caught:
        load_profile(Home(tmp_path), "li")
    assert "sharebus register person" in caught.value.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"signing_key": "no hex"},
        {"signing_key": "00" * 31},
        {"signing_key": None},
        {"password": ...},
        {"person": ...},
    ],
    ids=repr,
)
def test_a_damaged_profile_is_reported(tmp_path: Path, changes: dict[str, object]) -> None:
    """A missing part or a key of another length is found when it is loaded."""
    file = save_profile(Home(tmp_path), PROFILE)
    document = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({k: v for k, v in document.items() if v is not ...}))
    with pytest.raises(InvalidInput, match="damaged") as caught:
        load_profile(Home(tmp_path), "li")
    assert caught.value.where == str(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_profile_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """R23: whoever holds the file acts as the person."""
    file = save_profile(Home(tmp_path), PROFILE)
    file.chmod(mode)
    with pytest.raises(InvalidInput, match="others") as caught:
        load_profile(Home(tmp_path), "li")
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"null", b"3"])
def test_a_file_that_is_no_profile_is_reported(tmp_path: Path, content: bytes) -> None:
    """Any content is a profile or an error with the file's name."""
    save_profile(Home(tmp_path), PROFILE).write_bytes(content)
    with pytest.raises(InvalidInput, match="damaged"):
        load_profile(Home(tmp_path), "li")
