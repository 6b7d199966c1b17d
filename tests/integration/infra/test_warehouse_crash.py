"""A warehouse under `kill -9`: what was answered is there, and nothing in part."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime

import pytest

from schemas.errors import Unavailable
from tests.integration.infra.conftest import WarehouseServer
from tests.integration.infra.running_warehouse import WRITER

pytestmark = pytest.mark.integration

ROWS = 2000
ROUNDS = 6
AT = datetime(2026, 11, 23, tzinfo=UTC)


def insert_until_it_dies(server: WarehouseServer, first: int) -> int:
    """Insert blocks one after the other; return the offset after the last that was answered."""
    client = server.as_user(WRITER)
    answered = first
    try:
        while True:
            rows = [(answered + i, AT, ["view"], [i]) for i in range(ROWS)]
            client.insert("facts", ("offset", "at", "views.view", "views.out"), rows)
            answered += ROWS
    except Unavailable:
        return answered


def test_an_insert_is_there_whole_or_not_at_all_after_kill_9(
    warehouse_server: WarehouseServer,
) -> None:
    """Whoever resumes after the largest stored offset loses nothing and doubles nothing."""
    chance = random.Random(20261123)
    answered = 0
    server = warehouse_server
    client = server.as_user(WRITER)
    client.execute(
        "CREATE TABLE facts (offset UInt64, at DateTime('UTC'),"
        " views Nested(view String, out UInt64))"
        " ENGINE = ReplacingMergeTree() PARTITION BY toYYYYMM(at) ORDER BY offset"
    )
    for _ in range(ROUNDS):
        killer = threading.Timer(chance.uniform(0.05, 0.8), server.process.kill)
        killer.start()
        answered = insert_until_it_dies(server, answered)
        killer.join()
        server.kill()
        server.start()
        [stored] = server.as_user(WRITER).query(
            "SELECT count() AS rows, uniqExact(offset) AS offsets, max(offset) + 1 AS next"
            " FROM facts"
        )
        in_flight = stored["rows"] - answered
        assert in_flight in {0, ROWS}
        assert stored["offsets"] == stored["rows"]
        assert stored["next"] == stored["rows"] or not stored["rows"]
        answered = stored["rows"]
    assert answered >= ROWS
