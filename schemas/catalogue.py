"""Catalogue entries: the contract of a resource, and the rules it must keep (R7, R9, R10.1).

A contract is a YAML or JSON document beside the Avro schema of its change events. Reading one
checks everything that can be checked without asking anybody; the errors name item and rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.codec import load_event_schema
from schemas.errors import InvalidContract, InvalidInput, InvalidPolicy, UnknownName
from schemas.names import check_resource
from schemas.policy import Policy, view_schema
from schemas.policy.schema_reading import read_record
from schemas.schema_text import schema_text

_UPDATE_CYCLES = "real-time|daily|weekly|monthly|quarterly|half-yearly|yearly|irregular"


class ShareType(StrEnum):
    """How an item is shared (R9): 无条件, 有条件, 不予."""

    UNCONDITIONAL = "unconditional"
    CONDITIONAL = "conditional"
    NOT_SHARED = "not_shared"


class BasisLevel(StrEnum):
    """What may justify not sharing (R10.1); departmental rules and local regulations may not."""

    LAW = "law"
    ADMINISTRATIVE_REGULATION = "administrative_regulation"
    CENTRAL_POLICY = "central_policy"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Basis(_Document):
    """The legal basis of an item that is not shared (R10.1)."""

    level: BasisLevel
    citation: Annotated[str, Field(min_length=4)]


class Item(_Document):
    """One item 信息项: its name in the schema, its Chinese title, data type and share type."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    title: Annotated[str, Field(min_length=1)]
    type: Annotated[str, Field(pattern=r"^[CNYDTLMGBIF]$")]
    length: Annotated[int, Field(gt=0)]
    share: ShareType
    condition: str = ""
    basis: Basis | None = None


class Contract(_Document):
    """The catalogue entry of one resource.

    `partitions` is the partition count of `raw` and `accepted`; it never changes, because a key's
    order holds only within its partition.
    """

    resource: str
    name: Annotated[str, Field(min_length=1)]
    summary: Annotated[str, Field(min_length=1)]
    category: Annotated[str, Field(pattern=r"^(base|thematic|department)$")]
    update_cycle: Annotated[str, Field(pattern=f"^({_UPDATE_CYCLES})$")]
    schema_file: Annotated[str, Field(alias="schema", pattern=r"^v[0-9]+\.avsc$")]
    key: str
    partitions: Annotated[int, Field(ge=1, le=1000)]
    items: Annotated[tuple[Item, ...], Field(min_length=1)]

    def item(self, name: str) -> Item:
        """Return the item of that name.

        Raises:
            UnknownName: there is none; the remedy lists those there are.
        """
        for item in self.items:
            if item.name == name:
                return item
        raise UnknownName(
            f"{self.resource} has no item {name!r}",
            remedy=f"Its items are: {', '.join(item.name for item in self.items)}",
        )

    def shared(self, share: ShareType) -> tuple[str, ...]:
        """Return the names of the items of one share type, in order."""
        return tuple(item.name for item in self.items if item.share is share)


def parse_contract(document: object, where: str = "") -> Contract:
    """Return the contract that a YAML or JSON document says.

    Raises:
        InvalidContract: naming the first rule it breaks.
    """
    try:
        contract = Contract.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidContract(f"{place}: {first['msg']}", where=where) from error
    _check(contract, where)
    return contract


def contract_json(contract: Contract) -> str:
    """Return the contract as canonical JSON, the form that the ledger keeps."""
    document = contract.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def check_schema(contract: Contract, schema: Mapping[str, Any], where: str = "") -> None:
    """Check that a schema is one of this contract's change events, can be registered and enforced.

    Raises:
        InvalidContract: it is no schema that the registry takes or that enforcement can hold
            records to, the bus's envelope is not first, the items differ, the key is no string, or
            anything has a default or an alias.
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
        everything = Policy(contract.resource, tuple(item.name for item in contract.items))
        schema_text(view_schema(everything, schema, key_item=contract.key))
    except InvalidContract:
        raise
    except InvalidPolicy as error:
        raise InvalidContract(f"the schema can't be enforced: {error}", where=where) from error
    except InvalidInput as error:
        raise InvalidContract(error.problem, where=where) from error


def packaged_resources() -> tuple[str, ...]:
    """Return the ids of the resources that come with the project."""
    return tuple(
        sorted(
            entry.name
            for entry in files("schemas").joinpath("resources").iterdir()
            if "." in entry.name and entry.is_dir()
        )
    )


def packaged_resource(resource: str) -> tuple[Contract, dict[str, Any]]:
    """Return contract and version 1 schema of a resource that comes with the project.

    Raises:
        UnknownName: there is none of that name; the remedy lists those there are.
    """
    if resource not in packaged_resources():
        raise UnknownName(
            f"there is no resource {resource!r}",
            remedy=f"Known resources: {', '.join(packaged_resources())}",
        )
    folder = files("schemas").joinpath("resources", resource)
    where = f"resources/{resource}/contract.yaml"
    document = yaml.safe_load(folder.joinpath("contract.yaml").read_text("utf-8"))
    contract = parse_contract(document, where)
    schema: dict[str, Any] = json.loads(folder.joinpath(contract.schema_file).read_text("utf-8"))
    check_schema(contract, schema, where)
    return contract, schema


def _meaning(schema: Any) -> Any:
    """Return a schema without its documentation."""
    if isinstance(schema, Mapping):
        return {name: _meaning(part) for name, part in schema.items() if name != "doc"}
    return [_meaning(part) for part in schema] if isinstance(schema, list) else schema


def _check(contract: Contract, where: str) -> None:
    try:
        check_resource(contract.resource)
    except InvalidInput as error:
        raise InvalidContract(error.problem, where=where, remedy=error.remedy) from error
    names = [item.name for item in contract.items]
    if len(set(names)) != len(names):
        raise InvalidContract("two items have the same name", where=where)
    if contract.key not in names:
        raise InvalidContract(f"the key {contract.key!r} is not among the items", where=where)
    for item in contract.items:
        if item.share is ShareType.NOT_SHARED and item.basis is None:
            raise InvalidContract(
                f"{item.name} is not shared and cites no basis (R10.1)",
                where=where,
                remedy="Cite a law, an administrative regulation, or a central policy under basis",
            )
        if item.share is ShareType.CONDITIONAL and not item.condition:
            raise InvalidContract(
                f"{item.name} is conditional and names no condition (R9)", where=where
            )
