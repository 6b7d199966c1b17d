"""The schema of a view: the envelope and what a policy lets through, and nothing else.

What is dropped is absent from the schema, not null, and no default is ever applied: a default or an
alias would let a reader's schema put something where the policy let nothing through. Only the
default null of an item that came with a later version (`schemas.evolution`) is known, and left out.
What is masked keeps its type. A record that is let through in part gets a name of its own, because
it may be whole elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.errors import InvalidPolicy
from schemas.policy.application import applied
from schemas.policy.condition_reading import conditions
from schemas.policy.policy import Policy
from schemas.policy.schema_reading import (
    NAMED,
    PRIMITIVES,
    Json,
    full_name,
    namespace_of,
    read_record,
    resolve,
)
from schemas.policy.shaping import Choice, Dropped, Entered, Repeated, Shaping

_INNER = {"array": "items", "map": "values"}


def view_schema(
    policy: Policy, writer_schema: Mapping[str, object], *, key_item: str
) -> dict[str, object]:
    """Give the schema that the records of a policy's view are written with.

    The change event keeps its name, and every record the order of its fields. A record that is let
    through in part is called `<name>_<path>`, the path's dots written as underscores, with more of
    them where that name is taken. A named type that a dropped item defined is defined where it is
    used first.

    Args:
        policy: what is let through.
        writer_schema: the schema of the resource's change events.
        key_item: the item that is the records' key.

    Raises:
        InvalidPolicy: `application.applied` or `condition_reading.conditions` refuse the policy, or
            it lets something through with an alias, or with a default other than a later item's
            null.
    """
    record = read_record(writer_schema)
    shaping = applied(policy, record, key_item)
    conditions(policy, record, key_item)
    fields = [_without_null(field) for field in _fields(writer_schema)]
    return _Rewriting(writer_schema).define({**writer_schema, "fields": fields}, "", shaping)


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

    def write(self, schema: Json, namespace: str, shaping: Shaping | None = None) -> Json:
        """Write a type into the given namespace, whole where nothing else is said."""
        if isinstance(schema, list):
            inner = shaping.branches if isinstance(shaping, Choice) else [None] * len(schema)
            return [
                self.write(branch, namespace, each)
                for branch, each in zip(schema, inner, strict=True)
            ]
        if isinstance(schema, str):
            return self._refer(schema, namespace, shaping)
        assert isinstance(schema, Mapping)
        kind = schema["type"]
        assert isinstance(kind, str)
        if kind in PRIMITIVES:
            return dict(schema)
        if kind in NAMED:
            return self._name(full_name(schema, namespace), namespace, shaping)
        if kind in _INNER:
            inner_name = _INNER[kind]
            below = _elements(shaping, kind)
            return {**schema, inner_name: self.write(schema[inner_name], namespace, below)}
        return self._refer(kind, namespace, shaping)

    def _refer(self, reference: str, namespace: str, shaping: Shaping | None) -> Json:
        if reference in PRIMITIVES:
            return reference
        return self._name(resolve(reference, namespace), namespace, shaping)

    def _name(self, name: str, namespace: str, shaping: Shaping | None) -> Json:
        space, _, simple = name.rpartition(".")
        if isinstance(shaping, Entered):
            simple = self._own_name(name, shaping.path).rpartition(".")[2]
        elif name in self._defined:
            if not space and namespace:
                raise InvalidPolicy(
                    "a type without a namespace can't be referred to from inside one",
                    where=name,
                    remedy="Give the type a namespace",
                )
            return name
        definition = {**self._definitions[name], "name": simple, "namespace": space}
        return self.define(definition, namespace, shaping)

    def _own_name(self, name: str, path: str) -> str:
        """Give a name that no type has for a record that is let through in part."""
        own = f"{name}_{path.replace('.', '_')}"
        while own in self._definitions or own in self._defined:
            own += "_"
        return own

    def define(
        self, definition: Mapping[str, object], enclosing: str, shaping: Shaping | None
    ) -> dict[str, object]:
        """Write a named type in full, or what a policy lets through of a record."""
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
            fields = _fields(definition)
            inner = shaping.fields if isinstance(shaping, Entered) else [None] * len(fields)
            written["fields"] = [
                self._field(field, name, namespace, each)
                for field, each in zip(fields, inner, strict=True)
                if not isinstance(each, Dropped)
            ]
        return written

    def _field(
        self, field: Mapping[str, object], record: str, namespace: str, shaping: Shaping | None
    ) -> Json:
        for attribute in ("aliases", "default"):
            _refuse(field, attribute, where=f"{record}.{field['name']}")
        return {**field, "type": self.write(field["type"], namespace, shaping)}


def _elements(shaping: Shaping | None, kind: str) -> Shaping | None:
    """Give what becomes of an array's elements, or of a map's values."""
    if not isinstance(shaping, Repeated):
        return None
    if kind == "map":
        assert isinstance(shaping.items, Entered)
        return shaping.items.fields[1]
    return shaping.items


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
