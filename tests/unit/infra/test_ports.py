"""Ports are kept, so that handed-out files stay valid, unless somebody else has one now."""

from __future__ import annotations

import socket
from dataclasses import fields
from pathlib import Path

from infra.bus import prepare_bus
from infra.home import Home


def test_a_port_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    """The file of a subscriber names the broker's."""
    first = prepare_bus(Home(tmp_path), "x" * 22).endpoints
    assert prepare_bus(Home(tmp_path), "y" * 22).endpoints == first


def test_only_a_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    """The bus starts nevertheless, and says where it is."""
    first = prepare_bus(Home(tmp_path), "x" * 22).endpoints
    with socket.create_server(("127.0.0.1", first.broker_port)):
        second = prepare_bus(Home(tmp_path), "x" * 22).endpoints
    changed = {f.name for f in fields(first) if getattr(first, f.name) != getattr(second, f.name)}
    assert changed == {"broker_port"}
    assert Home(tmp_path).endpoints() == second
