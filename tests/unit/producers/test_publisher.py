"""What the publisher refuses before anything is sent; no broker is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import pytest

from infra.clock import EventIds, system_micros
from infra.kafka.clients import Access
from producers.publisher import FLUSH_TIMEOUT_S, INTERRUPTED_FLUSH_S, MAX_BYTES, Publisher
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidRecord
from schemas.policy import Match, RowFilter

P = TypeVar("P", bound=Publisher)
RESOURCE = "geography.division"
ROW: dict[str, Any] = {
    "code": "4401",
    "name": "广州市",
    "level": "prefecture",
    "parent": "44",
    "path": ["广东省", "广州市"],
    "area": None,
    "population": None,
}


class Impatient(Publisher):
    """Gives up at once what does not arrive, and keeps for how long it was to wait."""

    asked_s: float | None = None

    def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> int:
        """Flush with another patience."""
        self.asked_s = timeout_s
        return super().flush(0)


def publisher_of(kind: type[P], scope: RowFilter | None = None) -> P:
    """Return a publisher whose broker is away; what it takes, it keeps."""
    contract, schema = packaged_resource(RESOURCE)
    access = Access("127.0.0.1:1", "department.civil-affairs", "none")
    return kind(
        access, contract, schema, 7, "civil-affairs", scope=scope, clock=system_micros,
        event_ids=EventIds(),
    )  # fmt: skip


@pytest.fixture
def publisher() -> Publisher:
    """A publisher of all rows."""
    return publisher_of(Publisher)


def test_a_record_that_the_bus_would_not_take_is_refused_here(publisher: Publisher) -> None:
    """Too large is told with the limit, before anything is sent, and never with the value."""
    publisher.upsert(ROW)
    with pytest.raises(InvalidRecord) as refusal:
        publisher.upsert({**ROW, "path": ["n" * 100] * (MAX_BYTES // 100)})
    assert refusal.value.reason == f"larger-than-{MAX_BYTES}-bytes"
    with pytest.raises(InvalidRecord):
        publisher.delete("4" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("match", "values", "own"),
    [
        (Match.PREFIX, ("44", "3101", "11"), ["44", "4401", "3101", "310101", "11"]),
        (Match.IN, ("4401", "31"), ["4401", "31"]),
        (Match.PREFIX, ("5",), []),
    ],
)
def test_another_source_s_row_is_refused_here(
    match: Match, values: tuple[str, ...], own: list[str]
) -> None:
    """R5.3: who doesn't answer for a row neither states nor deletes it; told by item, no value."""
    scope = RowFilter("code", match, values)
    publisher = publisher_of(Publisher, scope)
    sent = 0

    def upsert(key: str) -> None:
        publisher.upsert({**ROW, "code": key})

    for key in ("11", "43", "44", "4401", "45", "31", "3100", "3101", "310101", "3102", "99"):
        assert (key in own) == scope.matches(key.encode())
        for send in (upsert, publisher.delete):
            if key in own:
                send(key)
                sent += 1
                continue
            with pytest.raises(InvalidRecord) as refusal:
                send(key)
            assert (refusal.value.reason, refusal.value.where) == ("foreign-row", "code")
            assert key not in str(refusal.value).replace("code", "")
    assert publisher.sent == sent


def test_what_was_not_sent_is_told_with_what_ended_the_block() -> None:
    """The broker is away: the error that ended it stands, and says how many events are lost."""
    publisher = publisher_of(Impatient)
    with pytest.raises(InvalidRecord) as refusal:
        _send_all(publisher, [ROW] * 3 + [{**ROW, "level": "village"}])
    assert refusal.value.where == "level"
    [told] = refusal.value.__notes__
    assert "3 of 3 events were not delivered" in told
    assert publisher.asked_s == FLUSH_TIMEOUT_S


def test_who_interrupts_need_not_wait_long() -> None:
    """What has not arrived within a moment is told on the interruption."""
    publisher = publisher_of(Impatient)
    with pytest.raises(KeyboardInterrupt) as interruption:
        _send_all(publisher, _interrupted_behind(ROW))
    [told] = interruption.value.__notes__
    assert "1 of 1 events were not delivered" in told
    assert publisher.asked_s == INTERRUPTED_FLUSH_S


def _interrupted_behind(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield row
    raise KeyboardInterrupt


def _send_all(publisher: Publisher, rows: Iterable[dict[str, Any]]) -> None:
    with publisher:
        for row in rows:
            publisher.upsert(row)
