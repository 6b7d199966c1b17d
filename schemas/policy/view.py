"""The schema of a view: the envelope and the items that a policy keeps, and nothing else.

What is dropped is absent from the schema, not null, and no default is ever applied: a default or an
alias would let a reader's schema put something where the policy let nothing through. Only the
default null of an item that came with a later version (`schemas.evolution`) is known, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.errors import InvalidPolicy
from schemas.policy.actions import Keep
from schemas.policy.change_event import change_event
from schemas.policy.policy import Policy
from schemas.policy.rows import ENVELOPE
from schemas.policy.schema_reading import (
    NAMED,
    PRIMITIVES,
    Json,
    full_name,
    namespace_of,
    read_record,
    resolve,
)

_INNER = {"array": "items", "map": "values"}


def view_schema(
    policy: Policy, writer_schema: Mapping[str, object], *, key_item: str
) -> dict[str, object]:
    """Give the schema that the records of a policy's view are written with.

    The record keeps its name and the order of its fields. A named type that a dropped item defined
    is defined where a kept item uses it first.

    Args:
        policy: what is let through.
        writer_schema: the schema of the resource's change events.
        key_item: the item that is the records' key.

    Raises:
        InvalidPolicy: the schema has not the shape of a change event, the policy names an item that
            it doesn't have, drops the key item, filters rows by another one, or keeps something
            with an alias, or with a default other than a later item's null.
    """
    record = read_record(writer_schema)
    change_event(record, key_item)
    _check_items(policy, {field.name for field in record.fields}, key_item)
    kept = {ENVELOPE, *policy.items}
    view = dict(writer_schema)
    view["fields"] = [
        _without_null(field) for field in _fields(writer_schema) if field["name"] in kept
    ]
    return _Rewriting(writer_schema).define(view, "")


def _check_items(policy: Policy, fields: set[str], key_item: str) -> None:
    unknown = sorted(set(policy.items) - fields)
    if unknown:
        raise InvalidPolicy(
            "the policy keeps an item that the resource doesn't have",
            where=", ".join(unknown),
            remedy="The items are " + ", ".join(sorted(fields - {ENVELOPE})),
        )
    if key_item not in policy.items:
        raise InvalidPolicy(
            "the policy drops the key item, but every record carries its key",
            where=f"items.{key_item}",
            remedy=f"Keep {key_item}; views under pseudonymous keys come later",
        )
    if any(action != Keep() for _, action in policy.actions) or policy.audience:
        raise InvalidPolicy("masks and pseudonyms come later", where="items")
    for row in policy.rows:
        if row.item != key_item:
            raise InvalidPolicy(
                "rows can be filtered by the key item only, which decides deletes too",
                where=f"rows.item: {row.item}",
                remedy=f"Filter by {key_item}",
            )


class _Rewriting:
    """Writes parts of a schema again, each named type in full at its first use."""

    def __init__(self, schema: Json) -> None:
        self._definitions: dict[str, Mapping[str, object]] = {}
        self._collect(schema, "")
        self._defined: set[str] = set()

    def _collect(self, schema: Json, namespace: str) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._collect(branch, namespace)
        if not isinstance(schema, Mapping):
            return
        if schema["type"] in NAMED:
            name = full_name(schema, namespace)
            self._definitions[name] = schema
            # What isn't a record may carry an attribute of that name, which means nothing.
            for field in _fields(schema) if schema["type"] == "record" else ():
                self._collect(field["type"], namespace_of(name))
        elif schema["type"] in _INNER:
            self._collect(schema[_INNER[schema["type"]]], namespace)

    def write(self, schema: Json, namespace: str) -> Json:
        """Write a type into the given namespace."""
        if isinstance(schema, list):
            return [self.write(branch, namespace) for branch in schema]
        if isinstance(schema, str):
            return self._refer(schema, namespace)
        assert isinstance(schema, Mapping)
        kind = schema["type"]
        assert isinstance(kind, str)
        if kind in PRIMITIVES:
            return dict(schema)
        if kind in NAMED:
            return self._name(full_name(schema, namespace), namespace)
        if kind in _INNER:
            inner = _INNER[kind]
            return {**schema, inner: self.write(schema[inner], namespace)}
        return self._refer(kind, namespace)

    def _refer(self, reference: str, namespace: str) -> Json:
        if reference in PRIMITIVES:
            return reference
        return self._name(resolve(reference, namespace), namespace)

    def _name(self, name: str, namespace: str) -> Json:
        if name not in self._defined:
            space, _, simple = name.rpartition(".")
            definition = {**self._definitions[name], "name": simple, "namespace": space}
            return self.define(definition, namespace)
        if "." not in name and namespace:
            raise InvalidPolicy(
                "a type without a namespace can't be referred to from inside one",
                where=name,
                remedy="Give the type a namespace",
            )
        return name

    def define(self, definition: Mapping[str, object], enclosing: str) -> dict[str, object]:
        """Write a named type in full."""
        name = full_name(definition, enclosing)
        self._defined.add(name)
        _refuse(definition, "aliases", where=name)
        _refuse(definition, "default", where=name)
        namespace, _, simple = name.rpartition(".")
        written = {**definition, "name": simple}
        written.pop("namespace", None)
        if namespace != enclosing:
            written["namespace"] = namespace
        if definition["type"] == "record":
            written["fields"] = [
                self._field(field, name, namespace) for field in _fields(definition)
            ]
        return written

    def _field(self, field: Mapping[str, object], record: str, namespace: str) -> Json:
        for attribute in ("aliases", "default"):
            _refuse(field, attribute, where=f"{record}.{field['name']}")
        return {**field, "type": self.write(field["type"], namespace)}


def _fields(schema: Mapping[str, object]) -> list[Mapping[str, object]]:
    fields = schema.get("fields", [])
    assert isinstance(fields, list)
    return fields


def _without_null(item: Mapping[str, object]) -> Mapping[str, object]:
    branches = item["type"]
    if isinstance(branches, list) and branches[:1] == ["null"] and item.get("default", "") is None:
        return {name: value for name, value in item.items() if name != "default"}
    return item


def _refuse(part: Mapping[str, object], attribute: str, *, where: str) -> None:
    if attribute in part:
        raise InvalidPolicy(
            f"what a policy keeps must have no {attribute}",
            where=where,
            remedy="Take it out of the schema: it could stand in for what was not let through",
        )
