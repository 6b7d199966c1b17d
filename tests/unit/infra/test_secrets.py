"""Every secret follows from one key, and none shows in a text."""

from __future__ import annotations

import hmac
import stat
from pathlib import Path

import pytest

from infra.secrets import Secrets, load_secrets, make_master_key
from schemas.errors import BusNotRunning, Unavailable
from schemas.policy import Action, Audience, Keep, Policy, Pseudonym

KEY = bytes(range(32))
SECRETS = Secrets(KEY)


def test_a_password_follows_from_key_principal_and_version() -> None:
    """The same three give the same password; another one of them gives another."""
    password = SECRETS.password("grant.g1")
    assert password == Secrets(KEY).password("grant.g1", version=1)
    others = {
        Secrets(KEY[::-1]).password("grant.g1"),
        SECRETS.password("grant.g2"),
        SECRETS.password("grant.g1", version=2),
    }
    assert password not in others
    assert len(others) == 3


def test_a_password_is_safe_in_a_url_and_in_a_properties_file() -> None:
    """43 characters of URL-safe base64, no padding: 256 bits."""
    password = SECRETS.password("department.health")
    assert len(password) == 43
    assert set(password) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_a_principal_is_known_by_its_own_password_only() -> None:
    """R5.4: another's password, a part of it, or nothing doesn't do; nor does odd text crash."""
    password = SECRETS.password("grant.g1")
    assert SECRETS.authenticates("grant.g1", password)
    for wrong in (SECRETS.password("grant.g2"), password[:-1], f"{password}=", "", "密码"):
        assert not SECRETS.authenticates("grant.g1", wrong)


def test_a_signing_key_is_another_secret_than_the_password() -> None:
    """Whoever learns a password can't sign."""
    signing = SECRETS.signing_key("provisioning").private_bytes_raw()
    assert signing == Secrets(KEY).signing_key("provisioning").private_bytes_raw()
    assert signing != SECRETS.signing_key("operator").private_bytes_raw()
    assert signing not in (KEY, SECRETS.password("provisioning").encode())


def test_a_pseudonym_key_is_one_policy_s_and_one_version_s_alone() -> None:
    """R5.4: what one department is given can't be linked with what another one is."""

    def policy(department: str, version: int, *more: str) -> Policy:
        kept: list[tuple[str, Action]] = [(item, Keep()) for item in more]
        actions = (("code", Pseudonym()), *kept)
        return Policy("geography.division", actions, audience=Audience(department, version))

    policies = [
        policy("health", 1),
        policy("health", 2),
        policy("justice", 1),
        policy("health", 1, "name"),
    ]
    keys = [SECRETS.pseudonym_key(each) for each in policies]
    assert len(set(keys)) == len(policies)
    assert {len(key or b"") for key in keys} == {32}
    assert keys[0] == Secrets(KEY).pseudonym_key(policy("health", 1))
    assert keys[0] != Secrets(KEY[::-1]).pseudonym_key(policy("health", 1))
    label = f"sharebus/pseudonym/{policies[1].digest}/2"
    assert keys[1] == hmac.digest(KEY, label.encode(), "sha256")
    assert SECRETS.pseudonym_key(Policy.kept("geography.division", ["code"])) is None


def test_secrets_do_not_show_in_texts() -> None:
    """R5.4: a log line with the object in it tells nothing."""
    shown = f"{SECRETS} {SECRETS!r}"
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown


def test_a_master_key_is_made_private_and_random(tmp_path: Path) -> None:
    """R5.4: 0600 from its first moment, another one for each bus."""
    one, other = tmp_path / "one", tmp_path / "other"
    make_master_key(one)
    make_master_key(other)
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    assert len(load_secrets(one).master_key) == 32
    assert load_secrets(one) != load_secrets(other)


def test_a_master_key_that_is_there_stays(tmp_path: Path) -> None:
    """A second `up` doesn't lock everybody out."""
    file = tmp_path / "master.key"
    make_master_key(file)
    before = file.read_bytes()
    make_master_key(file)
    assert file.read_bytes() == before


def test_a_missing_master_key_means_that_no_bus_was_started(tmp_path: Path) -> None:
    """The remedy is the command that makes one."""
    with pytest.raises(BusNotRunning) as caught:
        load_secrets(tmp_path / "master.key")
    assert "sharebus up" in caught.value.remedy


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_master_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    """R5.4: fail closed, and say how to mend it."""
    file = tmp_path / "master.key"
    make_master_key(file)
    file.chmod(mode)
    with pytest.raises(Unavailable) as caught:
        load_secrets(file)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "00", "no hex", "00" * 31, "00" * 33, "密钥"])
def test_a_damaged_master_key_is_not_used(tmp_path: Path, text: str) -> None:
    """A short key would give weak passwords; the error doesn't quote it."""
    file = tmp_path / "master.key"
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
    with pytest.raises(Unavailable) as caught:
        load_secrets(file)
    assert caught.value.where == str(file)
    assert not text or text not in caught.value.problem
