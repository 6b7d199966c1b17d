"""Can this schema be registered, and what is its canonical text? Pure, and safe on hostile text.

The ledger asks before it accepts a schema, the registry before it keeps one: one judgement, so that
whatever the ledger accepts the registry takes.

fastavro's parser recurses in C and ends the process on deep nesting (measured: 50,000 levels), and
lets pass what Java's parser refuses (names out of form, a field twice, unions in unions); a schema
that a real registry could not read would stop it from taking over. So depth and size are bounded
first, and those rules are checked here (Avro 1.12 specification, "Schema Declaration").
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from schemas.errors import InvalidInput
from schemas.strict_json import read_json, write_json

STORED_LIMIT: Final = 983_040
"""Bytes of a schema's text as the registry's log holds it: a JSON string, in UTF-8.

The broker takes batches of 1,048,588 bytes; the rest is room for key, subject and framing.
"""

NAME_LIMIT: Final = 256
"""Characters of a name or namespace: it is written out wherever a type is used again."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_NAMED = frozenset({"record", "error", "enum", "fixed"})


def canonical(text: str) -> str:
    """Return the text without insignificant whitespace; equal texts share an id.

    Attributes keep their order and documentation stays: a schema is what its author wrote.

    Args:
        text: JSON.

    Raises:
        InvalidInput: it is not an Avro schema, or too large or deep.
    """
    if len(text) > STORED_LIMIT:
        raise _invalid(f"it is longer than {STORED_LIMIT} characters")
    try:
        schema = read_json(text)
    except InvalidInput as error:
        raise _invalid(error.problem) from error
    compact = write_json(schema)
    if stored_size(compact) > STORED_LIMIT:
        raise _invalid(f"the registry's log holds {STORED_LIMIT} bytes, quotes escaped")
    if _is_marked(schema):
        raise _invalid("an attribute is reserved")
    _check(schema)
    _parse(schema)
    return compact


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a schema's canonical text; raises InvalidInput like `canonical`."""
    try:
        return canonical(write_json(schema))
    except (ValueError, RecursionError) as error:
        raise _invalid("it is not JSON, or nested too deep") from error


def stored_size(text: str) -> int:
    """Return the bytes that a text takes inside a record of the registry's log."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def _is_marked(schema: Any) -> bool:
    # fastavro believes a schema that carries its own marks, and checks nothing.
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if any(key.startswith("__fastavro") for key in node):
                return True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return False


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
        if len(name) > NAME_LIMIT:
            raise _invalid(f"a name or namespace is longer than {NAME_LIMIT} characters")


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


def _invalid(reason: str) -> InvalidInput:
    return InvalidInput(f"the schema can't be registered: {reason}")
