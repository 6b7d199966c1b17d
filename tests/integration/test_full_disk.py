"""A bus whose disk fills up says so, and goes on once there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running_bus import RunningBus, furnish, running_bus, wait_for
from tests.integration.synthetic_divisions import townships

pytestmark = pytest.mark.integration

SIZE_MB = 300


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("SKIPPED FOR WANT OF RIGHTS: there is no mount here, so no disk is filled")
    if mounted.returncode:
        pytest.skip(f"SKIPPED FOR WANT OF RIGHTS: no disk can be mounted here ({mounted.stderr})")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_status_tells_a_full_disk_and_the_bus_goes_on_when_there_is_room(small_disk: Path) -> None:
    """What was published before and after is all there."""
    with running_bus(small_disk / "home") as bus:
        furnish(bus)
        before, after = townships("95", 5), townships("96", 5)
        with bus.publisher() as publisher:
            for row in before:
                publisher.upsert(row)
        bus.wait_enforced()
        filler = small_disk / "filler"
        fill(filler)
        wait_for(lambda: "disk 100% full" in problems(bus)[0], "status to tell it")
        assert str(bus.home.path) in problems(bus)[0]
        filler.unlink()
        wait_for(lambda: bus.cli("status", status=None).returncode == 0, "the bus to go on")
        bus.forget_connections()
        with bus.publisher() as publisher:
            for row in after:
                publisher.upsert(row)
        bus.wait_enforced()
        held = {message.key() for message in bus.messages("accepted.geography.division")}
        assert len(held) == len(before) + len(after)


def fill(file: Path) -> None:
    """Write until there is no room left."""
    with file.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(1 << 16))
        except OSError:
            pass


def problems(bus: RunningBus) -> list[str]:
    """Return what `sharebus status` says is wrong, process by process."""
    return [row["problem"] for row in bus.json("status")]
