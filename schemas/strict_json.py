"""JSON from outside, read strictly: what two readers could understand differently is refused.

Python's reader takes the last of two equal keys, NaN, numbers beyond any double, and half a
surrogate pair; others take something else or fail. And a value may lie so deep inside others that
whoever walks it exhausts a stack. None of that gets past here.
"""

from __future__ import annotations

import json
from typing import Any, Final

from schemas.errors import InvalidInput

DEPTH_LIMIT: Final = 100
"""How deep values may lie inside each other, the outermost included."""


def read_json(text: str) -> Any:
    """Return the value that a text says.

    Raises:
        InvalidInput: it is not JSON (RFC 8259), an object has a key twice, a number is not finite,
            a string is not Unicode text, or values lie more than `DEPTH_LIMIT` deep.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object)
        _check_depth(value)
        # Finds what JSON cannot say, numbers that only became infinite when read included.
        write_json(value).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            "it is not strict JSON, or nested too deep",
            remedy="Name each key once, use finite numbers and whole characters, and at most "
            f"{DEPTH_LIMIT} levels",
        ) from error
    return value


def write_json(value: Any) -> str:
    """Return the text of a value without insignificant whitespace; keys keep their order.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        if not below:
            return
        level = below
    raise ValueError("nested too deep")
