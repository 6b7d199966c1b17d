"""The steps of a cut have an order; none begins before every broker shows the one before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar, cast

import pytest

from infra.kafka import access_control, cutting
from infra.kafka.clients import Access
from infra.kafka.cutting import cut_off
from infra.kafka.wire import Wire
from schemas.errors import Unavailable

T = TypeVar("T")
WHO = ["grant.g1", "grant.g2"]


class Brokers:
    """Three brokers, two of which show a change only when they are asked again; notes the steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[object] = []
        monkeypatch.setattr(cutting, "converse", self._converse)
        monkeypatch.setattr(Access, "admin", lambda _: None)
        for name in ("delete_all", "drop_user"):
            monkeypatch.setattr(
                access_control, name, lambda _, *who, step=name: self.steps.append((step, *who))
            )

    def _converse(self, _: Access, conversation: Callable[[Wire], Awaitable[T]], __: str) -> T:
        return asyncio.run(self._hold(conversation))

    async def _hold(self, conversation: Callable[[Wire], Awaitable[T]]) -> T:
        return await conversation(cast(Wire, self))

    async def ask(self, request: Any) -> Any:
        """Take quotas."""
        self.steps.append((type(request).__name__, *request._principals, request._limits))

        class Answer:
            entries = ((0, None, None),)

        return Answer

    async def wait_shown(self, requests: Collection[Any], _: Callable[[Any], bool]) -> None:
        """Note what every broker is asked."""
        self.steps.append([(type(each).__name__, each._principal) for each in requests])


def test_a_cut_has_an_order_that_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quota first, since a fetch that waits at a broker is asked for nothing else any more."""
    brokers = Brokers(monkeypatch)
    cut_off(Access("", "", ""), WHO)
    one_byte = {
        "consumer_byte_rate": 1,
        "producer_byte_rate": None,
        "request_percentage": 1e-6,
    }
    assert brokers.steps == [
        ("_Alter", *WHO, one_byte),
        [("_Describe", who) for who in WHO],
        ("delete_all", *WHO),
        [("_Acls", who) for who in WHO],
        ("drop_user", *WHO),
    ]


def test_a_broker_that_is_away_is_unavailable() -> None:
    """Provisioning then tries it again."""
    with pytest.raises(Unavailable):
        cut_off(Access("127.0.0.1:1", "nobody", "a-password-of-nobody"), WHO)
