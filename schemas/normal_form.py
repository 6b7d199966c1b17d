"""One way of writing an Avro schema: what differs only in how it was put is written the same.

Attributes stand in a fixed order, a primitive type without attributes is its name, and a name is
written as short as its surroundings allow. Nothing is left out that means something to somebody:
documentation, aliases, defaults and attributes of one's own stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.policy.schema_reading import PRIMITIVES, full_name, namespace_of, resolve
from schemas.strict_json import read_json, write_json

_ORDER: Final = (
    *("type", "logicalType", "name", "namespace", "doc", "aliases", "order"),
    *("size", "symbols", "items", "values", "fields", "default"),
)
_DEFINED: Final = frozenset({"record", "error", "enum", "fixed"})


def normal_text(text: str) -> str:
    """Return a canonical text (`schemas.schema_text`) in the normal form, which is one as well.

    Raises:
        InvalidInput: a name is not one.
    """
    return write_json(_normal(read_json(text), ""))


def _normal(schema: Any, namespace: str) -> Any:
    if isinstance(schema, str):
        return schema if schema in PRIMITIVES else _short(resolve(schema, namespace), namespace)
    if isinstance(schema, list):
        return [_normal(branch, namespace) for branch in schema]
    kind = schema["type"]
    if not isinstance(kind, str) or not {"items", "values", "name", *_DEFINED} & {kind, *schema}:
        inner = _normal(kind, namespace)
        return inner if len(schema) == 1 else _ordered({**schema, "type": inner})
    made = dict(schema)
    for inner_name in ("items", "values"):
        if kind in ("array", "map") and inner_name in schema:
            made[inner_name] = _normal(schema[inner_name], namespace)
    if kind in _DEFINED:
        name = full_name(schema, namespace)
        own = namespace_of(name)
        made |= {"name": name.rpartition(".")[2]}
        made.pop("namespace", None)
        if own != namespace:
            made["namespace"] = own
        if "fields" in schema:
            made["fields"] = [
                _ordered({**field, "type": _normal(field["type"], own)})
                for field in schema["fields"]
            ]
    return _ordered(made)


def _short(name: str, namespace: str) -> str:
    return name.rpartition(".")[2] if namespace_of(name) == namespace else name


def _ordered(attributes: Mapping[str, Any]) -> dict[str, Any]:
    known = [name for name in _ORDER if name in attributes]
    return {name: attributes[name] for name in (*known, *sorted(attributes.keys() - set(_ORDER)))}
