"""Is this text an Avro schema, and what is its canonical form? Pure, and safe on hostile text.

fastavro's parser recurses in C and ends the process on deep nesting (measured: 50,000 levels), and
lets pass what Java's parser refuses (names out of form, a field twice, unions in unions); a schema
that a real registry could not read would stop it from taking over. So depth and size are bounded
first, and those rules are checked here (Avro 1.12 specification, "Schema Declaration").
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from infra.registry.refusal import ErrorCode, RegistryRefusal

SIZE_LIMIT = 2**20
"""Bytes of a schema's text; a record of the log must stay below the broker's message limit."""

DEPTH_LIMIT = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NAMED = frozenset({"record", "error", "enum", "fixed"})


def canonical(text: str) -> str:
    """Return the text without insignificant whitespace; equal texts share an id.

    Attributes keep their order and documentation stays: a schema is what its author wrote.

    Args:
        text: JSON.

    Raises:
        RegistryRefusal: INVALID_SCHEMA, when it is not an Avro schema or too large or deep.
    """
    if len(text) > SIZE_LIMIT:
        raise _invalid(f"it is longer than {SIZE_LIMIT} characters")
    try:
        schema = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        _check_depth(schema)
        compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        size = len(compact.encode())
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not JSON, or nested too deep") from error
    if size > SIZE_LIMIT:
        raise _invalid(f"it is longer than {SIZE_LIMIT} bytes")
    _check(schema)
    _parse(schema)
    return compact


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    # fastavro believes a schema that carries its own marks, and checks nothing.
    if len(found) != len(pairs) or any(key.startswith("__fastavro") for key in found):
        raise ValueError("a key is there twice, or reserved")
    return found


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


def _check_depth(schema: Any) -> None:
    level = [schema]
    for _ in range(DEPTH_LIMIT):
        if not level:
            return
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        level = below
    raise ValueError("nested too deep")


def _check(schema: Any) -> None:
    if isinstance(schema, list):
        kinds = [_kind(branch) for branch in schema]
        if not kinds or "union" in kinds:
            raise _invalid("a union is empty, or directly inside another")
        if any(count > 1 for kind, count in Counter(kinds).items() if kind not in _NAMED):
            raise _invalid("a union has two branches of one type")
        for branch in schema:
            _check(branch)
    elif isinstance(schema, dict):
        _check_complex(schema)


def _check_complex(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _NAMED:
        _check_names([schema.get("name"), schema.get("namespace", "")])
    if kind in ("record", "error"):
        fields = schema.get("fields")
        if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
            raise _invalid("a record has no list of fields")
        names = [field.get("name") for field in fields]
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise _invalid("a field has no name, or one that is not a name")
        if len(set(names)) != len(names):
            raise _invalid("a record has two fields of one name")
        for field in fields:
            _check(field.get("type"))
    elif kind == "fixed":
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise _invalid("a fixed type has no size")
    elif kind == "array":
        _check(schema.get("items"))
    elif kind == "map":
        _check(schema.get("values"))
    elif not isinstance(kind, str):
        _check(kind)


def _check_names(names: list[Any]) -> None:
    for name in names:
        if not isinstance(name, str) or not all(
            map(_NAME.fullmatch, filter(None, name.split(".")))
        ):
            raise _invalid("a name or namespace is not a name")


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    kind = schema.get("type") if isinstance(schema, dict) else schema
    return kind if isinstance(kind, str) else "complex"


def _parse(schema: Any) -> None:
    from fastavro import parse_schema

    try:
        parse_schema(schema)
    # fastavro raises KeyError, TypeError and more on malformed schemas: any of them is a refusal.
    except Exception as error:
        raise _invalid(f"it is not an Avro schema ({type(error).__name__})") from error


def _invalid(reason: str) -> RegistryRefusal:
    return RegistryRefusal(ErrorCode.INVALID_SCHEMA, f"The schema is refused: {reason}")
