"""Does an Avro schema hold the change events of a catalogue entry?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.catalogue.contract import Contract, Item
from schemas.codec import load_event_schema
from schemas.errors import IncompatibleSchema, InvalidContract, InvalidInput, InvalidPolicy
from schemas.evolution import Rules, judge
from schemas.policy import Policy, view_schema
from schemas.policy.schema_reading import read_record
from schemas.schema_text import schema_text

GUIDE_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "C": frozenset({"string", "enum", "array"}),
    "N": frozenset({"int", "long", "float", "double", "decimal"}),
    "Y": frozenset({"decimal"}),
    "D": frozenset({"date"}),
    "T": frozenset({"timestamp-millis", "timestamp-micros"}),
    "L": frozenset({"boolean"}),
    "M": frozenset({"string", "array", "record"}),
    "G": frozenset({"record", "array", "bytes", "fixed", "map", "string"}),
    "B": frozenset({"double", "decimal"}),
    "I": frozenset({"int", "long"}),
    "F": frozenset({"float", "double"}),
}
"""What each data type of the directory guide may be in Avro, by logical type where it has one."""


def check_schema(
    contract: Contract,
    schema: Mapping[str, Any],
    where: str = "",
    earlier: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """Check that a schema is one of this contract's change events, can be registered and enforced.

    Args:
        contract: the entry.
        schema: of its change events.
        where: what an error names.
        earlier: the schemas that it follows, by version; with none it is a first version.

    Raises:
        IncompatibleSchema: it may not follow the earlier ones, by Avro's rules or the bus's
            (`schemas.evolution`).
        InvalidContract: it is no schema that the registry takes or that enforcement can hold
            records to, the bus's envelope is not first, the items differ in name, order, type or
            in whether they may be null, the key is no string, or anything has a default or an
            alias.
    """
    try:
        # First: it bounds what is walked below.
        schema_text(schema)
        names = [field.name for field in read_record(schema).fields]
        expected = ["envelope", *(item.name for item in contract.items)]
        if names != expected:
            raise InvalidContract(
                f"the schema's fields are {', '.join(names)}",
                where=where,
                remedy=f"The contract asks for {', '.join(expected)}, in that order",
            )
        if _meaning(schema["fields"][0]["type"]) != _meaning(load_event_schema("envelope")):
            raise InvalidContract(
                "the envelope is another one than the bus's",
                where=where,
                remedy="Take the envelope's type from schemas/events/envelope.avsc",
            )
        # Whoever is let through everything finds every fault that a view's schema can have.
        everything = Policy.kept(contract.resource, [item.name for item in contract.items])
        schema_text(view_schema(everything, schema, key_item=contract.key))
        # The registry's judgement, so that it takes what is accepted here.
        verdict = judge(Rules.CHANGE_EVENT, schema, earlier or {})
        if not verdict.is_compatible and earlier:
            raise IncompatibleSchema(
                f"the schema may not follow: {'; '.join(verdict.told())}",
                where=where,
                remedy="Keep every item as it is; add items at the end, nullable with default null",
            )
        if not verdict.is_compatible:
            raise InvalidContract(
                f"the schema can't be a first version: {verdict.told()[0]}", where=where
            )
        for item, field in zip(contract.items, schema["fields"][1:], strict=True):
            _check_item(item, field["type"])
    except InvalidContract:
        raise
    except InvalidPolicy as error:
        raise InvalidContract(f"the schema can't be enforced: {error}", where=where) from error
    except InvalidInput as error:
        raise InvalidContract(error.problem, where=where) from error


def nullable(avro: Any) -> bool:
    """Tell whether a value of a type may be null."""
    return avro == "null" or (isinstance(avro, list) and "null" in avro)


def without_null(avro: Any) -> Any:
    """Return the type that a value has where it is not null; a union of several stays a list."""
    if not isinstance(avro, list):
        return avro
    branches = [branch for branch in avro if branch != "null"]
    return branches[0] if len(branches) == 1 else branches


def type_name(avro: Any) -> str:
    """Return the name of a type: the logical one where it has one; `union` for several."""
    if isinstance(avro, list):
        return "union"
    if isinstance(avro, Mapping):
        return str(avro.get("logicalType", avro["type"]))
    return str(avro)


def _check_item(item: Item, avro: Any) -> None:
    if item.required == nullable(avro):
        may = "may be null" if item.required else "may not be null"
        raise InvalidContract(
            f"{item.name} is {'' if item.required else 'not '}required, and {may} in the schema"
        )
    inner = without_null(avro)
    name = type_name(inner)
    if name not in GUIDE_TYPES[item.type] and isinstance(inner, str | Mapping):
        raise InvalidContract(
            f"{item.name} is of data type {item.type}, and {name} in the schema",
            remedy=f"{item.type} is one of: {', '.join(sorted(GUIDE_TYPES[item.type]))}",
        )
    symbols = set(inner["symbols"]) if name == "enum" else set()
    if symbols != item.symbols.keys():
        raise InvalidContract(
            f"the symbols of {item.name} and their titles are not the same ones",
            remedy="Give each symbol of the enum its Chinese title under symbols",
        )


def _meaning(schema: Any) -> Any:
    """Return a schema without its documentation."""
    if isinstance(schema, Mapping):
        return {name: _meaning(part) for name, part in schema.items() if name != "doc"}
    return [_meaning(part) for part in schema] if isinstance(schema, list) else schema
