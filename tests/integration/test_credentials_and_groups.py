"""A grant's credential is rotated, and its groups are shown and set anew, on the real broker."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from consumers.properties import read_properties
from consumers.subscription import Subscription
from infra.kafka.access_control import has_user, permissions_of
from schemas.errors import GrantRevoked
from schemas.ledger.acts import Revoke
from schemas.ledger.subjects import CredentialStatus, GrantStatus
from schemas.names import grant_principal
from schemas.policy import Match, RowFilter
from tests.integration.running_bus import LI, ZHANG, RunningBus, finish, wait_for
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

PROVINCE = "62"
ROWS = townships(PROVINCE, 40)
FILTER = RowFilter("code", Match.PREFIX, (PROVINCE,))


def test_a_credential_is_rotated_with_an_overlap(bus: RunningBus, tmp_path: Path) -> None:
    """Both work during the overlap; then the old one is turned away; a revocation cuts all."""
    grant = bus.grant(LI, "rotation", ("code", "name"), FILTER)
    bus.wait_live(grant)
    old_file = tmp_path / "old.properties"
    old_file.write_bytes(bus.properties_file(grant).read_bytes())
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()

    said = bus.cli("grants", "rotate", grant.id, "--overlap", "8s", "--as", LI)
    assert "works until" in said.stderr
    old, new = read_properties(old_file), read_properties(Path(said.stdout.strip()))
    assert new.config["sasl.username"] == grant_principal(grant.id, 2)
    assert old.config["sasl.username"] == grant_principal(grant.id)
    for number, properties in enumerate((new, old)):
        with Subscription(properties, group=f"r{number}", until_end=True) as subscription:
            assert len(list(subscription)) == len(ROWS)

    wait_for(
        lambda: bus.state().grants[grant.id].credentials[0].status is CredentialStatus.DROPPED,
        "the overlap to end",
    )
    assert not has_user(bus.admin(), grant_principal(grant.id))
    assert not permissions_of(bus.admin(), grant_principal(grant.id))
    with (
        Subscription(old, group="r2", until_end=True) as subscription,
        pytest.raises(GrantRevoked),
    ):
        list(subscription)
    with Subscription(new, group="r3", until_end=True) as subscription:
        assert len(list(subscription)) == len(ROWS)

    bus.cli("grants", "rotate", grant.id, "--overlap", "1h", "--as", ZHANG)
    bus.act(ZHANG, Revoke(grant.id, "测试"))
    wait_for(lambda: bus.state().grants[grant.id].status is GrantStatus.ENDED, "the cut")
    assert not any(has_user(bus.admin(), grant_principal(grant.id, v)) for v in (1, 2, 3))


def test_a_group_is_shown_reset_and_replayed(bus: RunningBus, tmp_path: Path) -> None:
    """Only the group that is named moves, never under its readers, and the ledger records it."""
    grant = bus.grant(LI, "reset", ("code", "level"), FILTER)
    bus.wait_live(grant)
    with bus.publisher() as publisher:
        for row in ROWS:
            publisher.upsert(row)
    bus.wait_enforced()

    def lines(*more: str, group: str = "default") -> int:
        said = bus.cli("subscribe", "--grant", grant.id, "-e", "--group", group, *more)
        return len(said.stdout.splitlines())

    def groups() -> dict[str, int]:
        return {row["group"]: row["lag"] for row in bus.json("grants", "groups", grant.id)}

    first = lines()
    assert first >= len(ROWS)
    assert lines() == 0
    assert lines("--from", "start", group="replay-1") == first
    assert lines("--from", "2020-01-01T00:00:00+08:00", group="replay-1") == first
    assert lines("--from", "end", group="replay-1") == 0
    assert lines() == 0
    assert groups().keys() == {"default", "replay-1"}
    assert groups()["default"] <= 1  # the mark of a transaction at most

    reset = ("grants", "reset", grant.id, "--as", LI, "--to")
    moved = json.loads(bus.cli(*reset, "start", "-o", "json").stdout)
    assert [row["next offset"] for row in moved] == [0]
    assert groups()["default"] >= first
    assert lines() == first
    bus.cli(*reset, "2020-01-01T00:00:00+08:00")
    assert lines() == first
    bus.cli(*reset, "start")
    bus.cli(*reset, "end")
    assert lines() == 0
    assert len(bus.state().resets) >= 4

    reader = bus.start_cli("subscribe", "--grant", grant.id, "--out", tmp_path / "out.jsonl")
    try:
        wait_for(
            lambda: any(row["members"] for row in bus.json("grants", "groups", grant.id)),
            "a reader",
        )
        refused = bus.cli(*reset, "start", status=2)
    finally:
        reader.send_signal(signal.SIGINT)
        finish(reader)
    assert "somebody reads in the group" in refused.stderr
    assert "zone" in bus.cli(*reset, "2020-01-01T00:00:00", status=2).stderr
    assert "--group" in bus.cli("subscribe", "--grant", grant.id, "--from", "end", status=2).stderr
