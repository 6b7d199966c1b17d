"""What the publisher refuses before anything is sent; no broker is there."""

from __future__ import annotations

from typing import Any

import pytest

from infra.clock import EventIds, system_clock
from infra.kafka.clients import Access
from producers.publisher import MAX_BYTES, Publisher
from schemas.catalogue import packaged_resource
from schemas.errors import InvalidRecord

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


@pytest.fixture
def publisher() -> Publisher:
    """A publisher whose broker is away; what it takes, it keeps."""
    contract, schema = packaged_resource(RESOURCE)
    access = Access("127.0.0.1:1", "department.civil-affairs", "none")
    return Publisher(
        access, contract, schema, 7, "civil-affairs", clock=system_clock, event_ids=EventIds()
    )


def test_a_record_that_the_bus_would_not_take_is_refused_here(publisher: Publisher) -> None:
    """Too large is told with the limit, before anything is sent, and never with the value."""
    publisher.upsert(ROW)
    with pytest.raises(InvalidRecord) as refusal:
        publisher.upsert({**ROW, "path": ["n" * 100] * (MAX_BYTES // 100)})
    assert refusal.value.reason == f"larger-than-{MAX_BYTES}-bytes"
    with pytest.raises(InvalidRecord):
        publisher.delete("4" * (MAX_BYTES + 1))
