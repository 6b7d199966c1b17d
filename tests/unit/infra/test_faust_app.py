"""The bus's Faust app where no broker is needed; with one: tests/integration/infra."""

from __future__ import annotations

import asyncio
from pathlib import Path

from faust.types import TP

from infra.kafka.clients import Access
from infra.kafka.faust_app import build_app


def test_an_app_says_once_that_it_is_ready(tmp_path: Path) -> None:
    """Every rebalance assigns partitions anew; that the process works is news the first time."""
    said: list[str] = []
    app = build_app(
        "follower",
        Access("127.0.0.1:1", "nobody", "a-password-of-nobody"),
        lambda assigned: dict.fromkeys(assigned, 0),
        tmp_path,
        lambda: said.append("ready"),
    )

    async def assign(*partitions: TP) -> None:
        await app.on_partitions_assigned.send(set(partitions))

    asyncio.run(assign())
    assert said == []
    for _ in range(3):
        asyncio.run(assign(TP("facts", 0)))
    assert said == ["ready"]
