"""JSON that two readers could understand differently is refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidInput
from schemas.strict_json import DEPTH_LIMIT, read_json, write_json


def nested(levels: int) -> str:
    """Return a text of so many levels, the number inside included."""
    return "[" * (levels - 1) + "1" + "]" * (levels - 1)


@pytest.mark.parametrize(
    "text",
    ["1", '"行 𠀀 \\ud840\\udc00"', '{"b": [1.5, null], "a": {}}', nested(DEPTH_LIMIT)],
    ids=lambda text: text[:20],
)
def test_what_everybody_understands_is_read(text: str) -> None:
    """Reading gives what Python's own reader gives, and writing gives it back."""
    assert read_json(text) == json.loads(text)
    assert read_json(write_json(read_json(text))) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        '{"x": -Infinity}',
        "1e400",
        "1" * 5000,
        '{"a": 1, "a": 1}',
        '[{"a": {"b": 1, "b": 2}}]',
        '"\\ud800"',
        '{"\\udc00": 1}',
        '"\ud800"',
        nested(DEPTH_LIMIT + 1),
        nested(700),
        nested(100_000),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_what_only_some_understand_is_refused(text: str) -> None:
    """Doubled keys, numbers and characters that aren't, and depth end in one error, no crash."""
    with pytest.raises(InvalidInput, match="strict JSON") as caught:
        read_json(text)
    assert str(DEPTH_LIMIT) in caught.value.remedy


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a value or a refusal comes of a text."""
    with contextlib.suppress(InvalidInput):
        written: Any = write_json(read_json(text))
        assert read_json(written) == json.loads(text)
