"""The law of the projection, for records written with a later version of a resource's schema."""

from __future__ import annotations

import random

import pytest

from schemas.policy import Limits, reference, view_schema
from tests.unit.schemas.drawn_evolutions import good_versions
from tests.unit.stream_apps.projection_law import SCHEMA_ID, ByKernel, ByReference, Case


@pytest.mark.parametrize("seed", range(20))
def test_a_later_version_is_projected_by_the_law_and_its_view_has_no_default(seed: int) -> None:
    """An item that came later is let out, or dropped, like any other."""
    rng = random.Random(seed)
    drawing, versions = good_versions(rng, 3)
    schema = versions[-1]
    policy = drawing.policy(schema)
    view = view_schema(policy, schema, key_item="key")
    assert '"default"' not in str(view).replace("'", '"')
    case = Case(schema, Limits(), None, (policy,))
    law, kernel = ByReference(case), ByKernel(case)
    messages = [
        reference.frame(SCHEMA_ID) + drawing.payload(schema, policy, "abc") for _ in range(5)
    ]
    expected = [law.judge(b"abc", each) for each in messages]
    assert kernel.judge([b"abc"] * 5, messages)[0] == expected
    rows = [row for each in expected if isinstance(each, list) for row in each]
    assert len(rows) == len(messages)
    assert policy.rows or None not in rows
