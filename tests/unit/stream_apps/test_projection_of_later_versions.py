"""The law of the projection, for records written with a later version of a resource's schema."""

from __future__ import annotations

import random

import pytest

from schemas.policy import reference, view_schema
from tests.unit.schemas.drawn_evolutions import good_versions
from tests.unit.stream_apps.test_projection_law import by_kernel, by_reference


@pytest.mark.parametrize("seed", range(20))
def test_a_later_version_is_projected_by_the_law_and_its_view_has_no_default(seed: int) -> None:
    """An item that came later is let out, or dropped, like any other."""
    rng = random.Random(seed)
    drawing, versions = good_versions(rng, 3)
    schema = versions[-1]
    policy = drawing.policy(schema)
    view = view_schema(policy, schema, key_item="key")
    assert '"default"' not in str(view).replace("'", '"')
    messages = [
        reference.frame(5) + drawing.payload(schema, {*policy.items}, "abc") for _ in range(5)
    ]
    keys: list[bytes | None] = [b"abc"] * 5
    expected = [by_reference(policy, schema, key=b"abc", message=each) for each in messages]
    assert by_kernel(policy, schema, keys, messages) == expected
    assert any(isinstance(each, bytes) for each in expected) or policy.rows
