"""The resources that come with the project: a folder each under `schemas/resources`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from schemas.catalogue.avro import check_schema
from schemas.catalogue.contract import Contract
from schemas.catalogue.odcs import parse_contract
from schemas.errors import UnknownName


@cache
def packaged_resources() -> tuple[str, ...]:
    """Return the ids of the resources that come with the project."""
    return tuple(
        sorted(
            entry.name
            for entry in files("schemas").joinpath("resources").iterdir()
            if "." in entry.name and entry.is_dir()
        )
    )


def packaged_document(resource: str) -> tuple[Any, str]:
    """Return the document of a packaged resource's entry, and where it lies.

    Raises:
        UnknownName: there is none of that name; the remedy lists those there are.
    """
    if resource not in packaged_resources():
        raise UnknownName(
            f"there is no resource {resource!r}",
            remedy=f"Known resources: {', '.join(packaged_resources())}",
        )
    file = files("schemas").joinpath("resources", resource, "contract.yaml")
    return yaml.safe_load(file.read_text("utf-8")), f"resources/{resource}/contract.yaml"


def packaged_resource(resource: str) -> tuple[Contract, dict[str, Any]]:
    """Return contract and version 1 schema of a resource that comes with the project.

    Raises:
        UnknownName: there is none of that name; the remedy lists those there are.
    """
    document, where = packaged_document(resource)
    contract = parse_contract(document, where)
    file = files("schemas").joinpath("resources", resource, contract.schema_file)
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    check_schema(contract, schema, where)
    return contract, schema
